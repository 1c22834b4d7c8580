package smtpace

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// quitter is a function of the user's that ends its goroutine, as t.FailNow does, in
// some of its first calls.
type quitter struct{ calls atomic.Int32 }

func (q *quitter) call() {
	if n := q.calls.Add(1); n%2 == 1 && n < 8 {
		runtime.Goexit()
	}
}

// Save implements Memory.
func (q *quitter) Save([]byte) error { q.call(); return nil }

// Load implements Memory.
func (q *quitter) Load() ([]byte, error) { return nil, nil }

// Start implements pool.SASL.
func (q *quitter) Start() (string, []byte, error) {
	q.call()
	return "PLAIN", []byte("\x00u\x00p"), nil
}

// Next implements pool.SASL.
func (q *quitter) Next([]byte) ([]byte, error) { return nil, errors.New("no") }

// quittingHandler is a slog.Handler that ends its goroutine.
type quittingHandler struct {
	slog.Handler
	q *quitter
}

func (h quittingHandler) Handle(context.Context, slog.Record) error { h.q.call(); return nil }

// msg returns a Msg with its text part written by q.
func (q *quitter) msg(t *testing.T, to string) *mail.Msg {
	m := newMsg(t, to)
	m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
		q.call()
		n, err := io.WriteString(w, "hello")
		return int64(n), err
	})
	return m
}

// quittingCallbacks are the functions of the user's that the Sender calls on
// goroutines of its own.
var quittingCallbacks = map[string]func(cfg *Config, q *quitter, srv *smtptest.Server){
	"done of Submit":  func(*Config, *quitter, *smtptest.Server) {},
	"done of SendAll": func(*Config, *quitter, *smtptest.Server) {},
	"writer of a Msg": func(*Config, *quitter, *smtptest.Server) {},
	"Observer.Try":    func(cfg *Config, q *quitter, _ *smtptest.Server) { observe(cfg, Observer{Try: func(Try) { q.call() }}) },
	"Observer.Settled": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		observe(cfg, Observer{Settled: func(*Result) { q.call() }})
	},
	"Observer.Reply": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		q.calls.Store(-30)
		observe(cfg, Observer{Reply: func(r ReplyRead) { q.call() }})
	},
	"Observer.Opened": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		observe(cfg, Observer{Opened: func(Connection) { q.call() }})
	},
	"Observer.Closed": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		observe(cfg, Observer{Closed: func(Connection) { q.call() }})
	},
	"Observer.Limit": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		observe(cfg, Observer{Limit: func(throttle.Change) { q.call() }})
	},
	"Config.Router": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		relay := cfg.Relays[0]
		relay.Name, cfg.Relays = "relay", nil
		cfg.Router = RouterFunc(func(context.Context, RouteRequest) (Route, error) { q.call(); return Via(relay), nil })
	},
	"Config.Logger": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		cfg.Logger = slog.New(quittingHandler{slog.NewTextHandler(discard{}, &slog.HandlerOptions{Level: slog.LevelDebug}), q})
	},
	"Config.Memory": func(cfg *Config, q *quitter, _ *smtptest.Server) { cfg.Memory = q },
	"Relay.DialContext": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		dial := cfg.Relays[0].DialContext
		cfg.Relays[0].DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			q.call()
			return dial(ctx, network, addr)
		}
	},
	"Relay.Credentials": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		cfg.Relays[0].AllowInsecureLogin = true
		cfg.Relays[0].Credentials = func(context.Context) (string, string, error) { q.call(); return "u", "p", nil }
	},
	"Relay.SASL": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		cfg.Relays[0].AllowInsecureLogin = true
		cfg.Relays[0].SASL = func(context.Context) (pool.SASL, error) { q.call(); return new(quitter).after(), nil }
	},
	"SASL.Start": func(cfg *Config, q *quitter, _ *smtptest.Server) {
		cfg.Relays[0].AllowInsecureLogin = true
		cfg.Relays[0].SASL = func(context.Context) (pool.SASL, error) { return q, nil }
	},
	"Relay.TLSConfig": func(cfg *Config, q *quitter, srv *smtptest.Server) {
		cfg.Relays[0].TLS, cfg.Relays[0].TLSConfig = pool.TLSMandatory, srv.ClientTLS()
		cfg.Relays[0].TLSConfig.VerifyConnection = func(tls.ConnectionState) error { q.call(); return nil }
	},
}

// after returns a quitter that quits no more.
func (q *quitter) after() *quitter { q.calls.Store(100); return q }

// TestFunctionsThatEndTheirGoroutine: a function of the user's that calls
// runtime.Goexit, as t.FailNow does, holds up no message, loses none and has none sent
// twice.
func TestFunctionsThatEndTheirGoroutine(t *testing.T) {
	for name, set := range quittingCallbacks {
		t.Run(name, func(t *testing.T) {
			receiver := smtptest.Config{
				Latency: time.Millisecond, StartTLS: name == "Relay.TLSConfig", Users: map[string]string{"u": "p"},
				Domains: map[string]smtptest.Domain{"d1.example": {MessageRate: smtptest.Rate{Count: 2, Per: time.Second}}},
			}
			inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) { testQuitter(t, srv, name, set) })
		})
	}
}

func testQuitter(t *testing.T, srv *smtptest.Server, name string, set func(*Config, *quitter, *smtptest.Server)) {
	q, cfg := new(quitter), Config{Relays: []Relay{relayTo(srv)}}
	set(&cfg, q, srv)
	s := newSender(t, cfg)
	given := onceEach{t: t, by: map[any]int{}}
	done := func(of string) func(*Result) {
		return func(r *Result) {
			given.result(r)
			for _, to := range r.Recipients {
				if to.Status != Delivered {
					t.Errorf("%v is %v: %v", r.ID, to.Status, to.Err)
				}
			}
			if name == of {
				q.call()
			}
		}
	}
	var waiting []<-chan struct{}
	for i := range 20 {
		m := rendered(fmt.Sprint("single ", i), fmt.Sprintf("a@d%d.example", i%3))
		if name == "writer of a Msg" {
			m.Msg, m.Data, m.From, m.To = q.msg(t, m.To[0]), nil, "", nil
		}
		sub, err := s.Submit(t.Context(), m, done("done of Submit"))
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, sub.Done())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	bulk := make(chan error, 1)
	go func() { bulk <- s.SendAll(ctx, newsletter(20, "x.example"), done("done of SendAll")) }()
	waiting = append(waiting, ctx.Done())
	for _, c := range waiting[:20] {
		select {
		case <-c:
		case <-ctx.Done():
			t.Fatal("a message is not settled after a day")
		}
	}
	select {
	case err := <-bulk:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(24 * time.Hour):
		t.Fatal("SendAll has not returned after a day")
	}
	time.Sleep(time.Minute) // the Memory is saved
	if err := s.Drain(ctx); err != nil {
		t.Error(err)
	}
	given.check(20, 20)
	if n := srv.Stats().Messages; n != 40 {
		t.Errorf("the receiver took %d messages of 40", n)
	}
	if n := q.calls.Load(); n < 2 {
		t.Errorf("it was called %d times", n)
	}
}

// A message that cannot be sent, because a function of the user's always ends its
// goroutine, ends with its Expiry, and the error says that no receiver is to blame.
func TestFunctionsThatAlwaysEndTheirGoroutine(t *testing.T) {
	ending := func() *mail.Msg {
		m := newMsg(t, "ann@a.example")
		m.SetBodyWriter(mail.TypeTextPlain, func(io.Writer) (int64, error) { runtime.Goexit(); return 0, nil })
		return m
	}
	for name, c := range map[string]struct {
		message Message
		router  func(relay Relay) Router // nil is none
		want    error
	}{
		"writer of a Msg": {Message{Msg: ending()}, nil, ErrLocal},
		"Router":          {rendered("m", "ann@a.example"), endingRouter, ErrNoRoute},
		"prompt Router":   {rendered("m", "ann@a.example"), laterEndingRouter, ErrLocal},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				relay.Name = "relay"
				cfg := Config{Expiry: time.Hour, Relays: []Relay{relay}}
				if c.router != nil {
					cfg.Router, cfg.Relays = c.router(relay), nil
				}
				s := newSender(t, cfg)
				s.Pause("a.example")
				time.AfterFunc(time.Minute, func() { s.Resume("a.example") })
				start := time.Now()
				r, err := s.Send(t.Context(), c.message)
				if r == nil || r.Recipients[0].Status == Delivered || !errors.Is(err, c.want) || !errors.Is(err, ErrExpired) {
					t.Fatalf("got %+v, %v; want %v and ErrExpired", r, err, c.want)
				}
				within(t, start, time.Hour+time.Minute)
			})
		})
	}
}

// endingRouter returns a Router that ends its goroutine.
func endingRouter(Relay) Router {
	return RouterFunc(func(context.Context, RouteRequest) (Route, error) { runtime.Goexit(); return Route{}, nil })
}

// laterEndingRouter returns a prompt Router that ends its goroutine when it is asked
// later.
func laterEndingRouter(relay Relay) Router {
	start := time.Now()
	return PromptRouterFunc(func(RouteRequest) (Route, error) {
		if time.Since(start) > time.Second {
			runtime.Goexit()
		}
		route := Via(relay)
		route.Until = time.Now().Add(time.Second)
		return route, nil
	})
}

// When messages end together, each is reported, though every done function ends its
// goroutine.
func TestEndsTogetherWithFunctionsThatEndTheirGoroutine(t *testing.T) {
	for name, end := range map[string]func(s *Sender){
		"they expire":      func(*Sender) { time.Sleep(time.Hour + time.Minute) },
		"the Sender stops": func(s *Sender) { _ = s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Expiry: time.Hour})
				s.Pause("a.example")
				var calls atomic.Int32
				for range 100 {
					if _, err := s.Submit(t.Context(), rendered("m", "ann@a.example"), func(*Result) { calls.Add(1); runtime.Goexit() }); err != nil {
						t.Fatal(err)
					}
				}
				end(s)
				synctest.Wait()
				if n := calls.Load(); n != 100 {
					t.Errorf("%d of 100 messages were reported", n)
				}
			})
		})
	}
}

// TestBatchGoesOnBehindAFunctionThatEndsItsGoroutine: each of the Results that were taken out
// with its own is reported.
func TestBatchGoesOnBehindAFunctionThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSender(t, Config{Relays: []Relay{{Addr: "mx.example:25"}}})
		var got []uint64
		b := s.newBatch(func(r *Result) {
			if got = append(got, r.Number); len(got)%2 == 1 {
				runtime.Goexit()
			}
		})
		var next []unreported
		for i := range 5 {
			b.begin()
			b.waiting.Add(1)
			next = append(next, unreported{nil, &Result{Number: uint64(i)}})
		}
		b.mu.Lock()
		b.state = reporterBusy
		b.mu.Unlock()
		go b.reportAll(next)
		b.pending.Wait()
		if !slices.Equal(got, []uint64{0, 1, 2, 3, 4}) || b.waiting.Load() != 0 || b.given.Load() != 0 {
			t.Errorf("got %v, %d still wait", got, b.waiting.Load())
		}
		s.endBatch(b)
	})
}
