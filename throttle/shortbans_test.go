package throttle

import (
	"math/rand/v2"
	"testing"
	"time"
)

// sends sends as fast as an estimate allows for a time, and returns the number accepted and
// the estimate.
func sends(length time.Duration, admits func(time.Time) bool) (n int, p rateEstimate) {
	for now := noon; now.Sub(noon) < length; {
		if p.known() || p.outage.lasts() {
			if at := p.at(now, 0, 1); at.After(now) {
				now = at
			}
			p.take(now, 1)
		}
		begun := now
		now = now.Add(20 * time.Millisecond)
		switch {
		case admits(begun):
			n++
			if p.known() || p.outage.lasts() {
				p.accept(now, begun, 1)
			}
		case !p.known() && !p.outage.lasts():
			p = newRateEstimate(now, n, noon)
			fallthrough
		default:
			p.refuse(now, begun, 1)
		}
	}
	return n, p
}

// TestShortPunishmentsAreAvoided: mail goes below the rate at which all is refused for some
// seconds, and follows it when it changes.
func TestShortPunishmentsAreAvoided(t *testing.T) {
	for _, test := range []struct {
		name        string
		first, then float64 // a second
	}{
		{"same", 10, 10}, {"halved", 10, 5}, {"doubled", 10, 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			tokens, last, until, bans := 20.0, noon, noon, 0
			n, _ := sends(12*time.Hour, func(now time.Time) bool {
				rate := test.first
				if now.Sub(noon) > 2*time.Hour {
					rate = test.then
				}
				tokens, last = min(tokens+rate*now.Sub(last).Seconds(), 20), now
				switch {
				case now.Before(until):
					return false
				case tokens < 1:
					until = now.Add(20 * time.Second)
					bans++
					return false
				}
				tokens--
				return true
			})
			if got := float64(n) / (7200*test.first + 36000*test.then); got < 0.7 {
				t.Errorf("%.2f of what is allowed was accepted, in spite of %d punishments; want 0.70", got, bans)
			}
		})
	}
}

// TestOutagesByChanceAreNoPunishments: all is refused for up to a minute now and then,
// whatever the rate, by a receiver that counts over a minute.
func TestOutagesByChanceAreNoPunishments(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 1))
		window, next, until := punisher{most: 300}, noon, noon
		n, _ := sends(12*time.Hour, func(now time.Time) bool {
			for !now.Before(next) {
				until = next.Add(time.Duration((5 + 55*rng.Float64()) * float64(time.Second)))
				next = until.Add(time.Duration(rng.ExpFloat64() * 0.5 * float64(time.Hour)))
			}
			return !now.Before(until) && window.admits(now)
		})
		if got := float64(n) / (300 * 12 * 60); got < 0.95 {
			t.Errorf("seed %d: %.2f of what is allowed was accepted, want 0.95", seed, got)
		}
	}
}
