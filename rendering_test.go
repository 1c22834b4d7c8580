package smtpace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// slowMsg returns a Msg that takes so long to render.
func slowMsg(t *testing.T, takes time.Duration, text string, to ...string) Message {
	m := newMsg(t, to...)
	m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
		time.Sleep(takes)
		n, err := io.WriteString(w, text)
		return int64(n), err
	})
	return Message{Msg: m}
}

// oneConnection returns a relay with one connection.
func oneConnection(srv *smtptest.Server) Relay {
	r := relayTo(srv)
	r.Limits = throttle.Limits{Connections: 1}
	return r
}

// The dot of a message does not wait for the rendering of the next one.
func TestDotDoesNotWaitForTheFollower(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{oneConnection(srv)}})
		s.Pause("a.example")
		s.Pause("b.example")
		one, err := submitLater(t, s, rendered("1", "x@a.example"), nil)
		two, err2 := submitLater(t, s, slowMsg(t, time.Minute, "hello", "y@b.example"), nil)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		s.Resume("a.example")
		s.Resume("b.example")
		<-one.Done()
		if took := time.Since(start); took > time.Second || !one.Result().Delivered() {
			t.Errorf("the first message took %v: %v", took, one.Result().Err())
		}
		<-two.Done()
		if !two.Result().Delivered() {
			t.Error(two.Result().Err())
		}
	})
}

// Tokens are not held while a message is rendered: others go meanwhile.
func TestRenderingHoldsNoTokens(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		r := relayTo(srv)
		r.Limits = throttle.Limits{Connections: 2}
		s := newSender(t, Config{Relays: []Relay{r}, Destination: throttle.Limits{Connections: 1}})
		slow, err := submitLater(t, s, slowMsg(t, time.Minute, "hello", "y@b.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		st := s.sched.Stats(time.Now())
		if st.InFlight != 0 {
			t.Errorf("%d grants are held while the message is rendered", st.InFlight)
		}
		<-slow.Done()
		if !slow.Result().Delivered() {
			t.Error(slow.Result().Err())
		}
	})
}

// Busy connections find their next message rendered: its envelope goes with the
// dot of the one before.
func TestMsgsFollow(t *testing.T) {
	const n = 40
	inWorld(t, smtptest.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{oneConnection(srv)}})
		start := time.Now()
		err := s.SendAll(t.Context(), func(yield func(Message) bool) {
			for i := range n {
				if !yield(slowMsg(t, time.Microsecond, fmt.Sprint("text ", i), "x@a.example")) {
					return
				}
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		msgs := time.Since(start)
		start = time.Now()
		err = s.SendAll(t.Context(), func(yield func(Message) bool) {
			for i := range n {
				if !yield(rendered(fmt.Sprint(i), "x@a.example")) {
					return
				}
			}
		}, nil)
		if data := time.Since(start); err != nil || msgs > data+data/4 {
			t.Errorf("Msgs take %v and Data %v, %v", msgs, data, err)
		}
		if n := held(s); n != 0 {
			t.Errorf("%d are held", n)
		}
	})
}

// A Send that ends while its message is rendered takes up nothing afterwards.
func TestCancelWhileRendering(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, MaxQueuedBytes: 10 << 20})
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			_, err := s.Send(ctx, slowMsg(t, time.Second, strings.Repeat("hello hello hello hello\n", 1<<16), "x@a.example"))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
		}
		checkEmpty(t, s.single)
		if n := held(s); n != 0 {
			t.Errorf("%d are held", n)
		}
	})
}

// Close and Shutdown do not wait for the writer of a Msg, whether it runs for the
// first time or to prove that it writes the same again.
func TestCloseWhileRendering(t *testing.T) {
	for name, end := range map[string]func(*Sender) error{
		"Close":    (*Sender).Close,
		"Shutdown": func(s *Sender) error { return s.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				sub, err := submitLater(t, s, slowMsg(t, 10*time.Minute, "hello", "y@b.example"), nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				checkEnds(t, s, end, sub, NotTried)
			})
		})
		t.Run(name+" while Submit renders", func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				refused := make(chan error)
				go func() {
					_, err := s.Submit(t.Context(), slowMsg(t, 10*time.Minute, "hello", "y@b.example"), nil)
					refused <- err
				}()
				time.Sleep(time.Second)
				start := time.Now()
				if err := end(s); err != nil {
					t.Error(err)
				}
				if err := <-refused; !errors.Is(err, ErrClosed) || time.Since(start) > 100*time.Millisecond {
					t.Errorf("%v after %v, want ErrClosed within 100 ms", err, time.Since(start))
				}
				checkEmpty(t, s.single)
				time.Sleep(time.Hour) // until the writer returns
			})
		})
		t.Run(name+" while it is proved", func(t *testing.T) {
			inWorld(t, putOff(1), func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, SpoolDir: ""})
				var slow atomic.Bool
				m := newMsg(t, "y@b.example")
				m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
					if slow.Swap(true) {
						time.Sleep(10 * time.Minute)
					}
					n, err := io.WriteString(w, "hello")
					return int64(n), err
				})
				sub, err := submitLater(t, s, Message{Msg: m}, nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				checkEnds(t, s, end, sub, GaveUp)
			})
		})
	}
}

// checkEnds ends s, which must be quick, and have the message end with ErrClosed.
func checkEnds(t *testing.T, s *Sender, end func(*Sender) error, sub *Submission, status Status) {
	t.Helper()
	start := time.Now()
	if err := end(s); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 100*time.Millisecond {
		t.Errorf("took %v", took)
	}
	r := sub.Result()
	if r == nil || r.Recipients[0].Status != status || !errors.Is(r.Err(), ErrClosed) {
		t.Errorf("%+v", r)
	}
	if n := held(s); n != 0 {
		t.Errorf("%d are held", n)
	}
	time.Sleep(time.Hour) // until the writer returns
}

// Msgs of more bytes than may be held are sent. Few are rendered twice: those that
// others push out before their turn.
func TestLargeMsgsAreSent(t *testing.T) {
	for name, bytes := range map[string]int64{"more than all": 1000, "more than an eighth": 40_000} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, MaxHeldBytes: bytes})
				var renderings atomic.Int64
				var subs []*Submission
				for i := range 10 {
					m := newMsg(t, "x@a.example")
					m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
						renderings.Add(1)
						n, err := io.WriteString(w, strings.Repeat(fmt.Sprintf("line %d\r\n", i), 1000))
						return int64(n), err
					})
					sub, err := submitLater(t, s, Message{Msg: m}, nil)
					if err != nil {
						t.Fatal(err)
					}
					subs = append(subs, sub)
				}
				start := time.Now()
				for _, sub := range subs {
					select {
					case <-sub.Done():
					case <-time.After(time.Hour):
						t.Fatal("not sent within an hour")
					}
				}
				if n := renderings.Load(); n > 15 || time.Since(start) > 5*time.Second {
					t.Errorf("10 messages were rendered %d times and took %v", n, time.Since(start))
				}
			})
		})
	}
}

// TestWhatRidesBehindADot is a message whose bytes are there: none is rendered or read
// from a file between a body and its dot.
func TestWhatRidesBehindADot(t *testing.T) {
	text := []byte("Subject: x\r\n\r\nhello\r\n")
	body, err := pool.NewBody(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		sub  *Submission
		want bool
	}{
		{"the caller's bytes", &Submission{message: Message{Data: text}, content: content{body: body}}, true},
		{"a Msg", &Submission{message: Message{Msg: newMsg(t, "ann@example.com")}}, false},
		{"a Msg that is rendered", &Submission{message: Message{Msg: newMsg(t, "ann@example.com")}, content: content{body: body}}, true},
		{"bytes in a file", &Submission{content: content{owned: true, file: "spool"}}, false},
		{"bytes that were read from a file", &Submission{content: content{owned: true, file: "spool", body: body}}, true},
		{"own bytes", &Submission{content: content{owned: true, body: body}}, true},
	} {
		if got := tt.sub.isReady(); got != tt.want {
			t.Errorf("%s: ready is %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A rendering that ends is waited for, shortly when the Sender has been closed: its bytes
// are those of a message that is on its way.
func TestWaitingForARendering(t *testing.T) {
	errOwn := errors.New("ours")
	for name, test := range map[string]struct {
		closed bool
		takes  time.Duration
		want   error
		waits  time.Duration
	}{
		"slow":                   {false, time.Hour, errOwn, time.Hour},
		"closed, nearly done":    {true, abandonAfter - 1, errOwn, abandonAfter - 1},
		"closed, slow":           {true, abandonAfter + 1, ErrClosed, abandonAfter},
		"closed, done long ago":  {true, -time.Second, errOwn, 0},
		"not closed, long ended": {false, -time.Second, errOwn, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				r := &rendering{done: make(chan struct{})}
				time.AfterFunc(max(test.takes, 0), func() { r.err = errOwn; close(r.done) })
				if test.takes < 0 {
					time.Sleep(time.Nanosecond)
				}
				if test.closed {
					mustDo(s.Close())
				}
				start := time.Now()
				if _, err := s.await(r); !errors.Is(err, test.want) || time.Since(start) != test.waits {
					t.Errorf("got %v after %v, want %v after %v", err, time.Since(start), test.want, test.waits)
				}
				time.Sleep(time.Second)
				if stopped := r.aborted.Load(); stopped && !test.closed || !stopped && test.want == ErrClosed {
					t.Errorf("stopped is %v", stopped)
				}
			})
		})
	}
}

// TestARenderedMsgCountsAsItIs: once rendered, a Msg takes its real size of
// MaxQueuedBytes.
func TestARenderedMsgCountsAsItIs(t *testing.T) {
	for size, waits := range map[int]bool{1 << 10: false, 4 << 20: true} {
		inWorld(t, putOff(1), func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, MaxQueuedBytes: 5 << 20})
			m := newMsg(t, "ann@a.example")
			m.SetBodyString(mail.TypeTextPlain, strings.Repeat(strings.Repeat("x", 60)+"\n", size/61))
			first, err := s.Submit(t.Context(), Message{Msg: m}, nil)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // it is refused for now
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			second := rendered("m", "bob@b.example")
			second.Data = append(second.Data, strings.Repeat(strings.Repeat("y", 62)+"\r\n", 1<<15)...) // 2 MiB
			if _, err := s.Submit(ctx, second, nil); (err != nil) != waits {
				t.Errorf("behind %d bytes: got %v, want that it waits: %v", size, err, waits)
			}
			<-first.Done()
		})
	}
}
