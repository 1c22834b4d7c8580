package retry

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Policy computes the wait before the next attempt. It is immutable and safe for
// concurrent use. Make one with [New].
type Policy struct {
	waits     [classify.Classes][]time.Duration // by class; the last wait of each repeats
	ambiguous []time.Duration
}

// New makes a policy. The error joins all mistakes of the configuration.
func New(cfg Config) (*Policy, error) {
	var errs []error
	check := func(what string, s Schedule) []time.Duration {
		if err := s.validate(); err != nil {
			errs = append(errs, fmt.Errorf("retry: schedule of %s: %w", what, err))
			return nil
		}
		return s.table()
	}
	p := &Policy{ambiguous: check("ambiguous tries", cfg.Ambiguous.or(defaultAmbiguous))}
	for i, defaults := range defaultSchedules {
		class := classify.Class(i)
		p.waits[i] = check("class "+class.String(), cfg.Schedules[class].or(defaults))
	}
	for _, class := range slices.Sorted(maps.Keys(cfg.Schedules)) {
		if int(class) >= classify.Classes {
			errs = append(errs, fmt.Errorf("retry: class %d has a schedule, but does not exist", uint8(class)))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

// Next returns the wait before the next attempt for a recipient with verdict v. ok is
// false if the verdict is final: the recipient was delivered or refused.
//
// n is the number of consecutive attempts that ended in this class, from 1. elapsed is
// the time since the first failed attempt of the delivery. Time spent waiting for a
// limit before it does not count. No wait is shorter than an eighth of elapsed, up to
// the longest wait of the class. That matters if the class changes between attempts: n
// stays small for hours then.
//
// A random 0 to 20 % is added to the wait, so that recipients that failed together
// are not tried together.
//
// A delay that the reply asks for (Verdict.RetryAfter) takes the place of the
// schedule's wait, be it longer or shorter. The wait is never shorter than that
// delay, and longer by 3 s at most. Only from the fourth attempt in a row on is a
// delay shorter than the schedule's wait doubled, up to that wait: the receiver has
// been wrong before.
//
// A verdict that names a limit has the delay of the reply only, mostly 0: the
// scheduler that keeps the limit decides about the next message. Only
// [classify.LimitMailboxRate] has a schedule, because it concerns this recipient
// alone.
func (p *Policy) Next(v classify.Verdict, n int, elapsed time.Duration) (delay time.Duration, ok bool) {
	if final(v) {
		return 0, false
	}
	if v.Throttled() && v.Limit != classify.LimitMailboxRate {
		return hinted(max(v.RetryAfter, 0)), true
	}
	return p.delay(v, n, elapsed), true
}

// Bounds returns the shortest and the longest wait for class c at the nth
// consecutive attempt. [Policy.Next] returns a wait between them, both included,
// for a verdict of that class without a RetryAfter.
func (p *Policy) Bounds(c classify.Class, n int) (shortest, longest time.Duration) {
	wait := p.wait(classify.Verdict{Class: c}, n, 0)
	return wait, wait + jitter(wait)
}

// delay returns the wait with jitter and without regard to limits.
func (p *Policy) delay(v classify.Verdict, n int, elapsed time.Duration) time.Duration {
	wait := p.wait(v, n, elapsed)
	if v.RetryAfter <= 0 {
		return wait + rand.N(jitter(wait)+1)
	}
	asked := v.RetryAfter
	for ; n > trustedHints && asked < wait; n-- {
		asked = min(2*asked, wait)
	}
	return hinted(asked)
}

// wait returns the schedule's wait, without jitter.
func (p *Policy) wait(v classify.Verdict, n int, elapsed time.Duration) time.Duration {
	class := v.Class
	if int(class) >= classify.Classes {
		class = classify.ClassUnknown
	}
	waits := p.waits[class]
	if v.Recipient == classify.RecipientAmbiguous {
		waits = p.ambiguous
	}
	longest := waits[len(waits)-1]
	wait := waits[min(max(n, 1), len(waits))-1]
	return max(wait, min(elapsed/8, longest))
}

// final reports whether the recipient was delivered or refused.
func final(v classify.Verdict) bool {
	return v.Recipient == classify.RecipientDelivered || v.Recipient == classify.RecipientRefused
}

// jitter returns the maximum that is added to a wait.
func jitter(wait time.Duration) time.Duration { return wait / 5 }

const (
	// trustedHints is the number of consecutive attempts after which the delay in a reply
	// is taken as it is.
	trustedHints = 3
	// hintJitter is the most that is added to such a delay.
	hintJitter = 3 * time.Second
)

// hinted returns a delay that a reply asks for, with a little jitter.
func hinted(asked time.Duration) time.Duration {
	return asked + rand.N(min(jitter(asked), hintJitter)+1)
}
