package classify

import "bytes"

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

// readLimit returns the limit that a folded text names by its shape, LimitNone for
// none: how many of what in which time, or words of excess near what is counted.
// No single phrase decides, and no word of the lexicon alone.
func (s *scan) readLimit(folded []byte) Limit {
	if !s.senses.has(ofLimits) {
		return LimitNone
	}
	s.noteReached()
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

// noteReached marks the words for a limit that is reached as words of excess: "your limit has
// been reached". What is reached without a limit is an address or a person.
func (s *scan) noteReached() {
	if !s.senses.has(setOf(senseReached)) || !s.senses.has(setOf(senseCap)) {
		return
	}
	for _, m := range s.marks[:s.marked] {
		if m.sense == senseReached {
			s.insert(mark{m.from, m.to, senseExceed})
		}
	}
}

// shape reports whether a number of things per time stands in the text, and
// whether a number of things behind a word that limits does.
func (s *scan) shape(folded []byte) (shaped, capped bool) {
	if !s.senses.has(counted) && !s.senses.has(periods) {
		return false, false
	}
	var room [16]number
	numbers := numbersIn(room[:0], folded)
	for i, n := range numbers {
		if n.value == 0 || s.multiplies(n) {
			continue
		}
		things := s.thingAfter(folded, n)
		if things.has(setOf(senseMessage)) && s.ofSession() {
			capped = true
		}
		switch {
		case n.per > 0 && s.senses.has(counted|limiting|setOf(sensePace)):
			shaped = true
		case things != 0 || n.octets:
			capped = capped || s.isCapped(numbers[:i], n)
			shaped = shaped || s.hasPeriodBehind(n)
		}
	}
	return shaped, capped
}

// hasPeriodBehind reports whether a unit of time stands soon behind a number.
func (s *scan) hasPeriodBehind(n number) bool {
	for _, m := range s.marks[:s.marked] {
		if d := int(m.from) - n.to; d >= 0 && d <= nearby && periods.has(1<<m.sense) && !s.isWait(m) {
			return true
		}
	}
	return false
}

// isNoLimit reports whether the words of excess speak of mistakes, of size or of
// space.
func (s *scan) isNoLimit(shaped bool) bool {
	if s.senses.has(setOf(senseTimeout)) {
		return true
	}
	if s.senses.has(setOf(senseSpam)) && s.senses.has(setOf(senseBlocked)) {
		return true
	}
	if s.follows(setOf(senseTooMany), setOf(senseMistake, senseOther), 18) {
		return true
	}
	if !s.nearTime(limiting) && (s.limitsMistakes() || s.follows(setOf(senseOther), limiting, 2)) {
		return true
	}
	if shaped || s.nearTime(limiting) {
		return s.senses.has(setOf(senseSpace)) && !s.senses.has(setOf(senseSending))
	}
	if s.near(setOf(senseLarge, senseOctets), limiting, nearby) && !s.ofSession() &&
		!s.follows(setOf(senseRecipient), excess, 10) && !s.follows(setOf(senseTooMany), setOf(senseMessage), 12) {
		return true
	}
	return s.senses.has(setOf(senseSpace)) && !s.senses.has(setOf(senseSending, senseConnection))
}

// limitsMistakes reports whether a mistake stands soon behind a word that limits: "limit of bad
// commands". Behind "quota exceeded" it is what came of it: "quota exceeded; failed to process".
func (s *scan) limitsMistakes() bool {
	far := -1 << 16
	end, capped := far, far // of the latest word that limits, and of the latest cap
	for _, m := range s.marks[:s.marked] {
		set := senses(1) << m.sense
		if setOf(senseMistake, senseOther).has(set) && int(m.from)-end >= -1 && int(m.from)-end <= 18<<s.wide {
			return true
		}
		switch {
		case setOf(senseCap).has(set):
			end, capped = int(m.to), int(m.to)
		case setOf(senseExceed).has(set) && int(m.from)-capped >= -1 && int(m.from)-capped <= 3:
			end = far
		case limiting.has(set):
			end = int(m.to)
		}
	}
	return false
}

// limitOfMailbox reads what one mailbox may get in a time.
func (s *scan) limitOfMailbox() Limit {
	receiving := setOf(senseReceiving)
	if s.senses.has(setOf(senseUser)) && !s.follows(setOf(senseTooMany), setOf(senseRecipient), 2) && s.near(receiving, setOf(senseTooFast, sensePace, senseTooMany)|setOf(senseCap), nearby) && !s.begins(setOf(senseSending), receiving) && !s.senses.has(setOf(senseClient, senseEachSource)) {
		return LimitMailboxRate
	}
	opened := setOf(senseConnection)
	if s.follows(setOf(senseRecipient), opened, 1) && s.near(opened, setOf(senseCap), 1) && s.senses.has(excess) {
		return LimitMailboxRate // "recipient thread limit exceeded"
	}
	return LimitNone
}

// splitsDomains reports whether the text wants the recipients of one domain only in a
// message: "multiple destination domains per transaction".
func (s *scan) splitsDomains() bool {
	return s.senses.has(setOf(senseRecipient)) && s.near(setOf(senseDomain), setOf(senseEachMessage), beside)
}

// begins reports whether a word of the set a stands before all of the set b.
func (s *scan) begins(a, b senses) bool {
	for _, m := range s.marks[:s.marked] {
		if (a | b).has(1 << m.sense) {
			return a.has(1 << m.sense)
		}
	}
	return false
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

// ofSession reports whether the text speaks of one connection: "per session",
// "this smtp connection".
func (s *scan) ofSession() bool {
	for _, m := range s.marks[:s.marked] {
		if m.sense != senseEach && m.sense != sensePer {
			continue
		}
		for _, other := range s.marks[:s.marked] {
			if other.sense == senseSession && other.from > m.from && int(other.from)-int(m.to) <= 5<<s.wide {
				return true
			}
		}
	}
	return s.follows(setOf(senseSession), setOf(senseExceed), 1) // one session, not several
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

// nearTime reports whether a period stands near words of a set, and not after a
// request to wait.
func (s *scan) nearTime(set senses) bool {
	if !s.senses.has(overTime) || !s.senses.has(set) {
		return false
	}
	within := anyNear << s.wide
	far := -1 << 16
	period, word := far, far // the ends of the latest of each
	for _, m := range s.marks[:s.marked] {
		if overTime.has(1<<m.sense) && !s.isWait(m) {
			if int(m.from)-word <= within {
				return true
			}
			period = int(m.to)
		}
		if set.has(1 << m.sense) {
			if int(m.from)-period <= within {
				return true
			}
			word = int(m.to)
		}
	}
	return false
}

// limitsVolume reports whether the text limits the octets that pass in a time, and not
// those of a message or a connection.
func (s *scan) limitsVolume() bool {
	volume := setOf(senseVolume)
	return s.near(volume, limiting|setOf(senseTooFast, senseToo), nearby) && !s.senses.has(setOf(senseSpace, senseEachMessage)) && !s.ofSession()
}

// countsOctets reports whether a limit over time is one of octets in place of messages.
func (s *scan) countsOctets(limit Limit, st Stated) bool {
	if limit != LimitMessageRate && limit != LimitQuota {
		return false
	}
	return st.Bytes || s.limitsVolume()
}

// thing returns the sense of what is counted: what stands nearest behind the first
// word that limits, else nearest before it.
func (s *scan) thing() senses {
	at := -1
	for _, m := range s.marks[:s.marked] {
		if (limiting | setOf(senseOnly, senseTooFast, sensePace)).has(1 << m.sense) {
			at = int(m.to)
			break
		}
	}
	best, distance := senses(0), 1<<16
	for _, m := range s.marks[:s.marked] {
		if !counted.has(1<<m.sense) || s.isMeasure(m) {
			continue
		}
		d := int(m.from) - at
		if d < -1 {
			d = 2 * -d // what is before counts less
		}
		if d < distance {
			best, distance = 1<<m.sense, d
		}
	}
	return best
}

// isMeasure reports whether a mark is what another thing is counted in: the message
// of "per message", or of "in one message".
func (s *scan) isMeasure(m mark) bool {
	for _, other := range s.marks[:s.marked] {
		if m.sense == senseMessage && (other.sense == senseEachMessage && other.from <= m.to && m.from <= other.to ||
			other.sense == sensePer && other.from < m.from && int(m.from)-int(other.to) <= 1) {
			return true
		}
	}
	return false
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

// messageCount is what a limit counts that is of messages and not of their room.
var messageCount = []byte("message count ")

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
	case fits(senseConnection, beside):
		return LimitConnections
	case fits(senseRecipient, beside) && !s.senses.has(setOf(senseFull, senseSpace)):
		if s.senses.has(setOf(senseEachSource, senseAWhile)) && !s.senses.has(setOf(senseContent)) || s.senses.has(setOf(senseReceiving)) || s.near(setOf(senseDomain), setOf(senseSending), nearby) {
			return LimitRecipientRate
		}
		return LimitRecipientsPerMessage
	case s.isYours(folded) && s.follows(setOf(senseAccount), setOf(senseCap), beside) && s.senses.has(excess) && !s.follows(setOf(senseAccount), setOf(senseUser), anyNear) && !s.senses.has(setOf(senseSpace, senseLarge)):
		return LimitQuota // "you have exceeded your quota"
	case s.near(sends, setOf(senseCap), nearby) && !s.near(setOf(senseUser), setOf(senseFull), 0):
		if s.senses.has(setOf(senseSending)) && (s.senses.has(excess) || s.follows(sends, setOf(senseCap), 2)) || thing.has(setOf(senseMessage)) && s.senses.has(excess) {
			return LimitQuota
		}
	case s.near(setOf(senseRelay), setOf(senseCap), beside) && s.senses.has(excess):
		return LimitQuota
	case s.follows(setOf(senseMessage), setOf(senseCap), 8) && s.senses.has(excess) && (!s.senses.has(setOf(senseFull)) || bytes.Contains(folded, messageCount) && !s.senses.has(setOf(senseUser, senseSpace))):
		return LimitMessageRate
	case s.isHeld():
		return LimitNone
	case s.follows(setOf(senseTooMany), setOf(senseMessage, senseRequest), nearby):
		return LimitMessageRate
	}
	return LimitNone
}

// isYours reports whether the text speaks to the sender of what it has: "you have exceeded",
// "your limit". A mailbox is spoken of as one of another.
func (s *scan) isYours(folded []byte) bool {
	for _, m := range s.marks[:s.marked] {
		if m.sense == senseAccount && bytes.HasPrefix(folded[m.from:], []byte("you")) {
			return true
		}
	}
	return false
}

// isHeld reports whether too many messages are those that a mailbox holds: "user has
// too many messages".
func (s *scan) isHeld() bool {
	return s.follows(setOf(senseUser), setOf(senseTooMany), 14) && !s.senses.has(ofSender|overTime|setOf(senseReceiving, sensePace, senseTooFast))
}
