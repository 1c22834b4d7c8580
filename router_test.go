package smtpace

import (
	"context"
	"errors"
	"fmt"
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
)

// host is a receiver of its own, and the relay that leads to it.
func host(t *testing.T, name string) (*smtptest.Server, Relay) {
	t.Helper()
	srv := smtptest.NewServer(smtptest.Config{InMemory: true})
	t.Cleanup(srv.Close)
	return srv, Relay{Name: name, Addr: srv.Addr, TLS: pool.TLSNone, DialContext: srv.DialContext}
}

// received returns the recipients of all messages that a receiver has stored.
func received(srv *smtptest.Server) (to []string) {
	for _, tx := range srv.Transactions() {
		for _, r := range tx.Recipients {
			to = append(to, fmt.Sprint(r))
		}
	}
	return to
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// TestMailOfEachDomainReachesItsOwnHost has two domains share their limits, and
// messages to one of them and to both.
func TestMailOfEachDomainReachesItsOwnHost(t *testing.T) {
	for _, prompt := range []bool{true, false} {
		t.Run(fmt.Sprint("prompt ", prompt), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a, ra := host(t, "a")
				b, rb := host(t, "b")
				answer := func(r RouteRequest) (Route, error) {
					route := Via(rb)
					if r.Domain == "a.example" {
						route = Via(ra)
					}
					route.Destination = "one"
					return route, nil
				}
				var router Router = PromptRouterFunc(answer)
				if !prompt {
					router = RouterFunc(func(_ context.Context, r RouteRequest) (Route, error) {
						time.Sleep(time.Second)
						return answer(r)
					})
				}
				limit := throttle.Limits{Connections: 1, MessageRate: throttle.Rate{Count: 10, Per: time.Second}}
				s := newSender(t, Config{Router: router, Destinations: map[string]throttle.Limits{"one": limit}})
				var wg sync.WaitGroup
				start := time.Now()
				for i := range 40 {
					to := []string{"x@a.example"}
					if i%2 == 1 {
						to = []string{"y@b.example"}
					}
					if i == 39 {
						to = []string{"x@a.example", "y@b.example"}
					}
					wg.Go(func() {
						if _, err := s.Send(t.Context(), rendered("m", to...)); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if took := time.Since(start); took < 4*time.Second {
					t.Errorf("41 transactions at 10 a second took %v", took)
				}
				for name, srv := range map[string]*smtptest.Server{"a": a, "b": b} {
					for _, to := range received(srv) {
						if !strings.Contains(to, "@"+name+".example") {
							t.Errorf("host %s got mail for %s", name, to)
						}
					}
				}
				if n := len(received(a)) + len(received(b)); n != 41 {
					t.Errorf("%d recipients got mail, want 41", n)
				}
			})
		})
	}
}

// TestRouterThatKnowsNotNow is asked again with growing gaps, at no cost of an
// attempt, until it knows or the message expires.
func TestRouterThatKnowsNotNow(t *testing.T) {
	for _, test := range []struct {
		name  string
		fails func() (Route, error)
		says  string
	}{
		{"an error", func() (Route, error) { return Route{}, errors.New("DNS is down") }, "DNS is down"},
		{"no hops", func() (Route, error) { return Route{Destination: "d"}, nil }, errNoHops.Error()},
		{"an empty level", func() (Route, error) { return Route{Levels: [][]Hop{{}}}, nil }, "no endpoints"},
		{"a bad relay", func() (Route, error) { return Via(Relay{Addr: "nothing"}), nil }, "host:port"},
		{"a panic", func() (Route, error) { panic("oops") }, "oops"},
		{"relays that there are none of", func() (Route, error) { return Route{}, ErrUseRelays }, ErrUseRelays.Error()},
	} {
		for _, prompt := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, prompt %v", test.name, prompt), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					srv, relay := host(t, "a")
					var asked []time.Duration
					start := time.Now()
					known := time.Hour
					answer := func(RouteRequest) (Route, error) {
						at := time.Since(start)
						asked = append(asked, at)
						if at >= known {
							return Via(relay), nil
						}
						return test.fails()
					}
					var router Router = PromptRouterFunc(answer)
					if !prompt {
						router = RouterFunc(func(_ context.Context, r RouteRequest) (Route, error) { return answer(r) })
					}
					s := newSender(t, Config{Router: router})
					r, err := s.Send(t.Context(), rendered("m", "x@a.example"))
					if err != nil || r.Recipients[0].Attempts != 1 || len(received(srv)) != 1 {
						t.Fatalf("%+v, %v", r, err)
					}
					if n := len(asked); n < 12 || n > 30 {
						t.Errorf("asked %d times in an hour: %v", n, asked)
					}
					known = 1000 * time.Hour
					m := rendered("m", "x@a.example")
					m.Expiry = time.Hour
					r, err = s.Send(t.Context(), m)
					if r.Recipients[0].Status != NotTried || !errors.Is(err, ErrExpired) || !errors.Is(err, ErrNoRoute) || !strings.Contains(err.Error(), test.says) {
						t.Errorf("%v: %v, want not tried, with the Router's reason", r.Recipients[0].Status, err)
					}
				})
			})
		}
	}
}

func TestRouterThatSaysNever(t *testing.T) {
	for _, prompt := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			srv, relay := host(t, "a")
			reply := &classify.Reply{Code: 556, Enhanced: "5.1.10", Text: "domain accepts no mail"}
			answer := func(r RouteRequest) (Route, error) {
				if r.Domain == "null.example" {
					return Route{}, &NoRouteError{Domain: r.Domain, Err: reply}
				}
				return Via(relay), nil
			}
			var router Router = PromptRouterFunc(answer)
			if !prompt {
				router = RouterFunc(func(_ context.Context, r RouteRequest) (Route, error) { return answer(r) })
			}
			s := newSender(t, Config{Router: router})
			r, err := s.Send(t.Context(), rendered("m", "x@null.example", "y@a.example"))
			if !errors.Is(err, error(reply)) || r.Recipients[0].Status != Refused || r.Recipients[0].Reply != reply || r.Recipients[1].Status != Delivered {
				t.Errorf("prompt %v: %+v, %v", prompt, r, err)
			}
			if got := received(srv); len(got) != 1 {
				t.Errorf("the receiver got %v", got)
			}
		})
	}
}

// TestAcceptDoesNotWaitForTheRouter has one that hangs; at most 64 calls run at
// once, other domains go on, and the end of the Sender ends them.
func TestAcceptDoesNotWaitForTheRouter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv, relay := host(t, "a")
		var running, most atomic.Int32
		slow := RouterFunc(func(ctx context.Context, r RouteRequest) (Route, error) {
			n := running.Add(1)
			defer running.Add(-1)
			for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
			}
			<-ctx.Done()
			return Route{}, ctx.Err()
		})
		quick := PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(relay), nil })
		s := newSender(t, Config{Router: RouteTable{{"*.slow.example", slow}, {"*", quick}}})
		start := time.Now()
		var ends atomic.Int32
		for i := range 1000 {
			if _, err := s.Submit(t.Context(), rendered("m", fmt.Sprintf("x@d%d.slow.example", i)), func(r *Result) {
				if r.Recipients[0].Status == NotTried && errors.Is(r.Err(), ErrClosed) {
					ends.Add(1)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil || len(received(srv)) != 1 {
			t.Errorf("mail for a domain that is known: %v", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("accepting took %v", took)
		}
		synctest.Wait()
		start = time.Now()
		s.Close()
		if took := time.Since(start); took > 100*time.Millisecond || ends.Load() != 1000 {
			t.Errorf("Close took %v and settled %d of 1000", took, ends.Load())
		}
		if most.Load() != maxRouterCalls {
			t.Errorf("%d calls ran at once, want %d", most.Load(), maxRouterCalls)
		}
	})
}

// TestRouteOutOfDate asks again when a message is taken up after Until: a queue
// is not drained into hosts of an old answer.
func TestRouteOutOfDate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		oldHost, oldRelay := host(t, "old")
		newHost, newRelay := host(t, "new")
		start := time.Now()
		asked := 0
		router := PromptRouterFunc(func(RouteRequest) (Route, error) {
			asked++
			route := Via(oldRelay)
			if time.Since(start) >= time.Minute {
				route = Via(newRelay)
			}
			route.Until = time.Now().Add(time.Minute)
			return route, nil
		})
		s := newSender(t, Config{Router: router})
		s.Pause("a.example")
		settled := make(chan *Result, 1)
		if _, err := s.Submit(t.Context(), rendered("m", "x@a.example"), func(r *Result) { settled <- r }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		s.Resume("a.example")
		if r := <-settled; !r.Delivered() || r.Recipients[0].Tries != 1 {
			t.Errorf("%+v", r)
		}
		if len(received(oldHost)) > 0 || len(received(newHost)) != 1 || asked < 2 {
			t.Errorf("old host got %v, new host %v, asked %d times", received(oldHost), received(newHost), asked)
		}
	})
}

// TestWithdrawnWhileTheRouterIsAsked cancels a Send.
func TestWithdrawnWhileTheRouterIsAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		s := newSender(t, Config{Router: RouterFunc(func(ctx context.Context, r RouteRequest) (Route, error) {
			time.Sleep(10 * time.Second)
			return Via(relay), nil
		})})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		r, err := s.Send(ctx, rendered("m", "x@a.example"))
		if took := time.Since(start); took > time.Second+100*time.Millisecond || r.Recipients[0].Status != NotTried || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v after %v: %v", r.Recipients[0].Status, took, err)
		}
		time.Sleep(20 * time.Second) // the answer comes for nobody
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.endpoints) != 0 {
			t.Errorf("%d endpoints are kept for nobody", len(s.endpoints))
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
// or login mechanism: that route waits, and the other goes on.
func TestANameIsOneRelay(t *testing.T) {
	for name, change := range map[string]func(*Relay){
		"address": func(r *Relay) { r.Addr = "other.example:25" },
		"TLS":     func(r *Relay) { r.TLS = pool.TLSOpportunistic },
		"HELO":    func(r *Relay) { r.HELO = "other.example" },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, relay := host(t, "a")
				other := relay
				change(&other)
				s := newSender(t, Config{IdleTimeout: 5 * time.Minute, Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
					if r.Domain == "other.example" {
						return Via(other), nil
					}
					return Via(relay), nil
				})})
				hold, err := s.Submit(t.Context(), rendered("m", "x@a.example"), nil)
				if err != nil {
					t.Fatal(err)
				}
				m := rendered("m", "x@other.example")
				m.Expiry = time.Minute
				if r, err := s.Send(t.Context(), m); r.Recipients[0].Status != NotTried || !strings.Contains(err.Error(), "needs another Name") {
					t.Errorf("%v, %v", r.Recipients[0].Status, err)
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

func TestRouteTable(t *testing.T) {
	named := func(name string) Router {
		return PromptRouterFunc(func(RouteRequest) (Route, error) { return Route{Destination: name}, nil })
	}
	table := RouteTable{{"exact.example", named("exact")}, {"*.below.example", named("below")}, {"home.example", nil}, {"*", named("rest")}}
	for domain, want := range map[string]string{
		"exact.example": "exact", "EXACT.example": "exact", "a.below.example": "below", "a.b.below.example": "below",
		"below.example": "rest", "xbelow.example": "rest", "other.example": "rest",
	} {
		r, err, ok := table.RouteNow(RouteRequest{Domain: domain})
		if r.Destination != want || err != nil || !ok {
			t.Errorf("%s goes to %q (%v, %v), want %q", domain, r.Destination, err, ok, want)
		}
		if r, err := table.Route(t.Context(), RouteRequest{Domain: domain}); r.Destination != want || err != nil {
			t.Errorf("%s goes to %q (%v), want %q", domain, r.Destination, err, want)
		}
	}
	if _, err := table.Route(t.Context(), RouteRequest{Domain: "home.example"}); err != ErrUseRelays {
		t.Errorf("a rule without a Router: %v", err)
	}
	if _, err := table[:1].Route(t.Context(), RouteRequest{Domain: "other.example"}); err != ErrUseRelays {
		t.Errorf("no rule: %v", err)
	}
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
