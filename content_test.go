package smtpace

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
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

// unsteady is a Msg that renders differently every time until it is steady.
func unsteady(t *testing.T, differs *atomic.Bool, to string) *mail.Msg {
	t.Helper()
	m, n := newMsg(t, to), 0
	m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
		if differs.Load() {
			n++
		}
		k, err := fmt.Fprintf(w, "rendering %d\r\n", n)
		return int64(k), err
	})
	return m
}

// lf is a message whose Data has to be copied for its line ends.
func lf(id string, to ...string) Message {
	m := rendered(id, to...)
	m.Data = []byte(strings.ReplaceAll(string(m.Data), "\r\n", "\n"))
	return m
}

// putOff refuses the first n dots of all messages, with a reply that has them
// wait for long.
func putOff(n int) smtptest.Config {
	return smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageDot && n > 0 {
			n--
			return &smtptest.Fault{Reply: "451 4.3.0 not now"}
		}
		return nil
	}}
}

// sums are the hashes of all that a receiver was given.
func sums(srv *smtptest.Server) map[[sha256.Size]byte]int {
	by := map[[sha256.Size]byte]int{}
	for _, tx := range srv.Transactions() {
		by[tx.SHA256]++
	}
	return by
}

func heldBytes(s *Sender) int64 { return s.sched.Stats(time.Now()).HeldBytes }
func held(s *Sender) int        { return s.sched.Stats(time.Now()).Held }

// Bytes are dropped when the next try is far, and the next try sends the same.
func TestBytesAreDroppedAndMadeAgain(t *testing.T) {
	var steady atomic.Bool // false: it does not differ
	for name, m := range map[string]func(t *testing.T) Message{
		"Data":           func(*testing.T) Message { return rendered("m", "a@x.example") },
		"Data with LF":   func(*testing.T) Message { return lf("m", "a@x.example") },
		"Msg":            func(t *testing.T) Message { return Message{Msg: newMsg(t, "a@x.example"), ID: "m"} },
		"steady Msg":     func(t *testing.T) Message { return Message{Msg: unsteady(t, &steady, "a@x.example"), ID: "m"} },
		"multipart Msg":  func(t *testing.T) Message { return Message{Msg: multipart(t, "a@x.example"), ID: "m"} },
		"two recipients": func(*testing.T) Message { return lf("m", "a@x.example", "b@y.example") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, putOff(2), func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				var got results
				if _, err := s.Submit(t.Context(), m(t), got.done); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if n, bytes := held(s), heldBytes(s); n != 0 || bytes != 0 {
					t.Errorf("%d messages of %d bytes are held while they wait", n, bytes)
				}
				time.Sleep(time.Hour)
				if r := got.of("m"); r == nil || !r.Delivered() {
					t.Fatalf("%+v", r)
				}
				if by := sums(srv); len(by) != 1 {
					t.Errorf("%d different messages were sent", len(by))
				}
			})
		})
	}
}

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
				if _, err := s.Submit(t.Context(), Message{Msg: unsteady(t, &differs, "a@x.example"), ID: "m"}, got.done); err != nil {
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
			})
		})
	}
}

// gone is a directory that does not exist any more.
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
				if _, err := s.Submit(t.Context(), m, got.done); err != nil {
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

// A Msg that fails when it is to be rendered again is local trouble: it is sent
// when that is over.
func TestRenderingAgainIsTriedAgain(t *testing.T) {
	inWorld(t, putOff(1), func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var fails atomic.Bool
		m := newMsg(t, "a@x.example")
		m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
			if fails.Load() {
				return 0, errors.New("too many open files")
			}
			n, err := io.WriteString(w, "text\r\n")
			return int64(n), err
		})
		var got results
		if _, err := s.Submit(t.Context(), Message{Msg: m, ID: "m"}, got.done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		fails.Store(true)
		time.Sleep(20 * time.Minute)
		if r := got.of("m"); r != nil {
			t.Fatalf("settled by local trouble: %+v", r)
		}
		fails.Store(false)
		time.Sleep(longestFailureGap + time.Second)
		if r := got.of("m"); r == nil || !r.Delivered() || len(sums(srv)) != 1 {
			t.Fatalf("%+v, %d different messages", r, len(sums(srv)))
		}
	})
}

// Before a transaction was begun a Msg may come out differently.
func TestBytesAreFreeUntilTheFirstTransaction(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var differs atomic.Bool
		differs.Store(true)
		sub := &Submission{sender: s, message: Message{Msg: unsteady(t, &differs, "a@x.example")}, open: 1}
		d := &delivery{sub: sub, route: route{destination: "x.example"}}
		first, err := sub.render()
		sub.startLocked(d, first)
		sub.finishLocked(false)
		sub.drop()
		if sub.body.Len() != 0 || held(s) != 0 {
			t.Fatal("the bytes are not dropped")
		}
		second, err2 := sub.render()
		if err != nil || err2 != nil || bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%v, %v: the same bytes", err, err2)
		}
	})
}

// What waits without a time for its next try is dropped after a while.
func TestBytesOfAPausedDestinationAreDropped(t *testing.T) {
	inWorld(t, smtptest.Config{Latency: time.Second}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("y.example")
		var got results
		if _, err := s.Submit(t.Context(), lf("m", "a@x.example", "b@y.example"), got.done); err != nil {
			t.Fatal(err)
		}
		for held(s) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		for srv.Stats().Messages == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(keepRendered - time.Second)
		if held(s) != 1 {
			t.Error("the bytes are dropped at once")
		}
		time.Sleep(3 * time.Second)
		if held(s) != 0 {
			t.Error("the bytes are held")
		}
		s.Resume("y.example")
		time.Sleep(time.Minute)
		if r := got.of("m"); r == nil || !r.Delivered() || held(s) != 0 {
			t.Errorf("%+v, %d held", r, held(s))
		}
	})
}

// However many messages rest, they are an eighth of what may be held.
func TestRestingIsBounded(t *testing.T) {
	r := newContentCache(Config{MaxInFlight: 80, MaxHeldBytes: 8000})
	defer r.stop()
	now := time.Now()
	gone := 0
	for range 30 {
		gone += len(r.add(&Submission{}, 10, now))
	}
	if gone != 20 || r.total != 100 {
		t.Errorf("%d of 30 messages went, %d bytes stay", gone, r.total)
	}
	if gone := len(r.add(&Submission{}, 950, now)); gone != 5 {
		t.Errorf("%d messages went for a large one", gone)
	}
	if gone := len(r.add(&Submission{}, 5000, now)); gone != 7 || r.total != 0 {
		t.Errorf("%d messages went for one that is too large, %d bytes stay", gone, r.total)
	}
}
