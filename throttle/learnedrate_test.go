package throttle

import (
	"testing"
	"time"
)

// TestALongWindowIsProbedSeldomAtFirst: until it is well known, what looks like a window may
// be a punishment, so that few tries are made in it. A short one costs little, and a rate on
// trial may be none.
func TestALongWindowIsProbedSeldomAtFirst(t *testing.T) {
	for _, tt := range []struct {
		window    time.Duration
		estimates int8
		slowest   time.Duration
		want      time.Duration
	}{
		{18 * time.Minute, 1, 0, 2 * time.Minute},
		{18 * time.Minute, wellKnown - 1, 0, 2 * time.Minute},
		{18 * time.Minute, wellKnown, 0, time.Second},
		{18 * time.Minute, 1, time.Minute, time.Second},
		{time.Minute, 1, 0, time.Second},
	} {
		p := newRateEstimate(noon, 300, noon.Add(-time.Minute))
		p.level, p.depth, p.reach, p.estimates, p.slowest = 5, margin, 100, tt.estimates, tt.slowest
		p.windowEnd = noon
		p.recent.covers(noon, tt.window)
		now := noon.Add(time.Second)
		p.refuse(now, now, 1)
		if got := p.gapAfter(now.Add(2 * time.Second)); got < tt.want || got > tt.want*3/2 {
			t.Errorf("%+v: a gap of %v", tt, got)
		}
	}
}

// TestNoOutageLastsForManyWindows: while an outage lasts no longer than a few windows the end
// of the next is tried. One that lasts longer is something else, and the gaps grow: a
// punishment that each probe extends, just longer than the window, would never end.
func TestNoOutageLastsForManyWindows(t *testing.T) {
	p := newRateEstimate(noon, 300, noon.Add(-time.Minute))
	p.level, p.depth, p.reach, p.estimates, p.windowEnd = 5, margin, 100, wellKnown, noon
	p.recent.covers(noon, time.Minute)
	span := p.recent.span()
	now := noon.Add(time.Second)
	p.refuse(now, now, 1)
	for _, tt := range []struct {
		lasts time.Duration
		grows bool
	}{{span, false}, {mostWindows*span - time.Second, false}, {mostWindows * span, true}, {10 * span, true}} {
		if got := p.gapAfter(p.outage.began.Add(tt.lasts)); (got >= tt.lasts) != tt.grows {
			t.Errorf("after %v a gap of %v", tt.lasts, got)
		}
	}
}
