package throttle

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// The outlook of a scope tells its rate, and when its next message goes.
func TestOutlooks(t *testing.T) {
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
		if got := s.Outlooks(now, list); len(got) != 0 {
			t.Errorf("got %v without limits, want none", got)
		}
		if got := s.Outlooks(now, nil); got != nil {
			t.Errorf("got %v without a list, want none", got)
		}
		if err := s.SetLimits(now, tenant, Limits{MessageRate: Rate{Count: 120, Per: time.Minute, Burst: 1}}); err != nil {
			t.Fatal(err)
		}
		if got := s.Outlooks(now, list); len(got) != 1 || got[0].Scope != tenant || got[0].Next != now || math.Abs(got[0].Rate-2) > 0.001 {
			t.Errorf("got %+v, want 2 a second of the tenant, now", got)
		}
	})
}
