package classify

import (
	"bytes"
	"time"
)

// Stated is a limit in numbers, as a reply gives them. The zero value states
// nothing. Values may be compared with ==.
type Stated struct {
	Limit Limit         // the limit that the numbers are of
	Count int64         // the number that is allowed, of octets if Bytes is set
	Bytes bool          // whether octets are counted in place of messages
	Per   time.Duration // the period that Count is of; 0 for limits without one
}

// The largest numbers that are taken for a limit.
const (
	mostAtOnce   = 100_000       // of a message or a connection, or of connections
	mostOverTime = 1_000_000_000 // of anything over time
)

// stated reads the numbers that a folded text gives for the limit: "limit of 100",
// "60/60s", "only one recipient", "max 1.5mb per hour".
//
// A number counts behind a word that limits, else in front of what is counted: "120
// recipients, the limit is 100" limits to 100. A number before a unit of time is
// never the count. A limit over time needs its period.
func (s *scan) stated(folded []byte, limit Limit) Stated {
	st := Stated{Limit: limit}
	if limit == LimitNone || !s.senses.has(quantifying) {
		return Stated{}
	}
	s.noteAges(folded)
	var room [16]number
	numbers := numbersIn(room[:0], folded)
	n, ok := s.countOf(folded, numbers, limit)
	if !ok {
		return Stated{}
	}
	st.Count, st.Bytes, st.Per = n.value, n.octets, n.per
	switch limit {
	case LimitConnections, LimitRecipientsPerMessage, LimitMessagesPerConnection:
		st.Per = 0
		if st.Bytes && limit != LimitMessagesPerConnection || n.value > mostAtOnce && !st.Bytes {
			return Stated{}
		}
		return st
	}
	if st.Per == 0 {
		st.Per = s.period(folded, numbers)
	}
	if st.Per == 0 || n.value > mostOverTime {
		return Stated{}
	}
	return st
}

// countOf returns the number that is the limit's count.
func (s *scan) countOf(folded []byte, numbers []number, limit Limit) (number, bool) {
	best, rank := number{}, 0
	for i, n := range numbers {
		if n.value == 0 || s.multiplies(folded, n) || s.isOfMistakes(folded, n) || isGroup(folded, numbers, i) {
			continue
		}
		things := thingsOf(limit)
		after := s.thingAfter(folded, n)
		r := 0
		switch {
		case n.per != 0:
			r = 4
		case after != 0 && !after.has(things):
			continue
		case isPartOf(folded, n):
			continue
		case s.isCapped(folded, numbers[:i], n) && !isUse(folded[:n.from]) && (after != 0 || n.octets || s.isJoined(folded, n)):
			r = 3
		case s.isBeforeCap(folded, n):
			r = 2
		case after != 0 && !isUse(folded[:n.from]) && !s.isName(n):
			r = 1
		}
		if r > rank {
			best, rank = n, r
		}
	}
	return best, rank > 0
}

// thingsOf returns what a limit counts.
func thingsOf(limit Limit) senses {
	switch limit {
	case LimitConnections, LimitConnectionRate:
		return setOf(senseConnection, senseLogin)
	case LimitRecipientsPerMessage, LimitRecipientRate:
		return setOf(senseRecipient)
	}
	return setOf(senseMessage, senseRequest, senseOctets, senseVolume, senseRecipient)
}

// counted holds the things that may be counted. quantifying holds the words without which
// no number is a limit's.
var (
	counted     = setOf(senseConnection, senseMessage, senseRecipient, senseRequest, senseOctets, senseLogin)
	capping     = setOf(senseExceed, senseCap, senseOnly)
	periods     = setOf(senseSecond, senseMinute, senseHour, senseDay, senseMonth)
	quantifying = counted | capping | periods
)

// thingAfter returns the senses of what stands right behind a number, an adjective
// apart: "100 messages", "4 simultaneous sessions".
func (s *scan) thingAfter(folded []byte, n number) (set senses) {
	const adjective = 20
	for _, m := range s.marks[:s.marked] {
		d := int(m.from) - n.to
		if d < 0 || d > adjective || !counted.has(1<<m.sense) || s.isMeasure(m) {
			continue
		}
		if !bytes.Contains(bytes.TrimSpace(folded[n.to:m.from]), blank) {
			set |= 1 << m.sense
		}
	}
	return set
}

// isCapped reports whether a number follows a word that limits, without another possible
// limit between them.
func (s *scan) isCapped(folded []byte, before []number, n number) bool {
	const reach = 60
	start := 0
	for _, other := range before {
		if !s.multiplies(folded, other) {
			start = other.to
		}
	}
	for _, m := range s.marks[:s.marked] {
		if capping.has(1<<m.sense) && int(m.to) <= n.from+1 && int(m.from) >= start-1 && n.from-int(m.to) <= reach {
			return true
		}
	}
	return false
}

// isName reports whether what stands right behind a number is part of the name of a
// limit: of "rule 5: message rate limit".
func (s *scan) isName(n number) bool {
	for _, thing := range s.marks[:s.marked] {
		if !thing.isRightBehind(n.to) {
			continue
		}
		for _, m := range s.marks[:s.marked] {
			if d := int(m.from) - int(thing.to); d >= 0 && d <= 2 && setOf(sensePace, senseCap).has(1<<m.sense) {
				return true
			}
		}
	}
	return false
}

// isJoined reports whether nothing but what is counted and words such as "of" and "is"
// stand between a word that limits and a number without a unit, or a period stands
// right behind the number. Any other number may be that of a customer or of a page.
func (s *scan) isJoined(folded []byte, n number) bool {
	const per = 5 // the room for "per"
	for _, m := range s.marks[:s.marked] {
		if d := int(m.from) - n.to; d >= 0 && d <= per && periods.has(1<<m.sense) {
			return true
		}
		if capping.has(1<<m.sense) && int(m.to) <= n.from+1 && s.joins(folded, int(m.to), n.from) {
			return true
		}
	}
	return false
}

// joins reports whether a folded text, which ends with a blank, has only words that join
// the two from a word that limits to a number. The first word may be a stem.
func (s *scan) joins(folded []byte, from, to int) bool {
	for folded[from] != ' ' && folded[from] < 0x80 { // the rest of a stem
		from++
	}
	for from < to {
		if folded[from] == ' ' {
			from++
			continue
		}
		end := from
		for end < to && folded[end] != ' ' {
			end++
		}
		if !s.isCounted(from, end) && !isJoint(folded[from:end]) {
			return false
		}
		from = end
	}
	return true
}

// isCounted reports whether a word has a mark of what is counted, of a period or of a
// word that limits.
func (s *scan) isCounted(from, to int) bool {
	for _, m := range s.marks[:s.marked] {
		if (counted | capping | periods | setOf(sensePer, senseEachMessage, senseAtOnce, senseSending, senseSession)).has(1<<m.sense) && int(m.from) < to && int(m.to) > from {
			return true
		}
	}
	return false
}

// isJoint reports whether a word may stand between a limit and its number.
func isJoint(word []byte) bool {
	switch string(word) {
	case "of", "is", "to", "at", "are", "was", "be", "the", "a", "set", "allowed", "number", "count", "total", "value", "currently", "configured", "your",
		"de", "von", "ist", "auf", "betragt", "es", "est", "di", "e", "do", "da", "wynosi", "van", "для", "в", "до", "为", "是", "は", "reached", "permitted":
		return true
	}
	return false
}

// isBeforeCap reports whether "max" or "only" stands right behind a number.
func (s *scan) isBeforeCap(folded []byte, n number) bool {
	for _, m := range s.marks[:s.marked] {
		if m.isRightBehind(n.to) && (m.sense == senseOnly || m.sense == senseCap && bytes.HasPrefix(folded[m.from:], []byte(" max"))) {
			return true
		}
	}
	return false
}

// multiplies reports whether a number stands before a unit of time, as in "5
// minutes".
func (s *scan) multiplies(folded []byte, n number) bool {
	if n.per != 0 {
		return false
	}
	for _, m := range s.marks[:s.marked] {
		if m.isRightBehind(n.to) && periods.has(1<<m.sense) && !isAdverb(folded, m) {
			return true
		}
	}
	return false
}
