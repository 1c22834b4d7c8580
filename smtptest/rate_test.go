package smtptest

import (
	"slices"
	"testing"
	"time"
)

func TestMeterTimeline(t *testing.T) {
	ms := func(n ...int) []int { return n }
	tests := []struct {
		name  string
		rate  Rate
		at    []int // milliseconds
		admit []int // those that pass
	}{
		{"no rate", Rate{}, ms(0, 0, 0), ms(0, 0, 0)},
		{"one a second is the default period", Rate{Count: 1}, ms(0, 999, 1000, 1500, 2000), ms(0, 1000, 2000)},
		{"refused ones do not count", Rate{Count: 2}, ms(0, 100, 200, 300, 400, 500), ms(0, 500)},
		{"a burst at once, then the rate", Rate{Count: 10, Burst: 3}, ms(0, 0, 0, 0, 100, 100, 200), ms(0, 0, 0, 100, 200)},
		{"a burst comes back with time", Rate{Count: 10, Burst: 2}, ms(0, 0, 1000, 1000, 1000), ms(0, 0, 1000, 1000)},
		{"a period", Rate{Count: 1, Per: time.Minute}, ms(0, 59999, 60000), ms(0, 60000)},
		{"a window", Rate{Count: 2, Per: time.Second, Window: true}, ms(500, 501, 502, 1499, 1500, 1501, 1502), ms(500, 501, 1500, 1501)},
		{"a window that moves", Rate{Count: 2, Sliding: true}, ms(0, 600, 900, 999, 1000, 1001, 1599, 1600), ms(0, 600, 1000, 1600)},
		{"a window counts refused ones but ends all the same", Rate{Count: 1, Window: true}, ms(0, 1, 2, 999, 1000, 1001), ms(0, 1000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m meter
			start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
			var got []int
			for _, at := range tt.at {
				if m.admit(tt.rate, start.Add(time.Duration(at)*time.Millisecond)) {
					got = append(got, at)
				}
			}
			if !slices.Equal(got, tt.admit) {
				t.Errorf("passed at %v, want %v", got, tt.admit)
			}
		})
	}
}

// However the events come, no Per sees more than Count + Burst - 1 of them.
func TestMeterBound(t *testing.T) {
	rate := Rate{Count: 20, Per: time.Second, Burst: 5}
	var m meter
	var passed []time.Time
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10000 {
		now = now.Add(time.Duration(i*i%7) * time.Millisecond)
		if i%500 == 0 {
			now = now.Add(2 * time.Second)
		}
		if m.admit(rate, now) {
			passed = append(passed, now)
		}
	}
	first := 0
	for i, at := range passed {
		for at.Sub(passed[first]) >= rate.Per {
			first++
		}
		if n := i - first + 1; n > rate.Count+rate.Burst-1 {
			t.Fatalf("%d events within %v up to event %d", n, rate.Per, i)
		}
	}
}
