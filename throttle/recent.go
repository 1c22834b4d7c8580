package throttle

import (
	"time"
)

const (
	// recentSlots is the number of slots of a recentCounts; one more is filling.
	recentSlots = 12
	// minuteSlot and hourSlot are slots that make up the time that a receiver
	// counts over: the minute, or the hour when its outages last for longer.
	minuteSlot = time.Minute / recentSlots
	hourSlot   = time.Hour / recentSlots
)

// recentCounts counts what was accepted over the last minute or hour.
type recentCounts struct {
	slots [recentSlots + 1]int32 // slot n is at n modulo their number
	last  int64                  // number of the last slot
	from  time.Time              // the beginning of the first slot: a clock that is set moves no slot
	width time.Duration          // of a slot; 0 is minuteSlot
}

// passed returns the time since the beginning of the first slot.
func (r *recentCounts) passed(now time.Time) time.Duration {
	if r.from.IsZero() {
		r.from = now
	}
	return max(now.Sub(r.from), 0)
}

// span returns the time that is counted over.
func (r *recentCounts) span() time.Duration { return recentSlots * r.slot() }

func (r *recentCounts) slot() time.Duration {
	if r.width == 0 {
		return minuteSlot
	}
	return r.width
}

// advance empties the slots that have passed.
func (r *recentCounts) advance(now time.Time) {
	n := int64(r.passed(now) / r.slot())
	for i := max(r.last+1, n-recentSlots); i <= n; i++ {
		r.slots[i%(recentSlots+1)] = 0
	}
	r.last = max(r.last, n)
}

func (r *recentCounts) add(now time.Time, n int) {
	r.advance(now)
	r.slots[r.last%(recentSlots+1)] += int32(n)
}

// sum returns the number accepted in the span that ends now. The oldest slot
// counts in proportion to its part in the span.
func (r *recentCounts) sum(now time.Time) float64 {
	r.advance(now)
	sum := 0.0
	for _, n := range r.slots {
		sum += float64(n)
	}
	gone := float64(r.passed(now)%r.slot()) / float64(r.slot())
	return sum - gone*float64(r.slots[(r.last+1)%(recentSlots+1)])
}

// widen makes r count over an hour from now on. What it has counted so far
// counts as of now.
func (r *recentCounts) widen(now time.Time) {
	n := r.sum(now)
	*r = recentCounts{width: hourSlot}
	r.add(now, int(n))
}

// lately is the time for which what was accepted tells of a rate that is not
// known yet.
const lately = time.Minute

// recentTotals counts what a scope has accepted of late, so that the first
// refusal finds something to learn from. A scope that was never refused keeps
// nothing else. The zero recentTotals is empty.
type recentTotals struct {
	last                 time.Time     // the time of the last message that counts
	span                 time.Duration // from the first to the last
	messages, recipients int32
}

// count notes a message that was accepted.
func (t *recentTotals) count(now time.Time, recipients int) {
	passed := max(now.Sub(t.last), 0)
	switch {
	case passed > lately:
		*t = recentTotals{}
		passed = 0
	case t.span > 2*lately: // half of it, as old on average
		t.span /= 2
		t.messages /= 2
		t.recipients /= 2
	}
	t.last = now
	t.span += passed
	t.messages++
	t.recipients += int32(min(recipients, 1<<20))
}

// since returns the time at which the first message that counts was accepted.
func (t *recentTotals) since() time.Time { return t.last.Add(-t.span) }

// stale reports whether the totals tell nothing any more.
func (t *recentTotals) stale(now time.Time) bool { return now.Sub(t.last) > lately }
