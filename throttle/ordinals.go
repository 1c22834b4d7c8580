package throttle

import "time"

const (
	// leastOrdinal is the least ordinal taken for a cap. Below surelyOrdinal it takes
	// more refusals, and below fewOrdinals many: all that a receiver which refuses much
	// accepts shares a few. One that refuses half of all at random has the first refusal
	// at the second message of 14 connections in a row once in 60 million runs.
	leastOrdinal, fewOrdinals, surelyOrdinal = 2, 5, 10
	// sameOrdinal, sameLowOrdinal and sameFewOrdinals are the numbers of connections in a
	// row that must be refused at the same ordinal. Where a reply names a limit, though
	// another, sameOrdinal of them are enough for each.
	sameOrdinal, sameLowOrdinal, sameFewOrdinals = 3, 5, 14
)

// ordinals finds a cap of messages per connection that no reply names as such: the first
// refusals of several connections come at the same ordinal, and none was accepted there
// or above. Unlike a window that ends, it lets others pass meanwhile.
type ordinals struct {
	ordinal int       // at which the last connection was refused first
	inARow  int       // connections
	first   time.Time // the time of the first of these refusals
	seen    time.Time // the time of the latest
	passed  bool      // whether a message was accepted whose try began after that
}

// refusedAt notes the first refusal on a connection. It reports whether a cap may explain
// it, and whether it is one.
func (c *ordinals) refusedAt(now time.Time, ordinal int) (maybe, capped bool) {
	if ordinal < leastOrdinal {
		return false, false
	}
	if ordinal != c.ordinal {
		*c = ordinals{ordinal: ordinal, inARow: 1, first: now, seen: now}
		return false, false
	}
	c.inARow++
	c.seen = now
	switch {
	case ordinal < fewOrdinals:
		return c.passed && c.inARow > sameFewOrdinals/2, c.passed && c.inARow >= sameFewOrdinals
	case ordinal < surelyOrdinal:
		return c.passed, c.passed && c.inARow >= sameLowOrdinal
	}
	return c.passed, c.passed && c.inARow >= sameOrdinal
}

// refusedInWords notes a refusal in the words of another limit, as refusedAt does. It
// reports whether a cap explains it.
func (c *ordinals) refusedInWords(now time.Time, ordinal int) bool {
	c.refusedAt(now, ordinal)
	return c.passed && c.inARow >= sameOrdinal
}

// acceptedAt notes a message that was accepted.
func (c *ordinals) acceptedAt(begun time.Time, ordinal int) {
	if ordinal >= c.ordinal {
		*c = ordinals{}
	} else if begun.After(c.first) {
		c.passed = true
	}
}
