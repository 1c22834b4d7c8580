package classify

import "bytes"

// sense is the meaning of one or several words, in any language that the lexicon has.
type sense uint8

// The senses of words. The first ones are those of limits.
const (
	senseTooMany     sense = iota // too many
	senseExceed                   // exceeds, more than
	senseCap                      // a limit, a quota, the maximum
	senseOnly                     // only, up to: a limit if a number follows
	senseSecond                   // periods
	senseMinute                   //
	senseHour                     //
	senseDay                      //
	senseMonth                    //
	senseAWhile                   // a period of no stated length
	senseAtOnce                   // concurrent
	sensePer                      // per, each
	senseEach                     // this, one
	senseToo                      // too, before an adjective
	senseSession                  // a connection, as what messages come over
	senseEachMessage              // per message
	senseEachSource               // per address, client, user
	sensePace                     // a rate, which has a limit only near words of excess
	senseTooFast                  // a rate that is too high
	senseConnection               // things that are counted
	senseMessage                  //
	senseRecipient                //
	senseRequest                  //
	senseLogin                    //
	senseOctets                   //
	senseVolume                   // octets that pass in a time
	senseSending                  // outgoing mail, submission
	senseReceiving                // what arrives
	senseAccount                  // our account
	senseSender                   // the sender's address
	senseClient                   // our address or host
	senseMistake                  // invalid, unknown, bad, unsolicited
	senseTimeout                  // a time that has run out
	senseOther                    // what has limits that are not a sender's: hops, lines
	senseUser                     // a mailbox and who owns it
	senseAbsent                   // unknown, not found
	senseDisabled                 // closed, suspended, inactive
	senseFull                     // full, over quota
	senseSpace                    // disks, storage
	senseBlocked                  // on a list, banned
	senseRefused                  // refused, denied
	senseSpam                     //
	senseContent                  // of the message
	senseRelay                    //
	senseTLS                      //
	senseNames                    // HELO, reverse DNS
	senseProof                    // SPF, DKIM, DMARC
	senseDomain                   //
	senseBusy                     // busy, overloaded
	senseLater                    // temporarily, try again
	senseLarge                    // size, large
	senseGrey                     // greylisting
	senseFault                    // an error of the server
	senseMissing                  // required, needed
	senseNew                      // new, before what is opened
	senseReached                  // reached, used up: with a limit the same as exceeded
	senseParts                    // what a message has: attachments, words, a subject
	senseCount                    // the number of senses
)

// senses is a set. It has room for all: this does not compile otherwise.
type senses uint64

var _ [64 - senseCount]struct{}

func (s senses) has(other senses) bool { return s&other != 0 }

func setOf(all ...sense) (set senses) {
	for _, s := range all {
		set |= 1 << s
	}
	return set
}

// mark is a place of a folded text at which a word of the lexicon stands.
type mark struct {
	from, to uint16
	sense    sense
}

// isRightBehind reports whether a mark begins at an offset, or a blank behind it.
func (m mark) isRightBehind(end int) bool {
	d := int(m.from) - end
	return d >= 0 && d <= 1
}

// far is an offset farther from any word than words are that belong together.
const far = -maxText

// maxMarks is the number of marks that are kept of a text; the first ones carry the
// meaning.
const maxMarks = 64

// near reports whether words of two sets stand within so many bytes of each other,
// in either order. Marks are in the order of their ends.
func (s *scan) near(a, b senses, within int) bool {
	if !s.senses.has(a) || !s.senses.has(b) {
		return false
	}
	within <<= s.wide
	lastA, lastB := far, far // the ends of the latest words of each set
	for _, m := range s.marks[:s.marked] {
		isA, isB := a.has(1<<m.sense), b.has(1<<m.sense)
		if isA && int(m.from)-lastB <= within || isB && int(m.from)-lastA <= within {
			return true
		}
		if isA {
			lastA = int(m.to)
		}
		if isB {
			lastB = int(m.to)
		}
	}
	return false
}

// follows reports whether a word of the set b stands at most so many bytes behind
// one of the set a.
func (s *scan) follows(a, b senses, within int) bool {
	if !s.senses.has(a) || !s.senses.has(b) {
		return false
	}
	within <<= s.wide
	ends := [4]int{far, far, far, far} // of the latest words of a; some may overlap the one of b
	for _, m := range s.marks[:s.marked] {
		if b.has(1 << m.sense) {
			for _, end := range ends {
				if d := int(m.from) - end; d >= -1 && d <= within {
					return true
				}
			}
		}
		if a.has(1 << m.sense) {
			ends[3], ends[2], ends[1], ends[0] = ends[2], ends[1], ends[0], int(m.to)
		}
	}
	return false
}

// wanting is a condition on what the words of a text mean. Zero fields do not
// matter.
type wanting struct {
	limit   Limit  // the limit that the shape of the text names
	any     senses // one of these
	of      senses // one of these stands within so many bytes of one of any
	within  int
	without senses // none of these
}

// needed returns the senses of which a text must have one.
func (m *wanting) needed() senses {
	if m.limit != LimitNone {
		return ofLimits
	}
	return m.any
}

// says reports whether the words of a folded text have a meaning.
func (s *scan) says(m *wanting, folded []byte) bool {
	if m.limit != LimitNone {
		if !s.read {
			s.limit, s.read = s.readLimit(folded), true
		}
		return s.limit == m.limit && !s.senses.has(m.without)
	}
	if (m.any | m.of | m.without).has(setOf(senseClient)) {
		s.noteAddresses(folded)
	}
	if s.senses.has(m.without) {
		return false
	}
	if m.of == 0 {
		return s.senses.has(m.any)
	}
	return s.near(m.any, m.of, m.within)
}

// noteAddresses marks the IPv4 addresses in a folded text as words for our host.
func (s *scan) noteAddresses(folded []byte) {
	if s.addressed || bytes.IndexByte(folded, '.') < 0 {
		return
	}
	s.addressed = true
	for i := 1; i < len(folded); i++ {
		if !isDigit(folded[i]) || folded[i-1] != ' ' {
			continue
		}
		from, dots := i, 0
		for i < len(folded) && (isDigit(folded[i]) || folded[i] == '.') {
			if folded[i] == '.' {
				dots++
			}
			i++
		}
		if dots == 3 {
			s.insert(mark{uint16(from), uint16(i), senseClient})
			if bytes.HasSuffix(folded[:from], []byte(" from ")) {
				s.insert(mark{uint16(from), uint16(i), senseEachSource})
			}
		}
	}
}

// insert puts a mark in its place among the others.
func (s *scan) insert(m mark) {
	s.senses |= 1 << m.sense
	if s.marked == maxMarks {
		return
	}
	i := s.marked
	for ; i > 0 && s.marks[i-1].to > m.to; i-- {
		s.marks[i] = s.marks[i-1]
	}
	s.marks[i] = m
	s.marked++
}
