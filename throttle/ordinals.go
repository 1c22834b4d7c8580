package throttle

import "time"

const (
	// leastOrdinal is the least ordinal that is taken for that of a cap: below, all
	// that a receiver which refuses much accepts shares a few. Below surelyOrdinal it
	// takes more refusals.
	leastOrdinal, surelyOrdinal = 5, 10
	// sameOrdinal and sameLowOrdinal are the numbers of connections in a row that must
	// be refused at the same ordinal.
	sameOrdinal, sameLowOrdinal = 3, 5
)

// ordinals finds a cap of messages per connection that no reply names: the first
// refusals of several connections come at the same ordinal, and none was accepted there
// or above. Unlike a window that ends, it lets others pass meanwhile.
type ordinals struct {
	ordinal int       // at which the last connection was refused first
	inARow  int       // connections
	first   time.Time // the time of the first of these refusals
	passed  bool      // a message was accepted whose try began after that
}

// refusedAt notes the first refusal on a connection. It reports whether a cap may explain
// it, and whether it is one.
func (c *ordinals) refusedAt(now time.Time, ordinal int) (maybe, capped bool) {
	if ordinal < leastOrdinal {
		return false, false
	}
	if ordinal != c.ordinal {
		*c = ordinals{ordinal: ordinal, inARow: 1, first: now}
		return false, false
	}
	c.inARow++
	enough := sameOrdinal
	if ordinal < surelyOrdinal {
		enough = sameLowOrdinal
	}
	return c.passed, c.passed && c.inARow >= enough
}

// acceptedAt notes a message that was accepted.
func (c *ordinals) acceptedAt(begun time.Time, ordinal int) {
	if ordinal >= c.ordinal {
		*c = ordinals{}
	} else if begun.After(c.first) {
		c.passed = true
	}
}
