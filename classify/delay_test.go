package classify

import (
	"testing"
	"time"
)

func TestDelayHint(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
	}{
		{"Please try again in 5 minutes", 5 * time.Minute},
		{"try again in 300 seconds.", 300 * time.Second},
		{"try again in 1 hour", time.Hour},
		{"Try again in an hour", time.Hour},
		{"retry in a minute", time.Minute},
		{"Greylisted for 5 minutes", 5 * time.Minute},
		{"Greylisted, retry in 61 secs", 61 * time.Second},
		{"please wait at least 2 hours", 2 * time.Hour},
		{"retry after 90s", 90 * time.Second},
		{"Retry-After: 10 min", 10 * time.Minute},
		{"come back in 00:05:00", 5 * time.Minute},
		{"try again later, in about 15 mins", 15 * time.Minute},
		{"try again in 5-10 minutes", 10 * time.Minute},
		{"try again in\n20 minutes", 20 * time.Minute},
		{"come back in 3 days", 24 * time.Hour},
		{"wait 999999999 days", 24 * time.Hour},
		{"wait 25 hours", 24 * time.Hour},
		{"wait 24 hours", 24 * time.Hour},

		{"try again later", 0},
		{"try again in a few minutes", 0},
		{"try again in 0 seconds", 0},
		{"try again in 00:00:00", 0},
		{"try again in 99:99999:00", 0},
		{"try again after 14:05:00", 0}, // a time of the day
		{"wait 9999999999999999999999 seconds", 0},
		{"try again, code 5", 0},
		{"try again in 5 apples", 0},
		{"100 messages in 10 minutes exceeded", 0},
		{"timeout after 300 seconds", 0},
		{"try again. You sent more than 100 messages in 10 minutes", 0},
		{"try again in 500 ms", 0},
		{"", 0},
	}
	for _, tt := range tests {
		if got := delayHint(fold(nil, tt.text)); got != tt.want {
			t.Errorf("delayHint(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func FuzzDelayHint(f *testing.F) {
	f.Add("try again in 5 minutes")
	f.Add("come back in 00:05:00")
	f.Fuzz(func(t *testing.T, text string) {
		if d := delayHint(fold(nil, text)); d != 0 && (d < minDelay || d > maxDelay) {
			t.Errorf("delayHint(%q) = %v", text, d)
		}
	})
}
