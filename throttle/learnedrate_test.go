package throttle

import (
	"testing"
	"time"
)

// TestAWindowIsProbedSeldomAtFirst: until it is well known, what looks like a window may be
// a punishment, so that few tries are made in it.
func TestAWindowIsProbedSeldomAtFirst(t *testing.T) {
	for estimates, want := range map[int8]time.Duration{1: 15 * time.Second, wellKnown: time.Second} {
		p := newRateEstimate(noon, 300, noon.Add(-time.Minute))
		p.level, p.depth, p.reach, p.estimates, p.windowEnd = 5, margin, 100, estimates, noon
		now := noon.Add(time.Second)
		p.refuse(now, now, 1)
		if got := p.gapAfter(now.Add(2 * time.Second)); got != want {
			t.Errorf("a gap of %v behind %d estimates, want %v", got, estimates, want)
		}
	}
}
