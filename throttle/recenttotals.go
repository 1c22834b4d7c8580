package throttle

import "time"

// lately is how far back what was accepted tells of a rate that is not known
// yet.
const lately = time.Minute

// recentTotals counts what a scope has accepted of late, so that the first refusal
// finds something to learn from. It is all that a scope keeps that was never
// refused. The zero recentTotals is empty.
type recentTotals struct {
	last                 time.Time     // the last that counts
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

// since is when the first was accepted that counts.
func (t *recentTotals) since() time.Time { return t.last.Add(-t.span) }

// stale reports whether it tells nothing any more.
func (t *recentTotals) stale(now time.Time) bool { return now.Sub(t.last) > lately }
