package classify

import (
	"bytes"
	"slices"
)

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
		if n.value == 0 || s.multiplies(folded, n) {
			continue
		}
		things := s.thingAfter(folded, n)
		if things.has(setOf(senseMessage)) && s.ofSession() {
			capped = true
		}
		switch {
		case n.per != 0 && s.senses.has(counted|limiting|setOf(sensePace)):
			shaped = true
		case things != 0 || n.octets:
			capped = capped || s.isCapped(folded, numbers[:i], n)
			shaped = shaped || s.hasPeriodBehind(n)
		}
	}
	return shaped, capped
}

// hasPeriodBehind reports whether a unit of time stands soon behind a number.
func (s *scan) hasPeriodBehind(n number) bool {
	for _, m := range s.marks[:s.marked] {
		if d := int(m.from) - n.to; d >= 0 && d <= nearby && periods.has(1<<m.sense) && s.isPeriod(m) {
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

// limitsMistakes reports whether a mistake stands soon behind a word that limits: "limit
// of bad commands". Behind "quota exceeded" a mistake is only its consequence: "quota
// exceeded; failed to process".
func (s *scan) limitsMistakes() bool {
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

// nearTime reports whether a period stands near words of a set, and not after a
// request to wait.
func (s *scan) nearTime(set senses) bool {
	if !s.senses.has(overTime) || !s.senses.has(set) {
		return false
	}
	within := anyNear << s.wide
	period, word := far, far // the ends of the latest of each
	for _, m := range s.marks[:s.marked] {
		if overTime.has(1<<m.sense) && s.isPeriod(m) {
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

// mailCounts are the things of messages, other than their room, that a limit counts.
var mailCounts = [][]byte{[]byte("message count "), []byte("number of mails "), []byte("number of messages "), []byte("number of emails ")}

func countsMail(folded []byte) bool {
	return slices.ContainsFunc(mailCounts, func(words []byte) bool { return bytes.Contains(folded, words) })
}

// addressRejected is the text that Postfix puts in front of the answer of a policy
// service. The answer may speak of anything.
var addressRejected = []byte(" address rejected")

// speaksOfMailbox reports whether a word for a mailbox or its owner stands in the text, behind
// Postfix's "Recipient address rejected".
func (s *scan) speaksOfMailbox(folded []byte) bool {
	from := 0
	if i := bytes.Index(folded, addressRejected); i >= 0 {
		from = i + len(addressRejected)
	}
	return slices.ContainsFunc(s.marks[:s.marked], func(m mark) bool { return m.sense == senseUser && int(m.from) >= from })
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
