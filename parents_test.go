package smtpace

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// mailboxes returns the recipients of all messages that a receiver has stored, in
// order.
func mailboxes(srv *smtptest.Server) (to []string) {
	for _, tx := range srv.Transactions() {
		to = append(to, tx.To()...)
	}
	slices.Sort(to)
	return to
}

// TestParents has a Router that names the tenant of each message: a limit of one
// tenant holds back its mail, single mail included, and nobody else's.
func TestParents(t *testing.T) {
	bothWays(t, func(t *testing.T, router func(func(RouteRequest) (Route, error)) Router) {
		srv, relay := host(t, "a")
		s := newSender(t, Config{Relays: []Relay{relay}, Router: router(func(r RouteRequest) (Route, error) {
			return Route{Parents: []throttle.Scope{{Kind: throttle.ScopeTenant, Name: r.Tenant}}}, ErrUseRelays
		})})
		acme := throttle.Scope{Kind: throttle.ScopeTenant, Name: "acme"}
		if err := s.SetLimits(acme, throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Minute}}); err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{"1@x.example", "2@x.example", "3@y.example"} {
			m := rendered("acme", to)
			m.Tenant = acme.Name
			if _, err := s.Submit(t.Context(), m, nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // in this order
		}
		for range 5 {
			if _, err := s.Send(t.Context(), rendered("other", "4@x.example")); err != nil {
				t.Fatal(err)
			}
		}
		counts := func(want int) {
			t.Helper()
			synctest.Wait()
			n := 0
			for _, to := range mailboxes(srv) {
				if to != "4@x.example" {
					n++
				}
			}
			if n != want {
				t.Errorf("the tenant has sent %d messages, want %d", n, want)
			}
		}
		counts(1)
		if st := s.Stats().Scopes; len(st) != 1 || st[0].Name != "acme" || st[0].Parked != 2 || st[0].Next == nil {
			t.Errorf("the statistics are %+v", st)
		}
		if e := s.Explain("y.example"); e.Bind.Scope != "tenant" || e.Bind.Name != "acme" || e.Parked != 1 {
			t.Errorf("the explanation is %+v", e)
		}
		time.Sleep(61 * time.Second)
		counts(2)
		if err := s.SetLimits(acme, throttle.Limits{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		counts(3)
	})
}

// TestParentsOfOneMessage has recipients of one destination and path with other
// parents: they are in transactions of their own.
func TestParentsOfOneMessage(t *testing.T) {
	bothWays(t, func(t *testing.T, router func(func(RouteRequest) (Route, error)) Router) {
		srv, relay := host(t, "a")
		s := newSender(t, Config{Router: router(func(r RouteRequest) (Route, error) {
			route := Via(relay)
			route.Destination = "one"
			if r.Domain == "b.example" {
				route.Parents = []throttle.Scope{{Kind: throttle.ScopeSenderDomain, Name: "Sender.Example."}}
			}
			return route, nil
		})})
		held := throttle.Scope{Kind: throttle.ScopeSenderDomain, Name: "SENDER.example"}
		if err := s.SetLimits(held, throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Hour}}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := s.Submit(t.Context(), rendered("m", "x@a.example", "y@b.example", "z@a.example"), nil); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		got, want := mailboxes(srv), []string{"x@a.example", "x@a.example", "y@b.example", "z@a.example", "z@a.example"}
		if !slices.Equal(got, want) {
			t.Errorf("after a minute %v have the message, want %v", got, want)
		}
	})
}

// TestParentsChange has a Router that names another tenant once the route is out
// of date.
func TestParentsChange(t *testing.T) {
	bothWays(t, func(t *testing.T, router func(func(RouteRequest) (Route, error)) Router) {
		srv, relay := host(t, "a")
		var changed atomic.Bool
		s := newSender(t, Config{Router: router(func(r RouteRequest) (Route, error) {
			route, tenant := Via(relay), "old"
			if changed.Load() {
				tenant = "new"
			}
			route.Parents = []throttle.Scope{{Kind: throttle.ScopeTenant, Name: tenant}}
			route.Until = time.Now().Add(time.Minute)
			return route, nil
		})})
		if err := s.SetLimits(throttle.Scope{Kind: throttle.ScopeTenant, Name: "new"}, throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Hour}}); err != nil {
			t.Fatal(err)
		}
		s.Pause("x.example")
		for range 3 {
			if _, err := s.Submit(t.Context(), rendered("m", "x@x.example"), nil); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		changed.Store(true)
		s.Resume("x.example")
		time.Sleep(time.Minute)
		if n := len(received(srv)); n != 1 {
			t.Errorf("%d messages went, want the 1 that the new tenant may send", n)
		}
	})
}

func TestParentsThatAreNotValid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		s := newSender(t, Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) {
			route := Via(relay)
			route.Parents = []throttle.Scope{{Kind: throttle.ScopeProcess}}
			return route, nil
		})})
		m := rendered("m", "x@x.example")
		m.Expiry = time.Minute
		r, err := s.Send(t.Context(), m)
		if r == nil || r.Recipients[0].Status != NotTried || !errors.Is(err, ErrNoRoute) {
			t.Errorf("the message ends as %+v, %v; want not tried, without a route", r, err)
		}
		for _, of := range []throttle.Scope{{Kind: throttle.ScopeSource, Name: "no address"}, {Kind: throttle.ScopeSender, Name: "no address"}, {Kind: 99}} {
			if err := s.SetLimits(of, throttle.Limits{}); err == nil {
				t.Errorf("limits of %v are no mistake", of)
			}
		}
	})
}
