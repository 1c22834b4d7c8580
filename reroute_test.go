package smtpace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// waiting returns a Router of the same answers that is always called as one that
// may wait.
func waiting(answer func(RouteRequest) (Route, error)) Router {
	return RouterFunc(func(_ context.Context, r RouteRequest) (Route, error) { return answer(r) })
}

// bothWays runs a test with a Router that knows at once and with one that may wait.
func bothWays(t *testing.T, test func(t *testing.T, router func(func(RouteRequest) (Route, error)) Router)) {
	t.Helper()
	t.Run("prompt", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			test(t, func(f func(RouteRequest) (Route, error)) Router { return PromptRouterFunc(f) })
		})
	})
	t.Run("waiting", func(t *testing.T) { bubble(t, func(t *testing.T) { test(t, waiting) }) })
}

// TestRerouteOfTwoDomains has a message to two domains of one destination wait
// until their common route is out of date. Each domain gets its own new route.
func TestRerouteOfTwoDomains(t *testing.T) {
	for _, change := range []string{"another host", "never", "not now", "none"} {
		t.Run(change, func(t *testing.T) {
			bothWays(t, func(t *testing.T, router func(func(RouteRequest) (Route, error)) Router) {
				old, ro := host(t, "old")
				a, ra := host(t, "a")
				b, rb := host(t, "b")
				var later atomic.Bool
				s := newSender(t, Config{Router: router(func(r RouteRequest) (Route, error) {
					route := Via(ro)
					if later.Load() {
						route = Via(rb)
					}
					if later.Load() && r.Domain == "a.example" {
						switch change {
						case "never":
							return Route{}, &NoRouteError{Domain: r.Domain, Err: errors.New("null MX")}
						case "not now":
							return Route{}, errors.New("DNS is down")
						case "another host":
							route = Via(ra)
						case "none":
							route = Via(ro)
						}
					}
					route.Destination, route.Until = "one", time.Now().Add(time.Minute)
					return route, nil
				})})
				s.Pause("one")
				m := rendered("m", "x@a.example", "y@b.example", "z@a.example")
				m.Expiry = time.Hour
				sub, err := s.Submit(t.Context(), m, nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Minute)
				later.Store(true)
				s.Resume("one")
				<-sub.Done()
				got, copies := map[string]string{}, 0
				for name, srv := range map[string][]string{"old": received(old), "a": received(a), "b": received(b)} {
					for _, to := range srv {
						got[to] = name
						copies++
					}
				}
				if copies != len(got) {
					t.Errorf("%d copies for %v", copies, got)
				}
				want := map[string]string{"another host": "a", "never": "", "not now": "", "none": "old"}[change]
				for to, host := range got {
					if strings.Contains(to, "y@") && host != "b" || !strings.Contains(to, "y@") && host != want {
						t.Errorf("%s went to host %q; all: %v", to, host, got)
					}
				}
				status := map[string]Status{"another host": Delivered, "never": Refused, "not now": NotTried, "none": Delivered}[change]
				if r := sub.Result().Recipients; r[0].Status != status || r[1].Status != Delivered || r[2].Status != status {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// TestUntilInThePast has a Router whose routes are always out of date.
func TestUntilInThePast(t *testing.T) {
	bothWays(t, func(t *testing.T, router func(func(RouteRequest) (Route, error)) Router) {
		_, ra := host(t, "a")
		ra.Limits.MessageRate = throttle.Rate{Count: 1, Per: time.Minute}
		var asked atomic.Int64
		s := newSender(t, Config{Router: router(func(RouteRequest) (Route, error) {
			route := Via(ra)
			route.Until = time.Now().Add(-time.Second)
			if asked.Add(1) > 10000 {
				route.Until = time.Time{}
			}
			return route, nil
		})})
		if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil || asked.Load() != 1 {
			t.Errorf("asked %d times about a message that went at once, %v", asked.Load(), err)
		}
		for range 20 {
			if _, err := s.Submit(t.Context(), rendered("m", "x@a.example"), nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil {
			t.Error(err)
		}
		if n := asked.Load(); n > 2*22 {
			t.Errorf("the Router was asked %d times about 22 messages", n)
		}
	})
}

// TestRenewalCostsNoConnections has routes that are valid for less than the wait
// in the queue, and few messages a connection.
func TestRenewalCostsNoConnections(t *testing.T) {
	bothWays(t, func(t *testing.T, router func(func(RouteRequest) (Route, error)) Router) {
		_, ra := host(t, "a")
		ra.Limits = throttle.Limits{MessagesPerConnection: 10, ConnectionRate: throttle.Rate{Count: 1, Per: time.Minute}}
		var opened atomic.Int64
		s := newSender(t, Config{
			Observers: []Observer{{Opened: func(Connection) { opened.Add(1) }}},
			Router: router(func(RouteRequest) (Route, error) {
				route := Via(ra)
				route.Until = time.Now().Add(30 * time.Second)
				return route, nil
			})})
		start := time.Now()
		var subs []*Submission
		for i := range 200 {
			sub, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "x@a.example"), nil)
			if err != nil {
				t.Fatal(err)
			}
			subs = append(subs, sub)
		}
		for _, sub := range subs {
			<-sub.Done()
		}
		if took := time.Since(start); took > 22*time.Minute || opened.Load() > 21 {
			t.Errorf("200 messages took %v and %d connections; at 10 a connection and minute they need 20", took, opened.Load())
		}
	})
}

// TestCloseWhileAccepting ends the Sender while Observer.Accepted runs.
func TestCloseWhileAccepting(t *testing.T) {
	for _, fails := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			_, ra := host(t, "a")
			closing, closed := make(chan struct{}), make(chan struct{})
			s := newSender(t, Config{
				Router: RouterFunc(func(context.Context, RouteRequest) (Route, error) {
					if fails {
						return Route{}, errors.New("not now")
					}
					return Via(ra), nil
				}),
				Observers: []Observer{{Accepted: func(context.Context, Acceptance) { close(closing); time.Sleep(time.Second) }}},
			})
			go func() { <-closing; _ = s.Close(); close(closed) }()
			sub, err := s.Submit(t.Context(), rendered("m", "x@a.example"), nil)
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-closed:
			case <-time.After(time.Hour):
				sub.withdraw(ErrClosed, true)
				t.Fatal("Close has not returned in an hour")
			}
			if r := sub.Result(); r == nil || !errors.Is(r.Err(), ErrClosed) || r.Recipients[0].Status != NotTried {
				t.Errorf("the message ends as %+v, want not tried, with ErrClosed", r)
			}
		})
	}
}

// TestAskAfterStop has the Router asked about a delivery when no call is made any
// more: the caller learns it.
func TestAskAfterStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSender(t, Config{Router: waiting(func(RouteRequest) (Route, error) { return Route{}, nil })})
		s.routing.stop()
		for _, at := range []time.Time{{}, time.Now().Add(time.Hour)} {
			if s.routing.ask(&delivery{}, "a.example", at) {
				t.Error("ask takes a delivery after stop")
			}
		}
		r, err := s.Send(t.Context(), rendered("m", "x@a.example"))
		if !errors.Is(err, ErrClosed) || r.Recipients[0].Status != NotTried {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestSlowRouterDoesNotFillAdmission fills the Sender with mail for a dead
// destination that only the Router names.
func TestSlowRouterDoesNotFillAdmission(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, rd := host(t, "dead")
		rd.DialContext = unreachable(func() bool { return true }, nil)
		_, rl := host(t, "live")
		s := newSender(t, Config{MaxQueued: 1000, Router: waiting(func(r RouteRequest) (Route, error) {
			if r.Domain == "live.example" {
				return Via(rl), nil
			}
			route := Via(rd)
			route.Destination = "provider"
			return route, nil
		})})
		n := 0
		for n < 2000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := s.Submit(ctx, rendered("d", "x@dead.example"), nil)
			cancel()
			if err != nil {
				break
			}
			n++
			synctest.Wait()
		}
		if n < 600 || n > 700 {
			t.Errorf("%d of 1000 places are a dead destination's, want two thirds", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Send(ctx, rendered("m", "x@live.example")); err != nil {
			t.Error(err)
		}
	})
}

// TestChargeMovesToTheDestinationOfTheRouter admits messages before the Router has
// answered about the first.
func TestChargeMovesToTheDestinationOfTheRouter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, rd := host(t, "dead")
		rd.DialContext = unreachable(func() bool { return true }, nil)
		s := newSender(t, Config{MaxQueued: 1000, Router: waiting(func(r RouteRequest) (Route, error) {
			time.Sleep(time.Second)
			route := Via(rd)
			route.Destination = "provider"
			return route, nil
		})})
		var subs []*Submission
		for range 500 {
			sub, err := s.Submit(t.Context(), rendered("d", "x@dead.example", "y@other.example"), nil)
			if err != nil {
				t.Fatal(err)
			}
			subs = append(subs, sub)
		}
		used := func(name string) int64 {
			s.single.mu.Lock()
			defer s.single.mu.Unlock()
			if at := s.single.accounts[name]; at != nil {
				return at.used / s.single.cost(0)
			}
			return 0
		}
		if d, o := used("dead.example"), used("other.example"); d != 500 || o != 500 {
			t.Errorf("%d and %d messages are charged to the domains, want all", d, o)
		}
		time.Sleep(10 * time.Minute)
		if d, o, p := used("dead.example"), used("other.example"), used("provider"); d != 0 || o != 0 || p != 500 {
			t.Errorf("%d, %d and %d messages are charged to the domains and their destination, want the last alone", d, o, p)
		}
		for _, sub := range subs {
			sub.Withdraw(nil)
		}
		synctest.Wait()
		if s.single.used != 0 || len(s.single.accounts) != 0 {
			t.Errorf("%d are used, %v", s.single.used, s.single.accounts)
		}
	})
}

// TestRefusedRecipientsAreChargedToNothing has one recipient refused at once and
// another wait.
func TestRefusedRecipientsAreChargedToNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ra := host(t, "a")
		s := newSender(t, Config{Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
			if r.Domain == "null.example" {
				return Route{}, &NoRouteError{Domain: r.Domain, Err: errors.New("null MX")}
			}
			return Via(ra), nil
		})})
		s.Pause("a.example")
		sub, err := s.Submit(t.Context(), rendered("m", "x@null.example", "y@a.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(s.single.accounts) != 1 || s.single.accounts["a.example"] == nil {
			t.Errorf("charged to %v, want a.example alone", s.single.accounts)
		}
		s.Resume("a.example")
		<-sub.Done()
		synctest.Wait()
		if s.single.used != 0 || len(s.single.accounts) != 0 {
			t.Errorf("%d are used, %v", s.single.used, s.single.accounts)
		}
	})
}

// TestSlowDomainsDoNotHoldUpOthers has the Router take long about some domains,
// or hang until its context ends.
func TestSlowDomainsDoNotHoldUpOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, rl := host(t, "live")
		var running, most atomic.Int32
		var hung atomic.Int64 // longest call, in nanoseconds
		s := newSender(t, Config{Router: RouterFunc(func(ctx context.Context, r RouteRequest) (Route, error) {
			if r.Domain != "slow.example" {
				return Via(rl), nil
			}
			n := running.Add(1)
			defer running.Add(-1)
			raise(&most, n)
			start := time.Now()
			<-ctx.Done()
			raise(&hung, int64(time.Since(start)))
			return Route{}, ctx.Err()
		})})
		for range 3000 {
			if _, err := s.Submit(t.Context(), rendered("d", "x@slow.example"), nil); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		for i := range 20 {
			if _, err := s.Send(t.Context(), rendered("m", fmt.Sprintf("x@live%d.example", i))); err != nil {
				t.Error(err)
			}
		}
		within(t, start, time.Second)
		synctest.Wait() // each call has begun
		if most.Load() != maxDomainCalls {
			t.Errorf("%d calls about one domain at once, want %d", most.Load(), maxDomainCalls)
		}
		time.Sleep(3 * time.Minute)
		if got := time.Duration(hung.Load()); got != routerTimeout {
			t.Errorf("the context of a call ended after %v, want %v", got, routerTimeout)
		}
		s.Close()
		if n := running.Load(); n != 0 {
			t.Errorf("%d calls are left", n)
		}
	})
}

// TestLimitsOfARelayThatComesBack gives a name other limits after its last
// connection has ended.
func TestLimitsOfARelayThatComesBack(t *testing.T) {
	hourly := throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Hour}}
	for name, limits := range map[string][2]throttle.Limits{"from none": {{}, hourly}, "from others": {{MessageRate: throttle.Rate{Count: 100, Per: time.Second}}, hourly}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a, ra := host(t, "a")
				ra.Limits = limits[0]
				s := newSender(t, Config{IdleTimeout: time.Second, Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(ra), nil })})
				if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				ra.Limits = limits[1]
				for i := range 5 {
					if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "x@a.example"), nil); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Minute)
				if n := len(received(a)); n > 2 {
					t.Errorf("%d messages in a minute, want one before the limit and one an hour after", n)
				}
			})
		})
	}
}

// TestRelaysOfTheRouterAreForgotten names a new relay with limits for every
// message.
func TestRelaysOfTheRouterAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv, _ := host(t, "a")
		i := 0
		s := newSender(t, Config{IdleTimeout: time.Second, Router: PromptRouterFunc(func(RouteRequest) (Route, error) {
			i++
			return Via(Relay{Name: fmt.Sprint("r", i), Addr: srv.Addr, TLS: pool.TLSNone, DialContext: srv.DialContext, Limits: throttle.Limits{Connections: 5}}), nil
		})})
		for range 200 {
			if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(48 * time.Hour)
		s.sched.Sweep(time.Now())
		if n := len(s.sched.Stats(time.Now()).Endpoints); n > 0 {
			t.Errorf("%d endpoints are left in the Scheduler", n)
		}
	})
}

// TestRaisedLimitsOfARelayServeAtOnce has a queue wait for a quota that the Router
// raises when it is asked about another domain.
func TestRaisedLimitsOfARelayServeAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ra := host(t, "a")
		ra.Limits = throttle.Limits{Quota: throttle.Quota{Count: 1, Per: 24 * time.Hour}}
		s := newSender(t, Config{Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
			if r.Domain == "c.example" {
				ra.Limits.Quota.Count = 100
			}
			return Via(ra), nil
		})})
		if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil {
			t.Fatal(err)
		}
		sub, err := s.Submit(t.Context(), rendered("m", "x@b.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		start := time.Now()
		s.Explain("c.example") // asks the Router
		<-sub.Done()
		within(t, start, time.Second)
	})
}

// TestPauseByNameOfRoutersDestination pauses by the name that a Router gives, and
// by the domain.
func TestPauseByNameOfRoutersDestination(t *testing.T) {
	for _, dotted := range []bool{false, true} {
		bothWays(t, func(t *testing.T, router func(func(RouteRequest) (Route, error)) Router) {
			_, ra := host(t, "a")
			suffix := ""
			if dotted {
				suffix = ".pool"
			}
			s := newSender(t, Config{Router: router(func(r RouteRequest) (Route, error) {
				route := Via(ra)
				route.Destination = "group-" + r.Domain[:1] + suffix
				return route, nil
			})})
			send := func() error {
				m := rendered("m", "x@a.example")
				m.Expiry = time.Minute
				_, err := s.Send(t.Context(), m)
				return err
			}
			if err := send(); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"group-a" + suffix, strings.ToUpper("group-a" + suffix), "a.example"} {
				s.Pause(name)
				if err := send(); !errors.Is(err, ErrExpired) {
					t.Errorf("paused by %s: %v, want that the message expires", name, err)
				}
				if e := s.Explain(name); e.Destination != "group-a"+suffix || e.Bind.Limit != "pause" {
					t.Errorf("Explain(%q) = %+v", name, e)
				}
				time.Sleep(time.Hour) // it may be forgotten
				s.Resume(name)
				if err := send(); err != nil {
					t.Errorf("resumed by %s: %v", name, err)
				}
			}
		})
	}
}

// TestPauseBeforeThereIsMail pauses by a name that only a Router gives.
func TestPauseBeforeThereIsMail(t *testing.T) {
	bothWays(t, func(t *testing.T, router func(func(RouteRequest) (Route, error)) Router) {
		_, ra := host(t, "a")
		s := newSender(t, Config{Router: router(func(r RouteRequest) (Route, error) {
			route := Via(ra)
			route.Destination = "group-" + r.Domain[:1]
			return route, nil
		})})
		s.Pause("group-a")
		m := rendered("m", "x@a.example")
		m.Expiry = time.Minute
		if _, err := s.Send(t.Context(), m); !errors.Is(err, ErrExpired) {
			t.Errorf("%v, want that the message expires", err)
		}
	})
}

// TestRoutedDomainsIsBounded gives more domains than are kept.
func TestRoutedDomainsIsBounded(t *testing.T) {
	var r routedDomains
	for i := range maxRoutedDomains + 10 {
		r.put(fmt.Sprint(i), "d")
		r.put("0", "first") // it stays the latest but one
	}
	if len(r.by) != maxRoutedDomains || r.recent.Len() != maxRoutedDomains || r.get("0") != "first" || r.get("1") != "" {
		t.Errorf("%d domains are kept, the first is %q", len(r.by), r.get("0"))
	}
}

// TestOutdatedRouteOfDeadHostsIsRenewed has a Router find other hosts while mail waits
// for ones that do not come back. It is asked again although nothing grants the mail,
// and not too often.
func TestOutdatedRouteOfDeadHostsIsRenewed(t *testing.T) {
	for _, prompt := range []bool{true, false} {
		t.Run(fmt.Sprint("prompt ", prompt), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				dead, lost := host(t, "dead")
				_, lost2 := host(t, "dead too")
				srv, alive := host(t, "alive")
				lost.DialContext = unreachable(func() bool { return true }, nil)
				lost2.DialContext = lost.DialContext
				start := time.Now()
				var calls atomic.Int32
				answer := func(RouteRequest) (Route, error) {
					calls.Add(1)
					route := Via(lost, lost2)
					if time.Since(start) > 10*time.Minute {
						route = Via(alive)
					}
					route.Until = time.Now().Add(time.Second)
					return route, nil
				}
				var router Router = PromptRouterFunc(answer)
				if !prompt {
					router = waiting(answer)
				}
				s := newSender(t, Config{Router: router})
				var got results
				for i := range 30 {
					if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "a@x.example"), got.done); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(20 * time.Minute)
				if got.count(Delivered) != 30 || len(received(srv)) != 30 || len(received(dead)) != 0 {
					t.Errorf("%d delivered", got.count(Delivered))
				}
				if n := calls.Load(); n > 30*20 {
					t.Errorf("the Router was asked %d times about 30 messages in 20 minutes", n)
				}
			})
		})
	}
}
