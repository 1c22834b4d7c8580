package throttle

import (
	"time"
)

const (
	// recentSlots is the number of slots of a recentCounts; one more is filling.
	recentSlots = 12
	// minuteSlot is the slot of the shortest time that is counted over.
	minuteSlot = time.Minute / recentSlots
	// probesApart is the time by which a window may seem longer than it is.
	probesApart = time.Second
	// longestWindow is the longest time that is counted over.
	longestWindow = time.Hour
)

// recentCounts counts what was accepted over the time that a receiver counts over: the
// last minute, or the last hour at most where its outages last for longer.
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

// rate returns what was accepted per second in the last minute, or in the last two slots
// where these are longer. Nothing was counted for longer than that.
func (r *recentCounts) rate(now time.Time, counted time.Duration) float64 {
	r.advance(now)
	n, over := float64(r.slots[r.last%(recentSlots+1)]), r.passed(now)%r.slot()
	for i := r.last - 1; i >= max(r.last-recentSlots, 0) && over < time.Minute; i-- {
		n += float64(r.slots[i%(recentSlots+1)])
		over += r.slot()
	}
	return n / min(over, max(counted, r.slot())).Seconds()
}

// beyond returns the greatest rate per second at which more than a burst was accepted in
// a time that ends now, of the time that is counted over at most. A bucket of that burst
// fills at that rate at least. It is 0 where no more than the burst was accepted.
func (r *recentCounts) beyond(now time.Time, burst float64) (rate float64) {
	r.advance(now)
	n, over := -burst, r.passed(now)%r.slot()
	for i := r.last; i >= max(r.last-recentSlots, 0); i-- {
		n += float64(r.slots[i%(recentSlots+1)])
		if over > 0 {
			rate = max(rate, n/over.Seconds())
		}
		over += r.slot()
	}
	return rate
}

// windowLengths are usual lengths of the windows that receivers count over, beyond the
// minute. A longer one counts as an hour: what is learned of it would be too old.
var windowLengths = [...]time.Duration{
	2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute, longestWindow,
}

// covers makes r count over a window in which a receiver has refused for so long, if it
// does not yet. What it has counted so far counts as of now.
func (r *recentCounts) covers(now time.Time, length time.Duration) {
	if length <= r.span()+probesApart || r.span() == longestWindow {
		return
	}
	for _, w := range windowLengths {
		if w+probesApart >= length || w == longestWindow {
			r.widen(now, w/recentSlots)
			return
		}
	}
}

// widen makes r count in longer slots from now on. What it has counted so far counts as
// of now.
func (r *recentCounts) widen(now time.Time, slot time.Duration) {
	n := r.sum(now)
	*r = recentCounts{width: slot}
	r.add(now, int(n))
}

// lately is the time for which accepted messages tell of a rate that is not known yet.
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

// since returns the time at which the first counted message was accepted.
func (t *recentTotals) since() time.Time { return t.last.Add(-t.span) }

// stale reports whether the totals tell nothing any more.
func (t *recentTotals) stale(now time.Time) bool { return now.Sub(t.last) > lately }
