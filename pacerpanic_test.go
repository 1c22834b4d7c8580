package smtpace

import (
	"context"
	"errors"
	"net"
	"net/textproto"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// mute is an error whose methods panic.
type mute struct{ text *string }

func (m mute) Error() string { return *m.text }

// coded is an error whose status panics on a nil pointer, and whose text does not.
type coded struct{ code int }

func (*coded) Error() string     { return "coded" }
func (c *coded) StatusCode() int { return c.code }

// mustGo fails unless a message goes at once.
func mustGo(t *testing.T, p *Pacer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := p.Do(ctx, "ann@example.com", func(context.Context) error { return nil }); err != nil {
		t.Errorf("the next message does not go: %v", err)
	}
	if got := p.Stats(); got.InFlight != 0 || got.Queued != 0 || got.Total.Waiting != 0 {
		t.Errorf("got %d in flight, %d queued, %d calls, want none", got.InFlight, got.Queued, got.Total.Waiting)
	}
}

// An error that cannot be read may mean that the message was sent.
func TestErrorsWhoseMethodsPanic(t *testing.T) {
	for name, err := range map[string]error{
		"nil reply": (*textproto.Error)(nil), "nil operation": (*net.OpError)(nil), "nil URL": (*url.Error)(nil),
		"nil status": (*coded)(nil), "text": mute{}, "text of one": RecipientErrors{"ann@example.com": mute{}},
	} {
		for _, tab := range []bool{false, true} {
			paceTest(t, func(t *testing.T) {
				p := newPacer(t, PacerConfig{Destination: throttle.Limits{Connections: 1}})
				if tab {
					mustGo(t, p)
					_ = p.Do(t.Context(), "ann@example.com", func(context.Context) error { return nil })
				}
				calls := 0
				got := p.Do(t.Context(), "ann@example.com", func(context.Context) error { calls++; return err })
				failed, ok := errors.AsType[*SendError](got)
				if !ok || failed.Result.Recipients[0].Status != Unknown || calls != 3 {
					t.Errorf("%s: got %d calls and %v, want 3 and an unknown outcome", name, calls, got)
				}
				mustGo(t, p)
			})
		}
	}
}

// Whatever of the user's panics or ends its goroutine takes nothing with it.
func TestPanicsOfCallbacksLeakNothing(t *testing.T) {
	for name, of := range map[string]func(cfg *PacerConfig, boom func()){
		"Judge": func(cfg *PacerConfig, boom func()) {
			cfg.Judge = func(error) (v classify.Verdict, ok bool) { boom(); return }
		},
		"Accepted": func(cfg *PacerConfig, boom func()) {
			cfg.Observers = []Observer{{Accepted: func(context.Context, Acceptance) { boom() }}}
		},
		"Try":     func(cfg *PacerConfig, boom func()) { cfg.Observers = []Observer{{Try: func(Try) { boom() }}} },
		"Settled": func(cfg *PacerConfig, boom func()) { cfg.Observers = []Observer{{Settled: func(*Result) { boom() }}} },
		"Limit": func(cfg *PacerConfig, boom func()) {
			cfg.Observers = []Observer{{Limit: func(throttle.Change) { boom() }}}
		},
	} {
		for how, end := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
			t.Run(name+" "+how, func(t *testing.T) {
				paceTest(t, func(t *testing.T) {
					on := true
					cfg := PacerConfig{Destination: throttle.Limits{Connections: 1}}
					of(&cfg, func() {
						if on {
							end()
						}
					})
					p := newPacer(t, cfg)
					var wg sync.WaitGroup
					for range 3 {
						wg.Go(func() {
							defer func() { _ = recover() }()
							calls := 0
							_ = p.Do(t.Context(), "ann@example.com", func(context.Context) error {
								if calls++; calls == 1 {
									return reply(450, "4.7.1 too many messages, slow down")
								}
								return nil
							})
						})
					}
					wg.Wait()
					on = false
					mustGo(t, p)
				})
			})
		}
	}
}

func TestNilContextAndFunction(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{Connections: 1}})
		var none context.Context
		nothing := func(context.Context) error { return nil }
		nobody := func(context.Context, []string) error { return nil }
		r := PaceRequest{To: []string{"ann@example.com"}}
		for range 2 { // the second time behind a message that went
			for _, err := range []error{
				p.Do(none, "ann@example.com", nothing), p.Try(none, "ann@example.com", nothing), p.DoRequest(none, r, nobody), p.TryRequest(none, r, nobody),
				p.Do(t.Context(), "ann@example.com", nil), p.Try(t.Context(), "ann@example.com", nil), p.DoRequest(t.Context(), r, nil), p.TryRequest(t.Context(), r, nil),
			} {
				if !errors.Is(err, ErrInvalid) {
					t.Errorf("got %v, want ErrInvalid", err)
				}
			}
			mustGo(t, p)
		}
	})
}

// Do for a bare domain goes on behind one for an address there.
func TestDomainBehindAnAddress(t *testing.T) {
	for _, domain := range []string{"example.com", "[192.0.2.1]", "[IPv6:2001:db8::1]", "localhost", "bücher.example"} {
		paceTest(t, func(t *testing.T) {
			p := newPacer(t, PacerConfig{})
			for range 2 {
				if err := p.Do(t.Context(), "ann@"+domain, func(context.Context) error { return nil }); err != nil {
					t.Fatal(err)
				}
			}
			for _, to := range []string{domain, `"ann@` + domain, `"a@b"@` + domain, "@" + domain} {
				calls := 0
				err := p.Do(t.Context(), to, func(context.Context) error { calls++; return reply(550, "5.1.1 no such user") })
				if invalid := errors.Is(err, ErrInvalid); err == nil || invalid == (calls > 0) {
					t.Errorf("%s: got %d calls and %v", to, calls, err)
				}
			}
		})
	}
}
