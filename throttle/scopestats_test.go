package throttle

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// The state of a scope tells its rate, and when its next message goes.
func TestScopeStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New[int](Config{})
		if err != nil {
			t.Fatal(err)
		}
		tenant := Scope{Kind: ScopeTenant, Name: "x"}
		list, err := NewScopeList(tenant, Scope{Kind: ScopeSender, Name: "ann@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if got := s.ScopeStats(now, list); len(got) != 0 {
			t.Errorf("got %v without limits, want none", got)
		}
		if got := s.ScopeStats(now, nil); got != nil {
			t.Errorf("got %v without a list, want none", got)
		}
		if err := s.SetLimits(now, tenant, Limits{MessageRate: Rate{Count: 120, Per: time.Minute, Burst: 1}}); err != nil {
			t.Fatal(err)
		}
		want := func(next time.Time, ahead int) {
			t.Helper()
			if got := s.ScopeStats(now, list); len(got) != 1 || got[0].Kind != "tenant" || got[0].Name != "x" || !nextOf(got[0], now).Equal(next) || got[0].Parked != ahead || math.Abs(got[0].Rate-2) > 0.001 {
				t.Errorf("got %+v, want 2 a second of the tenant, the next in %v, %d ahead", got, next.Sub(now), ahead)
			}
		}
		want(now, 0)
		for i := range 4 {
			s.Push(now, Job[int]{Destination: "d", Value: i, Path: Through("relay"), Fresh: true, Scopes: list})
		}
		c, _ := s.Open(now, "relay")
		c.Established(now)
		g, _ := c.Next(now)
		g.Wrote(now)
		g.Asked(now)
		g.Done(now, Outcome{Accepted: 1, Recipients: 1})
		if g, _ := c.Next(now); g != nil {
			t.Fatal("a second message goes at once")
		}
		want(now.Add(500*time.Millisecond), 3)
		now = now.Add(time.Minute)
		want(now, 3)
	})
}

// nextOf returns the time at which a scope lets the next message go.
func nextOf(s ScopeStats, now time.Time) time.Time {
	if s.Next == nil {
		return now
	}
	return *s.Next
}
