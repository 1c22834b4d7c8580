package smtpace

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// panicsOnce is a function of the user's that panics when it is called first.
type panicsOnce struct {
	mu    sync.Mutex
	calls int
}

func (p *panicsOnce) call() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls++; p.calls == 1 {
		panic("boom")
	}
}

// called returns the number of calls.
func (p *panicsOnce) called() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// Save implements Memory.
func (p *panicsOnce) Save([]byte) error { p.call(); return nil }

// Load implements Memory.
func (p *panicsOnce) Load() ([]byte, error) { return nil, nil }

// Start implements pool.SASL.
func (p *panicsOnce) Start() (string, []byte, error) {
	p.call()
	return "PLAIN", []byte("\x00u\x00p"), nil
}

// Next implements pool.SASL.
func (p *panicsOnce) Next([]byte) ([]byte, error) { return nil, errors.New("no") }

// TestFunctionsThatPanic: a function of the user's whose result is an error, and that
// panics on a goroutine of the Sender, does not end the program and loses no mail.
func TestFunctionsThatPanic(t *testing.T) {
	for name, set := range map[string]func(*Config, *panicsOnce, *smtptest.Server){
		"Relay.DialContext": func(cfg *Config, p *panicsOnce, _ *smtptest.Server) {
			dial := cfg.Relays[0].DialContext
			cfg.Relays[0].DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				p.call()
				return dial(ctx, network, addr)
			}
		},
		"Relay.Credentials": func(cfg *Config, p *panicsOnce, _ *smtptest.Server) {
			cfg.Relays[0].AllowInsecureLogin = true
			cfg.Relays[0].Credentials = func(context.Context) (string, string, error) { p.call(); return "u", "p", nil }
		},
		"Relay.SASL": func(cfg *Config, p *panicsOnce, _ *smtptest.Server) {
			cfg.Relays[0].AllowInsecureLogin = true
			cfg.Relays[0].SASL = func(context.Context) (pool.SASL, error) { p.call(); return p, nil }
		},
		"SASL.Start": func(cfg *Config, p *panicsOnce, _ *smtptest.Server) {
			cfg.Relays[0].AllowInsecureLogin = true
			cfg.Relays[0].SASL = func(context.Context) (pool.SASL, error) { return p, nil }
		},
		"Relay.TLSConfig": func(cfg *Config, p *panicsOnce, srv *smtptest.Server) {
			cfg.Relays[0].TLS, cfg.Relays[0].TLSConfig = pool.TLSMandatory, srv.ClientTLS()
			cfg.Relays[0].TLSConfig.VerifyConnection = func(tls.ConnectionState) error { p.call(); return nil }
		},
		"Config.Memory": func(cfg *Config, p *panicsOnce, _ *smtptest.Server) { cfg.Memory = p },
	} {
		t.Run(name, func(t *testing.T) {
			receiver := smtptest.Config{StartTLS: name == "Relay.TLSConfig", Users: map[string]string{"u": "p"}}
			inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
				p, cfg := new(panicsOnce), Config{Relays: []Relay{relayTo(srv)}}
				set(&cfg, p, srv)
				s := newSender(t, cfg)
				var got results
				for _, id := range []string{"first", "second"} {
					if _, err := s.Submit(t.Context(), rendered(id, id+"@x.example"), got.done); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Hour)
				}
				if n := got.count(Delivered); n != 2 {
					t.Errorf("%d of 2 messages were delivered", n)
				}
				if n := p.called(); n < 2 {
					t.Errorf("it was called %d times", n)
				}
			})
		})
	}
}

// TestWriterThatPanics: the message of a Msg whose writer panics waits, as for any
// trouble on the own machine, and no other does.
func TestWriterThatPanics(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		msg := func() *mail.Msg {
			m := newMsg(t, "a@x.example")
			m.SetBodyWriter(mail.TypeTextPlain, func(io.Writer) (int64, error) { panic("boom") })
			return m
		}
		if _, err := s.Submit(t.Context(), Message{Msg: msg(), ID: "single", Expiry: time.Hour}, got.done); err != nil {
			t.Error(err)
		}
		bulk := func(yield func(Message) bool) {
			_ = yield(Message{Msg: msg(), ID: "bulk", Expiry: time.Hour}) && yield(rendered("good", "b@x.example"))
		}
		if err := s.SendAll(t.Context(), bulk, got.done); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		for _, id := range []string{"single", "bulk"} {
			if r := got.of(id).Recipients[0]; r.Status != NotTried || !errors.Is(r.Err, ErrLocal) {
				t.Errorf("the message %s is %v: %v", id, r.Status, r.Err)
			}
		}
		if r := got.of("good").Recipients[0]; r.Status != Delivered {
			t.Errorf("the other is %v: %v", r.Status, r.Err)
		}
	})
}

// TestObserverOfAcceptedThatPanics: the panic is the caller's, who may recover from it,
// and the message ends as not tried.
func TestObserverOfAcceptedThatPanics(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		p, cfg := new(panicsOnce), Config{Relays: []Relay{relayTo(srv)}}
		observe(&cfg, Observer{Accepted: func(context.Context, Acceptance) { p.call() }})
		s := newSender(t, cfg)
		var got results
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic does not reach the caller")
				}
			}()
			_, _ = s.Submit(t.Context(), rendered("first", "a@x.example"), got.done)
		}()
		if _, err := s.Submit(t.Context(), rendered("second", "b@x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if r := got.of("first"); r == nil || r.Recipients[0].Status != NotTried || !errors.Is(r.Recipients[0].Err, errNotTold) {
			t.Errorf("the first message ended as %+v", r)
		}
		if r := got.of("second"); r == nil || r.Recipients[0].Status != Delivered {
			t.Errorf("the second message ended as %+v", r)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// deaf is a Resolver whose calls do not return for ten minutes, whatever their context
// does.
type deaf struct{}

// LookupNetIP implements pool.Resolver.
func (deaf) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	time.Sleep(10 * time.Minute)
	return nil, errors.New("no")
}

// TestEndsWhileAConnectionHangsInAFunction: Close leaves a call of the Resolver or of
// the TLS configuration behind that does not return.
func TestEndsWhileAConnectionHangsInAFunction(t *testing.T) {
	for name, set := range map[string]func(*Relay, *Config, *smtptest.Server){
		"Config.Resolver": func(r *Relay, cfg *Config, _ *smtptest.Server) {
			r.Addr, r.DialContext, cfg.Resolver = "host.example:25", nil, deaf{}
		},
		"Relay.TLSConfig": func(r *Relay, _ *Config, srv *smtptest.Server) {
			r.TLS, r.TLSConfig = pool.TLSMandatory, srv.ClientTLS()
			r.TLSConfig.VerifyConnection = func(tls.ConnectionState) error { time.Sleep(10 * time.Minute); return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{StartTLS: true}, func(t *testing.T, srv *smtptest.Server) {
				cfg := Config{Relays: []Relay{relayTo(srv)}}
				set(&cfg.Relays[0], &cfg, srv)
				s := newSender(t, cfg)
				if _, err := s.Submit(t.Context(), rendered("1", "a@x.example"), nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				start := time.Now()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				within(t, start, 100*time.Millisecond)
				time.Sleep(10 * time.Minute)
			})
		})
	}
}
