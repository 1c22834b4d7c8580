package smtpace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/smtptest"
)

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
			if !errors.Is(err, error(reply)) || r.Recipients[0].Status != Refused || r.Recipients[0].Reply != reply || r.Recipients[0].Class != classify.ClassBadMailbox || r.Recipients[1].Status != Delivered {
				t.Errorf("prompt %v: %+v, %v", prompt, r, err)
			}
			if got := received(srv); len(got) != 1 {
				t.Errorf("the receiver got %v", got)
			}
		})
	}
}

// TestRouterIsAskedOnce has three recipients of two domains put off until they
// expire: the Router is asked once about each domain, whatever the number of tries.
func TestRouterIsAskedOnce(t *testing.T) {
	for _, prompt := range []bool{true, false} {
		t.Run(fmt.Sprint("prompt ", prompt), func(t *testing.T) {
			inWorld(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Fault: smtptest.Fault{Reply: "451 4.3.0 try again later"}})}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				relay.Name = "a"
				var mu sync.Mutex
				asked := map[string]int{}
				answer := func(r RouteRequest) (Route, error) {
					mu.Lock()
					defer mu.Unlock()
					asked[r.Domain]++
					return Via(relay), nil
				}
				var router Router = PromptRouterFunc(answer)
				if !prompt {
					router = RouterFunc(func(_ context.Context, r RouteRequest) (Route, error) { return answer(r) })
				}
				s := newSender(t, Config{Router: router, Expiry: 4 * time.Hour})
				r, _ := s.Send(t.Context(), rendered("m", "x@a.example", "y@a.example", "z@b.example"))
				if r.Recipients[0].Tries < 3 || r.Recipients[2].Tries < 3 {
					t.Errorf("tried %d and %d times, want some", r.Recipients[0].Tries, r.Recipients[2].Tries)
				}
				if asked["a.example"] != 1 || asked["b.example"] != 1 {
					t.Errorf("asked %v, want once about each domain", asked)
				}
			})
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
			raise(&most, n)
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

// TestDomainsThatHangLeaveCallsToOthers has a Router that ignores its context for
// eight domains.
func TestDomainsThatHangLeaveCallsToOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		hang := make(chan struct{})
		s := newSender(t, Config{Router: RouterFunc(func(_ context.Context, r RouteRequest) (Route, error) {
			if strings.HasPrefix(r.Domain, "hangs") {
				<-hang
			}
			return Via(relay), nil
		})})
		defer close(hang)
		for i := range 800 {
			if _, err := s.Submit(t.Context(), rendered("m", fmt.Sprintf("x@hangs%d.example", i%8)), nil); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			time.Sleep(time.Hour)
			start := time.Now()
			if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil {
				t.Error(err)
			}
			within(t, start, time.Second)
		}
	})
}

// TestRouteThatChangesLosesNoWakeUp has a Router name one relay and then another for
// the same domain. A message that waits behind the first is tried again, though the
// second was used and forgotten meanwhile.
func TestRouteThatChangesLosesNoWakeUp(t *testing.T) {
	receiver := smtptest.Config{Domains: map[string]smtptest.Domain{"d.example": {Greylist: smtptest.Greylist{Delay: 4 * time.Minute}}}}
	inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
		names, asked := []string{"a", "b"}, 0
		s := newSender(t, Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) {
			relay := relayTo(srv)
			relay.Name = names[asked%2]
			asked++
			return Via(relay), nil
		})})
		one, err := s.Submit(t.Context(), rendered("one", "x@d.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		two := rendered("two", "y@d.example")
		two.Expiry = 30 * time.Second
		if _, err := s.Submit(t.Context(), two, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		if r := one.Result(); r == nil || !r.Delivered() {
			t.Errorf("the message behind the first relay: %+v, %+v", r, s.Explain("d.example"))
		}
	})
}

// TestASlowDomainWhoseMailComesSlowly: calls about a domain that hang count for it also
// when its mail comes one message at a time. They leave room for others, and a domain
// without calls is forgotten.
func TestASlowDomainWhoseMailComesSlowly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		hang := make(chan struct{})
		var running, most atomic.Int32
		s := newSender(t, Config{Router: RouterFunc(func(ctx context.Context, r RouteRequest) (Route, error) {
			if r.Domain == "slow.example" {
				raise(&most, running.Add(1))
				defer running.Add(-1)
				select {
				case <-hang:
				case <-ctx.Done():
				}
			}
			return Via(relay), nil
		})})
		for range maxRouterCalls {
			if _, err := s.Submit(t.Context(), rendered("m", "x@slow.example"), nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		start := time.Now()
		if _, err := s.Send(t.Context(), rendered("m", "x@live.example")); err != nil {
			t.Error(err)
		}
		within(t, start, time.Second)
		if n := most.Load(); n != maxDomainCalls {
			t.Errorf("%d calls about one domain at once, want %d", n, maxDomainCalls)
		}
		close(hang)
		synctest.Wait()
		if n := len(s.routing.domains); n != 0 {
			t.Errorf("%d domains are kept without a call", n)
		}
	})
}

// TestTheFirstUntilCounts: recipients of several domains share a delivery. Their route is
// asked for again once that of one of them is out of date, and not before.
func TestTheFirstUntilCounts(t *testing.T) {
	const soon, late, never = 10 * time.Second, 24 * time.Hour, 0
	for _, c := range []struct {
		a, b  time.Duration // how long the answers hold
		again bool
	}{{soon, late, true}, {late, soon, true}, {soon, never, true}, {never, soon, true}, {late, late, false}, {late, never, false}, {never, never, false}} {
		inWorld(t, putOff(1), func(t *testing.T, srv *smtptest.Server) {
			relay := relayTo(srv)
			relay.Name = "relay"
			start, asked := time.Now(), 0
			s := newSender(t, Config{Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
				route := Via(relay)
				route.Destination = "one"
				valid := map[string]time.Duration{"a.example": c.a, "b.example": c.b}[r.Domain]
				if time.Since(start) < time.Second {
					valid = time.Second
				} else if time.Since(start) > 6*time.Second {
					asked++
				}
				if valid > 0 {
					route.Until = time.Now().Add(valid)
				}
				return route, nil
			})})
			s.Pause("one")
			time.AfterFunc(5*time.Second, func() { s.Resume("one") })
			if _, err := s.Send(t.Context(), rendered("m", "x@a.example", "x@b.example")); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took < 20*time.Second || (asked > 0) != c.again {
				t.Errorf("valid for %v and %v: asked %d times again, after %v", c.a, c.b, asked, took)
			}
		})
	}
}

// TestCloseWaitsForTheRouter: Close waits until the last call of the Router has returned,
// and no longer.
func TestCloseWaitsForTheRouter(t *testing.T) {
	for _, calls := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			var running atomic.Int32
			s := newSender(t, Config{Router: RouterFunc(func(ctx context.Context, r RouteRequest) (Route, error) {
				n := running.Add(1)
				defer running.Add(-1)
				<-ctx.Done()
				time.Sleep(time.Duration(n) * 10 * time.Millisecond)
				return Route{}, ctx.Err()
			})})
			for i := range calls {
				if _, err := s.Submit(t.Context(), rendered("m", fmt.Sprintf("x@d%d.example", i)), nil); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			start := time.Now()
			s.Close()
			if took := time.Since(start); running.Load() != 0 || took != time.Duration(calls)*10*time.Millisecond {
				t.Errorf("%d calls: Close took %v, and %d calls ran on", calls, took, running.Load())
			}
		})
	}
}
