package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// greylist finds a receiver that greylists for longer than messages wait between their
// tries, or for good. Greylisting refuses the first try of each message, so that only
// further tries tell something. When some in a row were refused again, over several
// messages, and none was accepted, one at a time goes on, with the gaps of a breaker.
// First tries go all the while: the receiver counts from them. The zero greylist has
// seen nothing.
type greylist struct {
	run      int // further tries in a row that were greylisted
	messages distinct[uint64]
	since    time.Time // the time from which on one at a time goes; zero when all may
	until    time.Time // the earliest time of the next
	probing  bool      // one is under way
}

// open reports whether further tries go one at a time.
func (l *greylist) open() bool { return l != nil && !l.since.IsZero() }

// next returns the earliest time at which an item that was tried before may go; zero is
// now.
func (l *greylist) next(now time.Time) time.Time {
	switch {
	case !l.open():
		return time.Time{}
	case l.probing:
		return later(l.until, now.Add(firstGap))
	}
	return l.until
}

// greylist returns what is known of the greylisting of a destination; nil when
// nothing is.
func (b *bars[T]) greylist() *greylist {
	if b == nil {
		return nil
	}
	return b.grey
}

// greylistsLocked learns from the outcome of a further try.
func (g *Grant[T]) greylistsLocked(now time.Time, o *Outcome) {
	s, d := g.c.s, g.d
	again := g.item.job.Tries != nil && !g.again
	switch grey := d.bars.greylist(); {
	case o.Accepted > 0:
		if grey != nil && again {
			d.bars.grey = nil
			d.pruneBars()
		}
	case o.Err == nil || !again || o.Verdict.Class != classify.ClassGreylisted || o.Verdict.Throttled():
	default:
		if d.bars == nil {
			d.bars = &bars[T]{}
		}
		if grey == nil {
			grey = &greylist{}
			d.bars.grey = grey
		}
		grey.refused(now, s.numberOf(o.Message))
		if grey.open() {
			grey.until = now.Add(s.jittered(min(max(now.Sub(grey.since)/gapPart, firstGap), longestGap), gapJitter))
		}
	}
}

// refused counts a further try of a message that was greylisted.
func (l *greylist) refused(now time.Time, message uint64) {
	l.run++
	l.messages.add(message)
	if !l.open() && l.run >= breakAfter && l.messages.full() {
		l.since = now
	}
}
