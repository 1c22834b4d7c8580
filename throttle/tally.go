package throttle

import "time"

// lately is how far back what was accepted tells of a rate that is not known
// yet.
const lately = time.Minute

// tally counts what a scope has accepted of late, so that the first refusal
// finds something to learn from. It is all that a scope keeps that was never
// refused. The zero tally is empty.
type tally struct {
	since, last          time.Time // the first and the last that count
	messages, recipients int32
}

// count notes a message that was accepted.
func (t *tally) count(now time.Time, recipients int) {
	switch {
	case now.Sub(t.last) > lately:
		*t = tally{since: now}
	case now.Sub(t.since) > 2*lately: // half of it, as old on average
		t.since = t.since.Add(now.Sub(t.since) / 2)
		t.messages /= 2
		t.recipients /= 2
	}
	t.last = now
	t.messages++
	t.recipients += int32(min(recipients, 1<<20))
}

// stale reports whether it tells nothing any more.
func (t *tally) stale(now time.Time) bool { return now.Sub(t.last) > lately }
