package throttle

import (
	"math"
	"time"
)

// firstRaise and longestRaise bound the time after which a cap of messages per
// connection is doubled for a test. A test that fails costs about one refusal, and
// doubles the time to the next.
const (
	firstRaise   = 15 * time.Minute
	longestRaise = 8 * time.Hour
)

// contradictions is the number of refusals that disprove a cap of messages per
// connection, or show a lower one.
const contradictions = 3

// messageCap finds the number of messages that one connection may carry. The first
// refusal sets it one below the ordinal that was refused. A refusal at an ordinal that
// another connection has passed contradicts it. Three in a row at the same ordinal mean
// that it was lowered. Three at different ordinals mean that connections end for other
// reasons. The zero messageCap was never refused.
type messageCap struct {
	most    int32 // the cap; 0 is none
	carried int32 // the largest ordinal that was accepted since it was set
	last    int32 // the ordinal of the last contradiction
	raised  int32 // the cap that a test has doubled; 0 when none is under way
	gap     int32 // the seconds between two tests; 0 before the first
	inARow  int8  // contradictions in a row at that ordinal, up to contradictions
	odd     int8  // changes of that ordinal, up to contradictions: then there is no cap
	test    int64 // the time of the next test, in seconds of Unix; 0 when none is set
}

// carried notes that the ordinal-th message of a connection was accepted.
func (s *scope) carried(now, begun time.Time, ordinal int) {
	if l := s.learned(); l != nil {
		if l.ordinals != nil {
			l.ordinals.acceptedAt(begun, ordinal)
		}
		l.perConnection.accepted(ordinal)
		l.perConnection.retest(now, ordinal)
	}
}

// caps adjusts the number of messages on a connection to a refusal, and reports whether
// a number explains it.
func (l *learned) caps(ordinal int, c *Change) bool {
	c.From = float64(l.perConnection.most)
	explained := l.perConnection.refused(ordinal)
	c.To = float64(l.perConnection.most)
	return explained
}

// accepted notes that the ordinal-th message of a connection was accepted.
func (c *messageCap) accepted(ordinal int) { c.carried = max(c.carried, int32(ordinal)) }

// exceededBy reports whether an ordinal is beyond the cap that was found. A test may have
// doubled it since.
func (c *messageCap) exceededBy(ordinal int) bool {
	found := c.most
	if c.raised > 0 {
		found = c.raised
	}
	return found > 0 && int32(ordinal) > found
}

// retest doubles a cap that a connection has reached, when a test is due. The next
// refusal sets it anew.
func (c *messageCap) retest(now time.Time, ordinal int) {
	switch {
	case c.most == 0 || int32(ordinal) < c.most:
	case c.test == 0:
		c.gap = max(c.gap, int32(firstRaise/time.Second))
		c.test = now.Unix() + int64(c.gap)
	case now.Unix() >= c.test:
		c.raised, c.most, c.test = c.most, min(2*c.most, math.MaxInt32/2), 0
	}
}

// lower sets the cap, and notes a test that has failed.
func (c *messageCap) lower(most int32) {
	if c.raised > 0 && most <= c.raised {
		c.gap = min(2*c.gap, int32(longestRaise/time.Second))
	}
	c.most, c.raised, c.test = most, 0, 0
}

// refused notes a refusal of a message for the number of its connection. It reports
// false when no number explains it: the first message was refused, and others were not
// seen to pass, or it was so three times in a row.
func (c *messageCap) refused(number int) (explained bool) {
	ordinal := int32(number)
	if c.carried < ordinal && c.odd < contradictions {
		if ordinal == 1 {
			return false
		}
		c.lower(int32(lowered(int(c.most), number-1)))
		return true
	}
	if ordinal == c.last {
		c.inARow++
	} else {
		c.last, c.inARow = ordinal, 1
		c.odd = min(c.odd+1, contradictions)
	}
	switch {
	case c.inARow >= contradictions:
		*c = messageCap{most: ordinal - 1, gap: c.gap}
		return ordinal > 1
	case c.odd >= contradictions:
		c.most = 0
	}
	return true
}
