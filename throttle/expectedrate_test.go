package throttle

import (
	"math"
	"testing"
	"time"
)

// TestExpectedRate is the lower one of the rate that applies and that of late, which
// counts once it is of ten messages over some time.
func TestExpectedRate(t *testing.T) {
	for _, tt := range []struct {
		name     string
		messages int
		every    time.Duration
		rate     float64
		want     float64
	}{
		{"of late", 21, 100 * time.Millisecond, 0, 10},
		{"of late below what applies", 21, 100 * time.Millisecond, 50, 10},
		{"of late above what applies", 21, 100 * time.Millisecond, 5, 5},
		{"few of late", 9, 100 * time.Millisecond, 50, 50},
		{"ten of late", 10, 100 * time.Millisecond, 50, 10},
		{"all at one moment", 20, 0, 50, 50},
		{"all at one moment, and no rate", 20, 0, 0, 0},
		{"none", 0, 0, 7, 7},
	} {
		d, now := &destination[string]{}, noon
		for range tt.messages {
			d.recent.count(now, 1)
			now = now.Add(tt.every)
		}
		if got := d.expected(now, tt.rate); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %v a second, want %v", tt.name, got, tt.want)
		}
		if got := d.expected(now.Add(time.Hour), tt.rate); got != tt.rate {
			t.Errorf("%s: %v a second an hour later, want %v", tt.name, got, tt.rate)
		}
	}
}
