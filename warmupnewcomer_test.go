package smtpace

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// TestOneWarmUpOfTwoWays: of two domains of a message that share a destination by
// different hosts one is a newcomer too much.
func TestOneWarmUpOfTwoWays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a := host(t, "a")
		_, b := host(t, "b")
		s := warming(t, func(r RouteRequest) Route {
			if r.Domain == "a.example" {
				return Via(a)
			}
			return Via(b)
		})
		result, err := s.Send(t.Context(), rendered("m", "x@a.example", "y@b.example"))
		if !errors.Is(err, ErrWarmUp) || result.Recipients[0].Status != Delivered || result.Recipients[1].Status != NotTried {
			t.Errorf("got %v: %+v, want the first delivered", err, result)
		}
	})
}

// TestARenewedRouteIsNoNewcomer: a message for which there was room goes, although its
// new host has the same destination, whose warm-up is full.
func TestARenewedRouteIsNoNewcomer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a := host(t, "a")
		_, b := host(t, "b")
		start := time.Now()
		s := warming(t, func(RouteRequest) Route {
			route := Via(b)
			if time.Since(start) < time.Second {
				route = Via(a)
				route.Until = start.Add(time.Second)
			}
			return route
		})
		s.Pause("new")
		sub, err := s.Submit(t.Context(), rendered("m", "x@a.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s.Resume("new")
		if <-sub.Done(); !sub.Result().Delivered() {
			t.Errorf("got %v", sub.Result().Err())
		}
	})
}

// TestAnotherDestinationHasNewcomers: a message that comes to a destination by a later
// route ends where its warm-up has no room.
func TestAnotherDestinationHasNewcomers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a := host(t, "a")
		start := time.Now()
		s := warming(t, func(r RouteRequest) Route {
			route := Via(a)
			if r.ID == "late" && time.Since(start) < time.Second {
				route.Destination, route.Until = "other", start.Add(time.Second)
			}
			return route
		})
		s.Pause("other")
		late, err := s.Submit(t.Context(), rendered("late", "x@a.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s.Resume("other")
		if <-late.Done(); !errors.Is(late.Result().Err(), ErrWarmUp) {
			t.Errorf("got %v, want ErrWarmUp", late.Result().Err())
		}
	})
}

// warming returns a Sender whose Router names the destination "new" if it names none. A
// warm-up has room for a message a day there.
func warming(t *testing.T, route func(RouteRequest) Route) *Sender {
	return newSender(t, Config{
		Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
			to := route(r)
			if to.Destination == "" {
				to.Destination = "new"
			}
			return to, nil
		}),
		WarmUps: map[string]throttle.WarmUp{"new": {Start: time.Now().Add(-time.Hour), Table: []int{1, 1, 1}, Hours: 1, Refuse: true}},
		Expiry:  80 * time.Hour,
		Memory:  File(filepath.Join(t.TempDir(), "memory")),
	})
}
