package simulate

import (
	"testing"
	"time"
)

func TestWhatRatesAllow(t *testing.T) {
	stretches := []Stretch{{0, 10}, {time.Minute, 20}}
	for _, tt := range []struct {
		name     string
		from, to time.Duration
		want     float64
	}{
		{"before the change", 0, 30 * time.Second, 300},
		{"across it", 30 * time.Second, 90 * time.Second, 900},
		{"behind it", 2 * time.Minute, 3 * time.Minute, 1200},
		{"nothing", time.Minute, time.Minute, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := allowed(stretches, tt.from, tt.to); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRateAt(t *testing.T) {
	stretches := []Stretch{{0, 10}, {time.Minute, 20}}
	for at, want := range map[time.Duration]float64{0: 10, time.Minute - 1: 10, time.Minute: 20, time.Hour: 20} {
		if got := rateAt(stretches, at); got != want {
			t.Errorf("at %v the rate is %v, want %v", at, got, want)
		}
	}
	if got := rateAt(nil, 0); got != 0 {
		t.Errorf("without any the rate is %v", got)
	}
}
