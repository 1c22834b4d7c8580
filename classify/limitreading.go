package classify

import (
	"math"
	"slices"
)

// The sets of senses that make a limit.
var (
	excess   = setOf(senseTooMany, senseExceed)
	limiting = excess | setOf(senseCap)
	overTime = periods | setOf(senseAWhile)
	ofLimits = limiting | periods | setOf(senseTooFast, senseOnly, senseToo, senseSession, senseEachMessage) // without one of these no limit is named
	ofSender = setOf(senseSending, senseAccount, senseEachSource, senseSender)
)

// The distances, in bytes, within which two words belong together.
const (
	beside  = 16
	nearby  = 36
	anyNear = 60
)

// readLimit returns the limit that a folded text names by its shape; LimitNone for
// none. The shape is a number of things in a time, or words of excess near the thing
// that is counted. No single phrase decides, and no word of the lexicon alone.
func (s *scan) readLimit(folded []byte) Limit {
	if !s.senses.has(ofLimits) {
		return LimitNone
	}
	s.noteReached()
	s.noteAges(folded)
	if s.comparesAges() {
		return LimitNone
	}
	shaped, capped := s.shape(folded)
	switch {
	case s.splitsDomains():
		return LimitRecipientsPerMessage
	case !s.senses.has(limiting|setOf(senseTooFast, senseToo)) && !shaped && !capped:
		return LimitNone
	case s.limitsVolume() && s.senses.has(setOf(senseHour, senseDay, senseMonth)):
		return LimitQuota
	case s.limitsVolume():
		return LimitMessageRate
	case s.isNoLimit(shaped):
		return LimitNone
	}
	s.noteAddresses(folded)
	limit := s.limitOfMailbox()
	if limit == LimitNone {
		limit = s.limitOfSession(capped)
	}
	if limit == LimitNone {
		limit = s.limitAtOnce(capped)
	}
	if limit == LimitNone {
		limit = s.limitOverTime(shaped)
	}
	if limit == LimitNone {
		limit = s.limitOfPace()
	}
	if limit == LimitNone {
		limit = s.limitOfNumber(folded, capped)
	}
	return limit
}

// limitOfMailbox reads what one mailbox may get in a time.
func (s *scan) limitOfMailbox() Limit {
	receiving := setOf(senseReceiving)
	if s.senses.has(setOf(senseUser)) && !s.follows(setOf(senseTooMany), setOf(senseRecipient), 2) && s.near(receiving, setOf(senseTooFast, sensePace, senseTooMany)|setOf(senseCap), nearby) && !s.begins(setOf(senseSending), receiving) && !s.senses.has(setOf(senseClient, senseEachSource)) {
		return LimitMailboxRate
	}
	if s.follows(setOf(senseRecipient), receiving, 3) && !s.follows(setOf(senseTooMany), setOf(senseRecipient), 2) && s.near(receiving, setOf(senseTooMany, senseTooFast), beside) && !s.begins(setOf(senseSending), receiving) {
		return LimitMailboxRate // "the recipient receives too much"
	}
	opened := setOf(senseConnection)
	if s.follows(setOf(senseRecipient), opened, 1) && s.near(opened, setOf(senseCap), 1) && s.senses.has(excess) {
		return LimitMailboxRate // "recipient thread limit exceeded"
	}
	return LimitNone
}

// limitOfSession reads what one connection may carry.
func (s *scan) limitOfSession(capped bool) Limit {
	if !s.senses.has(setOf(senseSession)) || !s.ofSession() || s.senses.has(setOf(senseAtOnce)) || s.follows(setOf(senseTooMany), setOf(senseConnection), beside) {
		return LimitNone
	}
	if s.follows(setOf(senseSession), setOf(senseExceed), 1) && s.senses.has(setOf(senseCap)) {
		return LimitMessagesPerConnection // "session exceeded its quota"
	}
	if (capped || s.near(setOf(senseSession), limiting, anyNear)) && s.senses.has(setOf(senseMessage, senseRecipient, senseOctets, senseRequest, senseSending)) {
		return LimitMessagesPerConnection
	}
	return LimitNone
}

// limitAtOnce reads what may be open at once.
func (s *scan) limitAtOnce(capped bool) Limit {
	once := setOf(senseAtOnce)
	if !s.senses.has(once) || !capped && !s.near(once, limiting, anyNear) {
		return LimitNone
	}
	if s.near(once, setOf(senseRecipient), nearby) && !s.senses.has(setOf(senseConnection)) {
		return LimitRecipientsPerMessage
	}
	return LimitConnections
}

// limitOverTime reads what may go in a time.
func (s *scan) limitOverTime(shaped bool) Limit {
	if !shaped && !s.nearTime(limiting) {
		return LimitNone
	}
	switch thing := s.thing(); {
	case thing.has(setOf(senseConnection, senseLogin)):
		return LimitConnectionRate
	case thing.has(setOf(senseRecipient)):
		return LimitRecipientRate
	case s.senses.has(setOf(senseHour, senseDay, senseMonth)):
		return LimitQuota
	}
	return LimitMessageRate
}

// thing returns the sense of what is counted: what stands nearest behind the first
// word that limits, else nearest before it.
func (s *scan) thing() senses {
	var at int // where that word ends
	for _, m := range s.marks[:s.marked] {
		if (limiting | setOf(senseOnly, senseTooFast, sensePace)).has(1 << m.sense) {
			at = int(m.to)
			break
		}
	}
	var best senses
	distance := math.MaxInt
	for _, m := range s.marks[:s.marked] {
		if !counted.has(1<<m.sense) || s.isMeasure(m) {
			continue
		}
		d := int(m.from) - at
		if d < 0 {
			d = 2 * -d // what is before counts less
		}
		if d < distance {
			best, distance = 1<<m.sense, d
		}
	}
	return best
}

// isMeasure reports whether a mark is the unit that another thing is counted in: the
// message of "per message", or of "in one message".
func (s *scan) isMeasure(m mark) bool {
	for _, other := range s.marks[:s.marked] {
		if m.sense == senseMessage && (other.sense == senseEachMessage && other.from <= m.to && m.from <= other.to && !s.isPerTime(m) ||
			other.sense == sensePer && other.from < m.from && int(m.from)-int(other.to) <= 1) {
			return true
		}
	}
	return false
}

// isPerTime reports whether "per" stands right behind a thing: "one message per minute".
func (s *scan) isPerTime(thing mark) bool {
	return slices.ContainsFunc(s.marks[:s.marked], func(m mark) bool {
		return m.sense == sensePer && m.isRightBehind(int(thing.to))
	})
}

// limitOfPace reads what goes too fast.
func (s *scan) limitOfPace() Limit {
	if s.follows(limiting, setOf(senseNew), 2) && s.follows(setOf(senseNew), setOf(senseConnection), 10) {
		return LimitConnectionRate
	}
	if !s.senses.has(setOf(senseTooFast)) && !s.near(setOf(sensePace), limiting, nearby) && !s.follows(setOf(senseToo), setOf(sensePace), 1) {
		return LimitNone
	}
	pace := setOf(senseTooFast, sensePace)
	switch {
	case s.follows(setOf(senseTooMany), setOf(senseConnection), beside) && !s.senses.has(setOf(sensePace)):
		return LimitConnections
	case s.near(pace, setOf(senseConnection, senseLogin), nearby):
		return LimitConnectionRate
	case s.near(pace, setOf(senseRecipient), beside):
		return LimitRecipientRate
	}
	return LimitMessageRate
}

// countsConnections reports whether a number of connections stands near a limit: "4 sessions
// open from 192.0.2.9, max 4".
func (s *scan) countsConnections(folded []byte) bool {
	if !s.near(setOf(senseConnection), setOf(senseCap), anyNear) {
		return false
	}
	var room [8]number
	return slices.ContainsFunc(numbersIn(room[:0], folded), func(n number) bool { return s.thingAfter(folded, n).has(setOf(senseConnection)) })
}

// limitOfNumber reads too many of something.
func (s *scan) limitOfNumber(folded []byte, capped bool) Limit {
	thing := s.thing()
	fits := func(of sense, reach int) bool {
		return thing.has(1<<of) && (capped || s.near(excess, 1<<of, nearby) || s.near(setOf(senseCap), 1<<of, reach))
	}
	sends := setOf(senseSending, senseAccount)
	switch {
	case fits(senseLogin, 0):
		return LimitConnectionRate
	case fits(senseConnection, beside), thing.has(setOf(senseConnection)) && s.countsConnections(folded):
		return LimitConnections
	case fits(senseRecipient, beside) && !s.senses.has(setOf(senseFull, senseSpace)):
		if s.senses.has(setOf(senseEachSource, senseAWhile)) && !s.senses.has(setOf(senseContent)) || s.senses.has(setOf(senseReceiving)) || s.near(setOf(senseDomain), setOf(senseSending), nearby) {
			return LimitRecipientRate
		}
		return LimitRecipientsPerMessage
	case countsMail(folded) && s.near(setOf(senseMessage), setOf(senseCap), nearby) && s.senses.has(excess) && !s.senses.has(setOf(senseSpace)) && !s.speaksOfMailbox(folded):
		return LimitQuota
	case s.isYours(folded) && s.follows(setOf(senseAccount), setOf(senseCap), beside) && s.senses.has(excess) && !s.follows(setOf(senseAccount), setOf(senseUser), anyNear) && !s.senses.has(setOf(senseSpace, senseLarge)):
		return LimitQuota // "you have exceeded your quota"
	case s.near(sends, setOf(senseCap), nearby) && !s.near(setOf(senseUser), setOf(senseFull), 0):
		if s.senses.has(setOf(senseSending)) && (s.senses.has(excess) || s.follows(sends, setOf(senseCap), 2)) || thing.has(setOf(senseMessage)) && s.senses.has(excess) {
			return LimitQuota
		}
	case s.near(setOf(senseRelay), setOf(senseCap), beside) && s.senses.has(excess):
		return LimitQuota
	case s.follows(setOf(senseMessage), setOf(senseCap), 8) && s.senses.has(excess) && !s.senses.has(setOf(senseFull)):
		return LimitMessageRate
	case s.isHeld():
		return LimitNone
	case s.follows(setOf(senseTooMany), setOf(senseMessage, senseRequest), nearby):
		return LimitMessageRate
	}
	return LimitNone
}
