package throttle

import (
	"math"
	"time"
)

// How a learned rate moves.
const (
	// backOff is how much of what was accepted lately is sent from a refusal on.
	backOff = 0.9
	// doubling is how many seconds a rate takes to double while it is well
	// below what has failed.
	doubling = 4.0
	// near is how much of the rate that failed counts as well below it.
	near = 0.9
	// growth is by how much of what it was at the last refusal a rate rises
	// each second above that: it doubles in 200 s. Where less than one a second
	// may go, all this takes as much longer: a rate that rises while nothing is
	// sent has not been tried.
	growth = 0.005
	// slowest is the lowest rate that is learned. What is slower is found by
	// the pauses while nothing is accepted.
	slowest = backOff / float64(longestPause/time.Second)
	// lately is how far back what was accepted tells of the rate, when no
	// earlier refusal does.
	lately = time.Minute
)

// pace is a learned rate of messages or recipients. The zero pace allows
// everything; it counts from the first thing accepted on.
type pace struct {
	accepted, before int       // in the current and in the previous stretch
	since, earlier   time.Time // when these began; zero when there is none
	base             float64   // per second, at the last cut; 0: no rate is known
	failed           float64   // the rate that the last cut was made at; 0 when it was not known
	cut              time.Time // the last cut
	next             time.Time // when the next may go
}

// counted notes what was accepted.
func (p *pace) counted(now time.Time, n int) {
	switch {
	case p.since.IsZero() || p.base == 0 && now.Sub(p.since) > 2*lately:
		p.since, p.accepted, p.earlier, p.before = now, 0, time.Time{}, 0
	case p.base == 0 && now.Sub(p.since) > lately:
		p.earlier, p.before = p.since, p.accepted
		p.since, p.accepted = now, 0
	}
	p.accepted += n
}

// refused learns from a refusal what the rate is: most of what was accepted
// since the last refusal, or lately. When nothing was, nothing is known.
func (p *pace) refused(now time.Time) {
	n, since := p.accepted+p.before, p.since
	if !p.earlier.IsZero() {
		since = p.earlier
	}
	if n == 0 || p.base == 0 && now.Sub(p.since) > 2*lately {
		p.cut = now // nor does the rate rise while nothing is accepted
		return
	}
	took := max(now.Sub(since), time.Second)
	p.failed = p.rate(now)
	p.base = max(backOff*float64(n)/took.Seconds(), slowest)
	p.cut, p.since, p.accepted = now, now, 0
	p.earlier, p.before = time.Time{}, 0
}

// rate is what may go per second; 0 when everything may.
func (p *pace) rate(now time.Time) float64 {
	if p.base == 0 {
		return 0
	}
	t := max(now.Sub(p.cut).Seconds(), 0) * min(p.base, 1)
	knee := near * p.failed
	if p.failed == 0 {
		knee = math.Inf(1)
	}
	if p.base >= knee {
		return p.base * (1 + growth*t)
	}
	fast := p.base * math.Exp2(min(t/doubling, 40))
	if fast <= knee {
		return fast
	}
	late := t - doubling*math.Log2(knee/p.base)
	return knee * (1 + growth*late)
}

// at is when the next may go.
func (p *pace) at() time.Time { return p.next }

func (p *pace) take(now time.Time, n int) {
	rate := p.rate(now)
	if rate == 0 {
		return
	}
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(spacing(n, rate))
}

// back gives back what take has taken.
func (p *pace) back(now time.Time, n int) {
	if rate := p.rate(now); rate > 0 {
		p.next = p.next.Add(-spacing(n, rate))
	}
}

func spacing(n int, rate float64) time.Duration {
	return time.Duration(float64(n) / rate * float64(time.Second))
}

// forget drops what was learned.
func (p *pace) forget() { *p = pace{} }
