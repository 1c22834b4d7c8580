package smtpace

import (
	"bytes"
	"context"
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
	if gone := len(r.add(&Submission{}, 5000, now)); gone != 6 || r.total != 5000 {
		t.Errorf("%d messages went for one that is too large, %d bytes stay", gone, r.total)
	}
	if gone := len(r.add(&Submission{}, 10, now)); gone != 1 || r.total != 10 {
		t.Errorf("%d messages went for a small one, %d bytes stay", gone, r.total)
	}
}

// halfKnown is a Router that knows the route of one domain only after a while.
type halfKnown struct {
	domain string
	takes  time.Duration
	relay  Relay
}

func (r halfKnown) Route(_ context.Context, q RouteRequest) (Route, error) {
	if q.Domain == r.domain {
		time.Sleep(r.takes)
	}
	return Via(r.relay), nil
}

func (r halfKnown) RouteNow(q RouteRequest) (Route, error, bool) {
	return Via(r.relay), nil, q.Domain != r.domain
}

// The bytes of a message count for a destination that the Scheduler knows, while
// another part of the message is still being routed and after that.
func TestBytesCountForAKnownDestination(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		s := newSender(t, Config{Router: halfKnown{"b.example", 2 * time.Second, relay}})
		check := func() {
			t.Helper()
			total := 0
			for _, d := range s.sched.Stats(time.Now()).Destinations {
				if total += d.Held; d.Held < 0 {
					t.Fatalf("%s holds %d messages", d.Name, d.Held)
				}
			}
			if n := held(s); n != total {
				t.Fatalf("%d messages are held, %d by destinations", n, total)
			}
		}
		s.Pause("b.example")
		sub, err := s.Submit(t.Context(), lf("m", "a@a.example", "b@b.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			time.Sleep(100 * time.Millisecond)
			check()
		}
		if n := held(s); n != 1 {
			t.Errorf("%d messages are held, want 1", n)
		}
		s.Resume("b.example")
		<-sub.Done()
		time.Sleep(24 * time.Hour)
		check()
		if n := len(s.sched.Stats(time.Now()).Destinations); n != 0 {
			t.Errorf("%d destinations are left after a day", n)
		}
	})
}

// Data that the caller changes between two tries is not sent, even while its bytes
// stay in memory.
func TestDataChangedInMemoryIsNotSent(t *testing.T) {
	greylists := func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageDot && strings.HasPrefix(ev.Recipient, "a@") {
			return &smtptest.Fault{Reply: "451 4.3.0 not now"}
		}
		return nil
	}
	inWorld(t, smtptest.Config{Fault: greylists}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("b.example")
		m := rendered("m", "a@a.example", "b@b.example")
		sub, err := s.Submit(t.Context(), m, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := held(s); n != 1 {
			t.Fatalf("%d messages are held, want 1", n)
		}
		m.Data[len(m.Data)-3] = '!'
		s.Resume("b.example")
		<-sub.Done()
		if !errors.Is(sub.Result().Err(), ErrChanged) || len(sums(srv)) != 1 {
			t.Errorf("%v, %d different messages were sent", sub.Result().Err(), len(sums(srv)))
		}
	})
}

// A Msg that never renders the same goes to all its destinations with the same
// bytes, whenever their turn comes.
func TestUnsteadyMsgToManyDestinations(t *testing.T) {
	for name, dir := range map[string]func(t *testing.T) string{
		"memory": func(*testing.T) string { return "" },
		"file":   func(t *testing.T) string { return t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := dir(t)
			inWorld(t, putOff(2), func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, SpoolDir: dir})
				var n atomic.Int64
				m := newMsg(t, "x@a.example", "y@b.example", "z@c.example")
				m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
					k, err := fmt.Fprintf(w, "rendering %d\r\n", n.Add(1))
					return int64(k), err
				})
				s.Pause("b.example")
				sub, err := s.Submit(t.Context(), Message{Msg: m}, nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				s.Resume("b.example")
				<-sub.Done()
				if !sub.Result().Delivered() || len(sums(srv)) != 1 {
					t.Errorf("%v, %d different messages were sent", sub.Result().Err(), len(sums(srv)))
				}
				time.Sleep(time.Minute)
				if n := held(s) + len(files(t, dir)); n != 0 {
					t.Errorf("%d messages or files are left", n)
				}
			})
		})
	}
}

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
				sub, err := s.Submit(t.Context(), Message{Msg: unsteady(t, &differs, "a@x.example")}, nil)
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
