package smtpace

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

func multipart(t *testing.T, to string) *mail.Msg {
	m := newMsg(t, to)
	m.AddAlternativeString(mail.TypeTextHTML, "<p>hello</p>")
	return m
}

// Bytes that cannot be made again are kept, in memory or in a file.
func TestBytesThatDifferAreKept(t *testing.T) {
	for name, test := range map[string]struct {
		dir   func(t *testing.T) string
		held  int // while it waits
		files int
	}{
		"memory":                 {func(*testing.T) string { return "" }, 1, 0},
		"file":                   {func(t *testing.T) string { return t.TempDir() }, 0, 1},
		"file cannot be written": {gone, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := test.dir(t)
			inWorld(t, putOff(2), func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				s.cfg.SpoolDir = dir
				var differs atomic.Bool
				differs.Store(true)
				var got results
				if _, err := submitLater(t, s, Message{Msg: unsteady(t, &differs, "a@x.example"), ID: "m"}, got.done); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if n := held(s); n != test.held {
					t.Errorf("%d messages are held, want %d", n, test.held)
				}
				if n := len(files(t, dir)); n != test.files {
					t.Errorf("%d files, want %d", n, test.files)
				}
				time.Sleep(time.Hour)
				if r := got.of("m"); r == nil || !r.Delivered() {
					t.Fatalf("%+v", r)
				}
				if by := sums(srv); len(by) != 1 || srv.Stats().Messages != 1 {
					t.Errorf("%d different messages were sent", len(by))
				}
				if n := len(files(t, dir)) + held(s); n != 0 {
					t.Errorf("%d files or messages are left", n)
				}
				for i := range s.msgs.shards {
					if n := len(s.msgs.shards[i].uses); n != 0 {
						t.Errorf("%d Msgs are in use yet", n)
					}
				}
			})
		})
	}
}

// gone returns a directory that does not exist any more.
func gone(t *testing.T) string { return filepath.Join(t.TempDir(), "gone") }

func files(t *testing.T, dir string) []string {
	t.Helper()
	if dir == "" {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// What comes out differently after it was sent and dropped is never sent.
func TestChangedBytesAreNeverSent(t *testing.T) {
	var differs atomic.Bool
	for name, test := range map[string]struct {
		message func(t *testing.T) Message
		change  func(m Message, dir string)
	}{
		"Msg": {
			func(t *testing.T) Message { return Message{Msg: unsteady(t, &differs, "a@x.example"), ID: "m"} },
			func(Message, string) { differs.Store(true) },
		},
		"Data": {
			func(*testing.T) Message { return rendered("m", "a@x.example") },
			func(m Message, _ string) { m.Data[len(m.Data)-3] = '!' },
		},
		"file": {
			func(t *testing.T) Message {
				differs.Store(true)
				return Message{Msg: unsteady(t, &differs, "a@x.example"), ID: "m"}
			},
			func(_ Message, dir string) { overwrite(dir) },
		},
		"file that is gone": {
			func(t *testing.T) Message {
				differs.Store(true)
				return Message{Msg: unsteady(t, &differs, "a@x.example"), ID: "m"}
			},
			func(_ Message, dir string) { removeFiles(dir) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			differs.Store(false)
			dir := t.TempDir()
			inWorld(t, putOff(1), func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, SpoolDir: dir})
				var got results
				m := test.message(t)
				if _, err := submitLater(t, s, m, got.done); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				synctest.Wait() // what was sent has been read
				test.change(m, dir)
				time.Sleep(time.Hour)
				r := got.of("m")
				if r == nil || r.Recipients[0].Status != GaveUp || !errors.Is(r.Err(), ErrChanged) {
					t.Fatalf("%+v", r)
				}
				if by := sums(srv); len(by) != 1 || srv.Stats().Messages != 0 {
					t.Errorf("%d different messages were sent, %d delivered", len(by), srv.Stats().Messages)
				}
			})
		})
	}
}

func each(dir string, f func(name string) error) {
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range names {
		if err := f(name); err != nil {
			panic(err)
		}
	}
}

func overwrite(dir string) {
	each(dir, func(name string) error { return os.WriteFile(name, []byte("A: b\r\n\r\nchanged\r\n"), 0o600) })
}

func removeFiles(dir string) { each(dir, os.Remove) }

// A copy in SpoolDir that cannot be seen for a while is local trouble. One that
// was cut off is not sent.
func TestSpoolDirTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(dir string)
		mend  func(dir string)
		want  error // nil: it is delivered
	}{
		"directory away for a while": {func(dir string) { mustDo(os.Rename(dir, dir+".away")) }, func(dir string) { mustDo(os.Rename(dir+".away", dir)) }, nil},
		"cut inside a line end":      {func(dir string) { cut(dir, 1) }, nil, ErrChanged},
		"cut":                        {func(dir string) { cut(dir, 7) }, nil, ErrChanged},
		"empty":                      {func(dir string) { cut(dir, 1<<20) }, nil, ErrChanged},
		"not a file any more": {
			func(dir string) {
				each(dir, func(name string) error { return errors.Join(os.Rename(name, dir+".copy"), os.Mkdir(name, 0o700)) })
			},
			func(dir string) {
				each(dir, func(name string) error { return errors.Join(os.Remove(name), os.Rename(dir+".copy", name)) })
			}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "spool")
			mustDo(os.Mkdir(dir, 0o700))
			inWorld(t, putOff(1), func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, SpoolDir: dir})
				var differs atomic.Bool
				differs.Store(true)
				sub, err := submitLater(t, s, Message{Msg: unsteady(t, &differs, "a@x.example")}, nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				test.spoil(dir)
				time.Sleep(30 * time.Minute)
				if test.mend != nil {
					if r := sub.Result(); r != nil {
						t.Fatalf("settled by local trouble: %v", r.Err())
					}
					test.mend(dir)
				}
				<-sub.Done()
				if err := sub.Result().Err(); !errors.Is(err, test.want) || len(sums(srv)) != 1 {
					t.Errorf("%v, want %v; %d different messages were sent", err, test.want, len(sums(srv)))
				}
			})
		})
	}
}

// A copy that is gone or spoilt is ErrChanged and says so. One that cannot be seen may come
// back.
func TestReadBody(t *testing.T) {
	dir := t.TempDir()
	data := []byte("Subject: x\r\n\r\nhello\r\n")
	name, err := writeFile(dir, data)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := readBody(name); err != nil || !bytes.Equal(body.Bytes(), data) {
		t.Errorf("got %q, %v", body.Bytes(), err)
	}
	mustDo(os.WriteFile(name, data[:len(data)-1], 0o600))
	if body, err := readBody(name); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "its copy in Config.SpoolDir: ") || body.Len() != 0 {
		t.Errorf("of a spoilt file: got %q, %v", body.Bytes(), err)
	}
	mustDo(os.Remove(name))
	if _, err := readBody(name); !errors.Is(err, ErrChanged) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a file that is gone: got %v", err)
	}
	mustDo(os.Remove(dir))
	if _, err := readBody(name); err == nil || errors.Is(err, ErrChanged) {
		t.Errorf("of a directory that is gone: got %v", err)
	}
	if _, err := writeFile(dir, data); err == nil {
		t.Error("a file was written into a directory that is gone")
	}
}

func mustDo(err error) {
	if err != nil {
		panic(err)
	}
}

// cut removes the last n bytes of every file.
func cut(dir string, n int64) {
	each(dir, func(name string) error {
		info, err := os.Stat(name)
		return errors.Join(err, os.Truncate(name, max(info.Size()-n, 0)))
	})
}

// A message that was settled meanwhile is neither rendered again nor left in a file.
func TestSettledMessagesAreNotKept(t *testing.T) {
	for _, open := range []int{0, 1} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			dir := t.TempDir()
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, SpoolDir: dir})
			data := []byte("Subject: x\r\n\r\nhello\r\n")
			sub := &Submission{sender: s, message: Message{Data: data}, open: open}
			sub.owned = true
			if kept := sub.spool(data); kept != (open > 0) || len(files(t, dir)) != open || (sub.file != "") != kept || (sub.message.Data == nil) != kept {
				t.Errorf("%d open: kept %v in %q, %d files", open, kept, sub.file, len(files(t, dir)))
			}
			removeFiles(dir)
			read := false
			sub = &Submission{sender: s, open: open, message: Message{Msg: newMsg(t, "a@x.example")}}
			sub.message.Msg.SetBodyWriter(mail.TypeTextPlain, func(io.Writer) (int64, error) { read = true; return 0, nil })
			if sub.prove(sha256.Sum256(data)) != repeatsOther || read != (open > 0) {
				t.Errorf("%d open: the Msg was read: %v", open, read)
			}
			if !sub.mu.TryLock() {
				t.Errorf("%d open: the message stays locked", open)
			}
		})
	}
}
