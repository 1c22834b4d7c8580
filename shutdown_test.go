package smtpace

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// hangs is a function of the user's that does not return for 10 minutes, once it
// was armed.
type hangs struct {
	mu    sync.Mutex
	armed bool
	calls int
}

func (h *hangs) call() {
	h.mu.Lock()
	armed := h.armed
	h.calls++
	h.mu.Unlock()
	if armed {
		time.Sleep(10 * time.Minute)
	}
}

func (h *hangs) arm(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.armed = on
}

// Save implements Memory.
func (h *hangs) Save([]byte) error { h.call(); return nil }

// Load implements Memory.
func (h *hangs) Load() ([]byte, error) { return nil, nil }

// hangingHandler is a slog.Handler that hangs.
type hangingHandler struct {
	slog.Handler
	h *hangs
}

func (l hangingHandler) Handle(context.Context, slog.Record) error { l.h.call(); return nil }

// hangingCallbacks are the functions of the user's, by the name that an error must
// have for them.
var hangingCallbacks = map[string]func(cfg *Config, h *hangs){
	"a done function": func(*Config, *hangs) {},
	"Observer.Accepted": func(cfg *Config, h *hangs) {
		observe(cfg, Observer{Accepted: func(context.Context, Acceptance) { h.call() }})
	},
	"Observer.Try":     func(cfg *Config, h *hangs) { observe(cfg, Observer{Try: func(Try) { h.call() }}) },
	"Observer.Settled": func(cfg *Config, h *hangs) { observe(cfg, Observer{Settled: func(*Result) { h.call() }}) },
	"Observer.Reply":   func(cfg *Config, h *hangs) { observe(cfg, Observer{Reply: func(ReplyRead) { h.call() }}) },
	"Observer.Opened":  func(cfg *Config, h *hangs) { observe(cfg, Observer{Opened: func(Connection) { h.call() }}) },
	"Observer.Closed":  func(cfg *Config, h *hangs) { observe(cfg, Observer{Closed: func(Connection) { h.call() }}) },
	"Config.Router": func(cfg *Config, h *hangs) {
		relays := cfg.Relays
		cfg.Relays, cfg.Router = nil, RouterFunc(func(context.Context, RouteRequest) (Route, error) {
			h.call()
			r := relays[0]
			r.Name = "relay"
			return Via(r), nil
		})
	},
	"Config.Logger": func(cfg *Config, h *hangs) {
		cfg.Logger = slog.New(hangingHandler{slog.DiscardHandler, h})
		cfg.Relays[0].DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no") }
		cfg.Logger = slog.New(hangingHandler{slog.NewTextHandler(discard{}, nil), h})
	},
	"Relay.DialContext": func(cfg *Config, h *hangs) {
		dial := cfg.Relays[0].DialContext
		cfg.Relays[0].DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			h.call()
			return dial(ctx, network, addr)
		}
	},
	"Relay.Credentials": func(cfg *Config, h *hangs) {
		cfg.Relays[0].Addr = "127.0.0.1:25"
		cfg.Relays[0].Credentials = func(context.Context) (string, string, error) { h.call(); return "u", "p", nil }
	},
	"Memory.Save": func(cfg *Config, h *hangs) { cfg.Memory = h },
}

// discard is an io.Writer.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func observe(cfg *Config, o Observer) { cfg.Observers = []Observer{o} }

// TestShutdownReturnsThoughACallbackHangs ends a Sender while a function of the
// user's hangs. Shutdown returns at the end of its context, and Close at once. The
// error names the function, and every Result is given once, by done or by
// Unreported.
func TestShutdownReturnsThoughACallbackHangs(t *testing.T) {
	for name, set := range hangingCallbacks {
		for _, ctxTime := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprint(name, " ", ctxTime), func(t *testing.T) { testHanging(t, name, set, ctxTime) })
		}
	}
}

func testHanging(t *testing.T, name string, set func(*Config, *hangs), ctxTime time.Duration) {
	receiver := smtptest.Config{Users: map[string]string{"u": "p"}, ServiceTime: 10 * time.Millisecond}
	inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
		relay := relayTo(srv)
		relay.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return srv.DialContext(ctx, network, srv.Addr)
		}
		cfg, h := Config{Relays: []Relay{relay}}, &hangs{}
		set(&cfg, h)
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		h.arm(true)
		given := onceEach{t: t, by: map[any]int{}}
		for i := range 50 {
			go func() {
				m := rendered(fmt.Sprint("single ", i), fmt.Sprintf("a@d%d.example", i%7))
				if _, err := s.Submit(t.Context(), m, func(r *Result) { given.result(r); doneHangs(h, name) }); err != nil {
					given.result(&Result{ID: m.ID})
				}
			}()
		}
		var pulled atomic.Int32
		bulk := make(chan error, 1)
		go func() {
			bulk <- s.SendAll(t.Context(), countPulled(newsletter(50, "x.example"), &pulled), func(r *Result) { given.result(r); doneHangs(h, name) })
		}()
		time.Sleep(time.Second)
		start := time.Now()
		err = endWithin(s, ctxTime)
		within(t, start, ctxTime+100*time.Millisecond)
		if !errors.Is(err, ErrHanging) || !strings.Contains(err.Error(), name) || ctxTime > 0 && name != "Config.Router" && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want an error that names %s", err, name)
		}
		for _, r := range s.Unreported() {
			given.result(r)
		}
		<-bulk
		time.Sleep(11 * time.Hour) // every call has returned
		given.check(50, int(pulled.Load()))
		h.arm(false)
		if err := s.Close(); err != nil {
			t.Errorf("Close in the end: %v", err)
		}
	})
}

func doneHangs(h *hangs, name string) {
	if name == "a done function" {
		h.call()
	}
}

// endWithin ends a Sender: with Close for zero.
func endWithin(s *Sender, d time.Duration) error {
	if d == 0 {
		return s.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return s.Shutdown(ctx)
}

// onceEach checks that every Result is given once.
type onceEach struct {
	t  *testing.T
	mu sync.Mutex
	by map[any]int
}

func (o *onceEach) result(r *Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by[r.ID]++; o.by[r.ID] > 1 {
		o.t.Errorf("the Result of %v is given twice", r.ID)
	}
}

// check wants a Result for each single message, and for each that was taken from
// a sequence, but for the last.
func (o *onceEach) check(single, pulled int) {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.by); n != single+pulled && n != single+pulled-1 {
		o.t.Errorf("%d Results were given, want %d", n, single+pulled)
	}
}

// countPulled counts the messages that are taken from a sequence.
func countPulled(seq iter.Seq[Message], n *atomic.Int32) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for m := range seq {
			n.Add(1)
			if !yield(m) {
				return
			}
		}
	}
}

// TestDrainSendsWhatWaits has greylisting and a rate keep messages back. Drain
// refuses further ones and returns when all are sent.
func TestDrainSendsWhatWaits(t *testing.T) {
	receiver := smtptest.Config{
		Domains: map[string]smtptest.Domain{"grey.example": {Greylist: smtptest.Greylist{Delay: 4 * time.Minute}}},
		Limits:  smtptest.Limits{MessageRate: smtptest.Rate{Count: 1, Per: time.Second}},
	}
	inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		for m := range chain(newsletter(20, "grey.example"), newsletter(20, "x.example")) {
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		endless, bulk := 0, make(chan error, 1)
		go func() {
			bulk <- s.SendAll(t.Context(), func(yield func(Message) bool) {
				for yield(rendered(fmt.Sprint("bulk ", endless), "b@y.example")) {
					endless++
					time.Sleep(time.Minute)
				}
			}, got.done)
		}()
		time.Sleep(time.Second)
		drained := make(chan error, 1)
		go func() { drained <- s.Drain(t.Context()) }()
		time.Sleep(time.Second)
		if _, err := s.Submit(t.Context(), rendered("late", "a@x.example"), got.done); !errors.Is(err, ErrClosed) {
			t.Errorf("Submit after Drain: %v", err)
		}
		if err := <-drained; err != nil {
			t.Errorf("Drain: %v", err)
		}
		if err := <-bulk; !errors.Is(err, ErrClosed) {
			t.Errorf("SendAll: %v", err)
		}
		if n := got.count(Delivered); n != 40+endless || srv.Stats().Messages != n || got.of("late") != nil {
			t.Errorf("%d of %d delivered", n, 40+endless)
		}
		if err := errors.Join(s.Drain(t.Context()), s.Close()); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

// TestDrainSaysWhatItLeaves ends before all is sent, by its context or by the
// expiry of a message, and returns no nil.
func TestDrainSaysWhatItLeaves(t *testing.T) {
	for name, test := range map[string]struct {
		tried  bool
		limit  time.Duration
		expiry time.Duration
		want   Status
		cut    bool
	}{
		"not tried":               {false, time.Minute, 0, NotTried, true},
		"put off":                 {true, time.Minute, 0, GaveUp, true},
		"expires while it drains": {true, time.Hour, 30 * time.Minute, GaveUp, false},
	} {
		t.Run(name, func(t *testing.T) {
			fault := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "a@x.example", Fault: smtptest.Fault{Reply: "451 4.3.0 not now"}})
			inWorld(t, smtptest.Config{Fault: fault, ServiceTime: 3 * time.Second}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Expiry: test.expiry})
				if !test.tried {
					s.Pause("x.example")
				}
				var got results
				for _, m := range []Message{rendered("left", "a@x.example"), rendered("sent", "a@y.example")} {
					if _, err := s.Submit(t.Context(), m, got.done); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.limit)
				defer cancel()
				start := time.Now()
				err := s.Drain(ctx)
				within(t, start, min(test.limit, 31*time.Minute))
				if err == nil || errors.Is(err, context.DeadlineExceeded) != test.cut {
					t.Errorf("Drain: %v", err)
				}
				if r := got.of("left"); r == nil || r.Recipients[0].Status != test.want {
					t.Errorf("what is left: %+v", r)
				}
				if r := got.of("sent"); r == nil || !r.Delivered() {
					t.Errorf("what was sent: %+v", r)
				}
			})
		})
	}
}

// TestDrainLetsTheWireFinish has its context end during a transaction.
func TestDrainLetsTheWireFinish(t *testing.T) {
	for service, want := range map[time.Duration]Status{8 * time.Second: Delivered, time.Hour: Unknown} {
		inWorld(t, smtptest.Config{ServiceTime: service}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
			sub, err := s.Submit(t.Context(), rendered("m", "a@x.example"), nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			err = s.Drain(ctx)
			within(t, start, time.Second+drainGrace)
			if r := sub.Result(); r == nil || r.Recipients[0].Status != want || (err == nil) != (want == Delivered) {
				t.Errorf("%+v, Drain: %v", r, err)
			}
		})
	}
}

// TestCloseSettlesWhatHangs: when Close gives up on functions that hang, every message has
// its Result.
func TestCloseSettlesWhatHangs(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		cfg := Config{Relays: []Relay{relayTo(srv)}}
		hang := make(chan struct{})
		defer close(hang)
		observe(&cfg, Observer{Try: func(Try) { <-hang }})
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var all []*Submission
		for i := range 200 {
			sub, err := s.Submit(t.Context(), rendered("m", fmt.Sprintf("a@d%d.example", i)), nil)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, sub)
		}
		synctest.Wait()
		err = s.Close()
		open := 0
		for _, sub := range all {
			if sub.Result() == nil {
				open++
			}
		}
		if !errors.Is(err, ErrHanging) || open > 0 {
			t.Errorf("%v; %d of %d messages have no Result", err, open, len(all))
		}
	})
}
