package smtpace

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

func TestRelayThatIsDownIsSparedAndMailWaits(t *testing.T) {
	var dials atomic.Int64
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		var records logged
		up := time.Now().Add(10 * time.Minute)
		relay := relayTo(srv)
		relay.DialContext = unreachable(func() bool {
			if time.Now().After(up) {
				return false
			}
			dials.Add(1)
			return true
		}, srv.DialContext)
		s := newSender(t, Config{Relays: []Relay{relay}, Logger: slog.New(slog.NewTextHandler(&records, nil))})
		var got results
		for m := range newsletter(50, "x.example") {
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(9 * time.Minute)
		st := s.Stats()
		if len(st.Relays) != 1 || !strings.Contains(st.Relays[0].Fault, "connection refused") {
			t.Errorf("Stats tell %+v", st.Relays)
		}
		if st.Total.Waiting != 50 {
			t.Errorf("%d messages wait", st.Total.Waiting)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got.count(Delivered) != 50 {
			t.Errorf("%d delivered", got.count(Delivered))
		}
		for _, r := range got.by {
			if r.Recipients[0].Attempts != 1 {
				t.Errorf("a relay that was down cost attempts: %+v", r.Recipients[0])
			}
		}
		if n := strings.Count(records.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings:\n%s", n, records.String())
		}
		if n := dials.Load(); n > 20 {
			t.Errorf("%d dials in ten minutes", n)
		}
	})
}

func TestSecondRelayServesWhileTheFirstRests(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, first *smtptest.Server) {
		second := smtptest.NewServer(smtptest.Config{InMemory: true, Hostname: "mx2.test"})
		defer second.Close()
		down := true
		a, b := relayTo(first), relayTo(second)
		a.DialContext = unreachable(func() bool { return down }, first.DialContext)
		s := newSender(t, Config{Relays: []Relay{a, b}})
		start := time.Now()
		if _, err := s.SendMail(t.Context(), newMsg(t, "a@x.example")); err != nil {
			t.Fatal(err)
		}
		within(t, start, time.Second)
		if n := second.Stats().Messages; n != 1 {
			t.Errorf("the second relay got %d messages", n)
		}
		down = false
		time.Sleep(10 * time.Minute)
		var got results
		if err := s.SendAll(t.Context(), newsletter(20, "x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if err := s.SendAll(t.Context(), newsletter(20, "y.example"), got.done); err != nil {
			t.Fatal(err)
		}
		if n := first.Stats().Messages; n < 20 {
			t.Errorf("the first relay got %d messages after it came back", n)
		}
	})
}

func TestRefusedLoginRestsTheRelayAndKeepsMail(t *testing.T) {
	inWorld(t, smtptest.Config{StartTLS: true, Users: map[string]string{"user": "right"}, RequireAuth: true}, func(t *testing.T, srv *smtptest.Server) {
		var records logged
		var asked atomic.Int64
		var secret atomic.Value
		secret.Store("hunter2hunter2")
		relay := Relay{Addr: srv.Addr, DialContext: srv.DialContext, TLSConfig: srv.ClientTLS(),
			Credentials: func(context.Context) (string, string, error) {
				asked.Add(1)
				return "user", secret.Load().(string), nil
			}}
		s := newSender(t, Config{Relays: []Relay{relay}, Logger: slog.New(slog.NewTextHandler(&records, nil))})
		var got results
		if _, err := s.Submit(t.Context(), rendered("m", "a@x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if n := asked.Load(); n != 2 {
			t.Errorf("credentials were asked %d times before the relay rests", n)
		}
		if fault := s.Stats().Relays[0].Fault; !strings.Contains(fault, "535") {
			t.Errorf("Stats tell %q", fault)
		}
		if n := strings.Count(records.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings", n)
		}
		secret.Store("right")
		time.Sleep(10 * time.Minute)
		if got.count(Delivered) != 1 {
			t.Errorf("not delivered after the password was put right: %+v", got.by["m"])
		}
		if strings.Contains(records.String(), "hunter2") {
			t.Error("the log has the password")
		}
	})
}

// TestTwoTenantsNeverShareALogin gives two relays of one address, with
// credentials of their own.
func TestTwoTenantsNeverShareALogin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := smtptest.NewServer(smtptest.Config{InMemory: true, Users: map[string]string{"ann": "a", "bob": "b"}})
		t.Cleanup(srv.Close)
		var mu sync.Mutex
		logins := map[string]int{}
		relayOf := func(name, user, secret string) Relay {
			return Relay{Name: name, Addr: "127.0.0.1:25", TLS: pool.TLSNone, DialContext: srv.DialContext, Credentials: func(context.Context) (string, string, error) {
				mu.Lock()
				defer mu.Unlock()
				logins[user]++
				return user, secret, nil
			}}
		}
		named := true
		s := newSender(t, Config{Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
			name := r.Tenant
			if !named {
				name = ""
			}
			return Via(relayOf(name, r.Tenant, r.Tenant[:1])), nil
		})})
		for _, tenant := range []string{"ann", "bob", "ann", "bob"} {
			m := rendered("m", "x@a.example")
			m.Tenant = tenant
			if _, err := s.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		}
		if logins["ann"] == 0 || logins["bob"] == 0 {
			t.Errorf("logins: %v", logins)
		}
		named = false
		m := rendered("m", "x@a.example")
		m.Tenant, m.Expiry = "ann", time.Minute
		if r, err := s.Send(t.Context(), m); r.Recipients[0].Status != NotTried || !strings.Contains(err.Error(), "no Name") {
			t.Errorf("a login without a Name: %v, %v", r.Recipients[0].Status, err)
		}
	})
}

// TestANameIsOneRelay gives the same Name with another address, TLS mode, HELO
// or login mechanism, or with leave to log in over clear text: that route waits, and
// the other goes on.
func TestANameIsOneRelay(t *testing.T) {
	for name, change := range map[string]func(*Relay){
		"address": func(r *Relay) { r.Addr = "other.example:25" },
		"TLS":     func(r *Relay) { r.TLS = pool.TLSOpportunistic },
		"HELO":    func(r *Relay) { r.HELO = "other.example" },
		"login": func(r *Relay) {
			r.Auth = mail.SMTPAuthPlain
			r.Credentials = func(context.Context) (string, string, error) { return "ann", "a", nil }
		},
		"clear": func(r *Relay) { r.AllowInsecureLogin = false },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, relay := host(t, "a")
				relay.AllowInsecureLogin = true
				other := relay
				change(&other)
				var log lines
				s := newSender(t, Config{Logger: log.logger(), IdleTimeout: 5 * time.Minute, Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
					if r.Domain == "other.example" {
						return Via(other), nil
					}
					return Via(relay), nil
				})})
				hold, err := s.Submit(t.Context(), rendered("m", "x@a.example"), nil)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					m := rendered("m", "x@other.example")
					m.Expiry = time.Minute
					if r, err := s.Send(t.Context(), m); r.Recipients[0].Status != NotTried || !strings.Contains(err.Error(), "needs another Name") {
						t.Errorf("%v, %v", r.Recipients[0].Status, err)
					}
				}
				if n := log.count("a Route is wrong"); n != 1 {
					t.Errorf("the conflict is logged %d times, want once", n)
				}
				if <-hold.Done(); !hold.Result().Delivered() {
					t.Errorf("%+v", hold.Result())
				}
			})
		})
	}
}

// TestFunctionsGivenLastServe renews the dialer of a relay.
func TestFunctionsGivenLastServe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		var dials []int
		n := 0
		s := newSender(t, Config{IdleTimeout: time.Second, Router: PromptRouterFunc(func(RouteRequest) (Route, error) {
			n++
			r, k := relay, n
			r.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dials = append(dials, k)
				return relay.DialContext(ctx, network, addr)
			}
			return Via(r), nil
		})})
		for range 2 {
			if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		if len(dials) != 2 || dials[0] != 1 || dials[1] != 2 {
			t.Errorf("dialled by the functions of answers %v, want 1 and 2", dials)
		}
	})
}

// TestRecipientsOfOneDomainReferToTheirRelayOnce sends one message to three
// recipients of a domain. Its relay must be known as long as its connection is
// open.
func TestRecipientsOfOneDomainReferToTheirRelayOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		s := newSender(t, Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(relay), nil })})
		if _, err := s.Send(t.Context(), rendered("m", "x@a.example", "y@a.example", "z@a.example")); err != nil {
			t.Fatal(err)
		}
		stats := s.Stats().Relays
		if len(stats) != 1 || stats[0].Connections != 1 || stats[0].Delivered != 3 || stats[0].Opened != 1 {
			t.Errorf("after the message the relay's statistics are %+v, want one open connection and three delivered", stats)
		}
	})
}

// The end of a connection means what the pool says, or what its error does; without an
// error it means nothing.
func TestWhatTheEndOfAConnectionMeans(t *testing.T) {
	s := newSender(t, Config{Relays: []Relay{{Addr: "mx.example:25"}}})
	e := s.home.endpoints[0]
	verdict := classify.Verdict{Class: classify.ClassTLS, Recipient: classify.RecipientLater}
	if stage, v := e.verdict(nil); stage != classify.StageIdle || v != (classify.Verdict{}) {
		t.Errorf("no error: got %v and %+v", stage, v)
	}
	if stage, v := e.verdict(fmt.Errorf("x: %w", &pool.Error{Stage: classify.StageStartTLS, Verdict: verdict, Err: io.EOF})); stage != classify.StageStartTLS || v != verdict {
		t.Errorf("the pool's: got %v and %+v", stage, v)
	}
	if stage, v := e.verdict(io.ErrUnexpectedEOF); stage != classify.StageIdle || v.Class != classify.ClassNetwork {
		t.Errorf("another: got %v and %+v", stage, v)
	}
}

// A warning is due when TLS begins to fail, and when less is used than before; not again
// for the same, nor when it works.
func TestWarningsOfTLSThatFails(t *testing.T) {
	var e endpoint
	works, fails, clear := pool.Security{TLS: "TLS 1.3"}, pool.Security{TLS: "TLS 1.3", Fallback: io.EOF}, pool.Security{Fallback: io.EOF}
	for i, step := range []struct {
		by   pool.Security
		warn bool
	}{{works, false}, {fails, true}, {fails, false}, {clear, true}, {clear, false}, {works, false}, {works, false}, {clear, true}} {
		if got := e.secured(step.by); got != step.warn {
			t.Errorf("step %d: got %v, want %v", i, got, step.warn)
		}
	}
}

// TestADialBeside: a second dial of one connection takes a place, and gives it back to
// mail that waits.
func TestADialBeside(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		relay := relayTo(srv)
		relay.Limits.Connections = 2
		s := newSender(t, Config{Relays: []Relay{relay}})
		scheduled, _ := s.sched.Open(time.Now(), relay.name())
		c := &conn{endpoint: s.endpoints[relay.name()], scheduled: scheduled, began: time.Now()}
		if !c.DialBeside(nil) || c.DialBeside(nil) {
			t.Error("want leave for one dial beside the first, and not for two")
		}
		goesOnceFreed(t, s, func() { c.DialedBeside(nil) })
		scheduled.Closed(time.Now(), classify.StageIdle, classify.Verdict{}, nil)
	})
}

// TestARelayThatIsGoneWhenItsConnectionOpens: the place of a connection to a relay that
// has just been forgotten goes to other mail.
func TestARelayThatIsGoneWhenItsConnectionOpens(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Process: throttle.Limits{Connections: 1}})
		scheduled, _ := s.sched.Open(time.Now(), "gone")
		goesOnceFreed(t, s, func() { s.dispatcher.Open(scheduled) })
	})
}

// goesOnceFreed sends a message while every place is taken, and checks that it goes once
// free has given one back.
func goesOnceFreed(t *testing.T, s *Sender, free func()) {
	t.Helper()
	var got results
	if _, err := s.Submit(t.Context(), rendered("m", "b@x.example"), got.done); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if got.count(Delivered) != 0 {
		t.Error("it went although every place was taken")
	}
	free()
	time.Sleep(time.Second)
	if got.count(Delivered) != 1 {
		t.Error("it did not go when a place was free")
	}
}
