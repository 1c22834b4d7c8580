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

// Policy says when mail may be tried again. It is immutable and safe for
// concurrent use; make it with [New].
type Policy struct {
	waits     [classify.Classes][]time.Duration // by class; the last wait of each repeats
	ambiguous []time.Duration
}

// New makes a policy. The error joins all the mistakes of the configuration.
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

// Next returns how long to wait before the next try of a recipient that got
// verdict v, and false when there is nothing left to try: it was delivered or
// refused.
//
// n counts consecutive attempts that ended in this class, the first being 1.
// elapsed is the time since the first failed attempt of the delivery, not since
// the message was accepted: waiting for a limit of our own makes nobody retry
// later. It matters only where the class changes from try to try, so that n
// stays small for hours: no wait is shorter than an eighth of elapsed, up to the
// longest wait of the class.
//
// The wait is lengthened by 0 to 20 % at random, so that what failed together
// does not come back together, and is never shorter than the delay that the
// reply asked for. A verdict that names a limit waits for that delay alone,
// mostly 0: when the next message may go is the business of whoever keeps the
// limit. Only [classify.LimitMailboxRate] has a schedule, because it holds
// nothing but this recipient.
func (p *Policy) Next(v classify.Verdict, n int, elapsed time.Duration) (delay time.Duration, ok bool) {
	if final(v) {
		return 0, false
	}
	if v.Throttled() && v.Limit != classify.LimitMailboxRate {
		return jittered(max(v.RetryAfter, 0)), true
	}
	return jittered(p.wait(v, n, elapsed)), true
}

// Bounds returns the shortest and the longest wait of the schedule of class c
// at its nth consecutive attempt: what [Policy.Next] returns for a verdict of
// that class without a delay of its own lies between them, both included.
func (p *Policy) Bounds(c classify.Class, n int) (shortest, longest time.Duration) {
	wait := p.wait(classify.Verdict{Class: c}, n, 0)
	return wait, wait + jitter(wait)
}

// wait is the wait without jitter, and without regard to limits.
func (p *Policy) wait(v classify.Verdict, n int, elapsed time.Duration) time.Duration {
	class := v.Class
	if int(class) >= classify.Classes {
		class = classify.Unknown
	}
	waits := p.waits[class]
	switch {
	case v.Recipient == classify.Ambiguous:
		waits = p.ambiguous
	case class == classify.Greylisted && v.RetryAfter > 0:
		return v.RetryAfter // how long the reply says, be it more or less than the schedule
	}
	longest := waits[len(waits)-1]
	wait := waits[min(max(n, 1), len(waits))-1]
	return max(wait, min(elapsed/8, longest), v.RetryAfter)
}

// final reports whether nothing is left to try.
func final(v classify.Verdict) bool {
	return v.Recipient == classify.Delivered || v.Recipient == classify.Refused
}

// jitter is the most that is added to a wait.
func jitter(wait time.Duration) time.Duration { return wait / 5 }

func jittered(wait time.Duration) time.Duration {
	return wait + rand.N(jitter(wait)+1)
}
