package retry

import (
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Schedule is a series of waits that grows by a constant factor up to a
// ceiling. A field that is zero has the default of the schedule's class; a
// constant wait is a First that equals Max.
type Schedule struct {
	First      time.Duration // the wait after the first failure, at least 1 ms; no wait is shorter
	Max        time.Duration // no wait is longer but for jitter, at most a week; a default grows to First if that is longer
	Multiplier float64       // how much longer each wait is than the one before, from 1.1 to 100
}

// The bounds of a schedule. A message lives some days (RFC 5321 4.5.4.1), so a
// wait of more than a week says something else than it means.
const (
	minFirst      = time.Millisecond
	maxMax        = 7 * 24 * time.Hour
	minMultiplier = 1.1
	maxMultiplier = 100
)

// or fills what is zero from the defaults.
func (s Schedule) or(defaults Schedule) Schedule {
	if s.First == 0 {
		s.First = defaults.First
		if s.Max > 0 {
			s.First = min(s.First, s.Max)
		}
	}
	if s.Max == 0 {
		s.Max = max(s.First, defaults.Max)
	}
	if s.Multiplier == 0 {
		s.Multiplier = defaults.Multiplier
	}
	return s
}

func (s Schedule) validate() error {
	var errs []error
	if s.First < minFirst {
		errs = append(errs, fmt.Errorf("field First is %v, must be at least %v", s.First, minFirst))
	}
	if s.Max < s.First {
		errs = append(errs, fmt.Errorf("field Max is %v, must be at least First, %v", s.Max, s.First))
	}
	if s.Max > maxMax {
		errs = append(errs, fmt.Errorf("field Max is %v, must be at most %v", s.Max, maxMax))
	}
	if !(s.Multiplier >= minMultiplier && s.Multiplier <= maxMultiplier) { // also catches NaN
		errs = append(errs, fmt.Errorf("field Multiplier is %v, must be from %v to %v", s.Multiplier, minMultiplier, maxMultiplier))
	}
	return errors.Join(errs...)
}

// table lists the waits up to the first that is Max. A backoff is stateful; its
// table can be shared.
func (s Schedule) table() []time.Duration {
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(s.First),
		backoff.WithMaxInterval(s.Max),
		backoff.WithMultiplier(s.Multiplier),
		backoff.WithRandomizationFactor(0), // the jitter is the policy's
		backoff.WithMaxElapsedTime(0),      // the expiry is the caller's
	)
	var waits []time.Duration
	for len(waits) == 0 || waits[len(waits)-1] < s.Max {
		waits = append(waits, b.NextBackOff())
	}
	return waits
}
