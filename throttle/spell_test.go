package throttle

import (
	"testing"
	"time"
)

// TestASmallMessageEndsNoWindow: where a single one is accepted in the long outage of a
// receiver that counts over a window, the rate is that of the whole window.
func TestASmallMessageEndsNoWindow(t *testing.T) {
	p := newRateEstimate(noon, 300, noon.Add(-time.Second))
	p.refuse(noon, noon, 1)
	now := noon
	for !p.known() {
		now, _ = send(&p, now, 1, func(now time.Time) bool { return now.Sub(noon) < 20*time.Second })
	}
	end := noon.Add(10 * time.Minute)
	for now.Before(end) {
		now, _ = send(&p, now, 1, func(now time.Time) bool { return now.Before(end) })
	}
	if got, want := p.level, 300/now.Sub(noon).Seconds(); got < 0.7*want || got > 1.3*want {
		t.Errorf("%.3g a second, want about %.3g", got, want)
	}
}
