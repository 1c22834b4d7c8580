package classify

import (
	"bytes"
	"slices"
	"time"
)

// period returns the first period that the text names before it asks to wait; 0
// for none.
func (s *scan) period(folded []byte, numbers []number) time.Duration {
	for _, m := range s.marks[:s.marked] {
		if !periods.has(1<<m.sense) || !s.isPeriod(m) {
			continue
		}
		per := lengthOf(m.sense)
		for _, n := range numbers {
			if isAdverb(folded, m) {
				break
			}
			if m.isRightBehind(n.to) && n.value > 0 && n.value <= 1000 {
				per *= time.Duration(n.value)
			}
		}
		return per
	}
	return 0
}

// isPeriod reports whether a unit of time may be that of a limit: it is not of an age, nor
// of a request to wait.
func (s *scan) isPeriod(m mark) bool {
	for _, a := range s.ages[:max(s.aged, 0)] {
		if m.from == a.unit {
			return false
		}
	}
	return !s.isWait(m)
}

// age is a number with its unit of time behind a word that compares.
type age struct{ number, unit uint16 } // their offsets

// maxAges is the number of ages in a text that are found.
const maxAges = 4

// noteAges finds the units of time of ages and durations: "unused for more than 12
// months", "took over 10 minutes". With what is counted behind it, it is the period of a
// limit: "exceeded the 24 hour sending limit".
func (s *scan) noteAges(folded []byte) {
	if s.aged >= 0 {
		return
	}
	s.aged = 0
	if !s.senses.has(periods) {
		return
	}
	var room [16]number
	for _, n := range numbersIn(room[:0], folded) {
		if n.octets || !s.isOver(folded, n) {
			continue
		}
		for _, m := range s.marks[:s.marked] {
			if m.isRightBehind(n.to) && periods.has(1<<m.sense) && !s.isCountedBehind(m) && s.aged < maxAges {
				s.ages[s.aged] = age{uint16(n.from), m.from}
				s.aged++
			}
		}
	}
}

// comparesAges reports whether all words that limit compare ages.
func (s *scan) comparesAges() bool {
	if s.aged <= 0 {
		return false
	}
	return !slices.ContainsFunc(s.marks[:s.marked], func(m mark) bool {
		return (limiting | setOf(senseTooFast, senseToo)).has(1<<m.sense) &&
			!slices.ContainsFunc(s.ages[:s.aged], func(a age) bool { return (mark{from: a.number}).isRightBehind(int(m.to)) })
	})
}

// overWords are the ends of texts behind which the number of an age stands.
var overWords = [][]byte{[]byte(" more than"), []byte(" over"), []byte(" older than"), []byte(" longer than"), []byte(" exceeded"), []byte(" exceeds"), []byte(" beyond"), []byte(" plus de"), []byte(" mehr als"), []byte(" uber"), []byte(" mas de"), []byte(" piu di"), []byte(" mais de"), []byte(" ponad"), []byte(" meer dan"), []byte(" более"), []byte(" at least"), []byte(" less than"), []byte(" younger than")}

// isOver reports whether a number stands right behind a word that compares.
func (s *scan) isOver(folded []byte, n number) bool {
	before := folded[:n.from-1]
	return slices.ContainsFunc(overWords, func(word []byte) bool { return bytes.HasSuffix(before, word) })
}

// isCountedBehind reports whether what a limit counts, or a limit, stands soon behind a
// unit of time.
func (s *scan) isCountedBehind(unit mark) bool {
	for _, m := range s.marks[:s.marked] {
		if d := int(m.from) - int(unit.to); d >= -1 && d <= beside && (counted | setOf(senseCap, senseSending, sensePace)).has(1<<m.sense) {
			return true
		}
	}
	return false
}

// isWait reports whether a period belongs to a request to wait.
func (s *scan) isWait(m mark) bool {
	const reach = 40
	return s.asked >= 0 && int(m.from) > s.asked && int(m.from)-s.asked <= reach
}

// isAdverb reports whether a unit of time is one such as "daily", before which a number is
// none of units: "10 daily".
func isAdverb(folded []byte, unit mark) bool {
	return slices.ContainsFunc(adverbs, func(word []byte) bool { return bytes.HasPrefix(folded[unit.from:], word) })
}

var adverbs = [][]byte{[]byte(" daily"), []byte(" hourly"), []byte(" today"), []byte(" monthly"), []byte(" weekly"), []byte("taglich"), []byte("taeglich"), []byte("giornalier"), []byte(" diari"), []byte("quotidien"), []byte("dagelijks")}

func lengthOf(period sense) time.Duration {
	switch period {
	case senseSecond:
		return time.Second
	case senseMinute:
		return time.Minute
	case senseHour:
		return time.Hour
	case senseDay:
		return 24 * time.Hour
	}
	return 30 * 24 * time.Hour // of a month
}

var outOf = []byte(" out of ")

// isOfMistakes reports whether a number counts what went wrong, or times: "5 failed
// attempts", "3 times". Messages are no such thing.
func (s *scan) isOfMistakes(folded []byte, n number) bool {
	if bytes.HasPrefix(folded[n.to:], timesWord) {
		return true
	}
	for _, m := range s.marks[:s.marked] {
		if m.isRightBehind(n.to) && m.sense == senseMistake {
			return true
		}
	}
	return false
}

var timesWord = []byte(" times ")

// isGroup reports whether a number may be a group of the digits of another: of "1 450
// messages" nobody knows whether that is one number or two.
func isGroup(folded []byte, numbers []number, i int) bool {
	const group = len("000")
	joined := func(a, b number) bool {
		return b.from-a.to == 1 && a.to-a.from <= group && b.to-b.from == group && isDigit(folded[a.from]) && isDigit(folded[b.from])
	}
	return i > 0 && joined(numbers[i-1], numbers[i]) || i+1 < len(numbers) && joined(numbers[i], numbers[i+1])
}

// isPartOf reports whether a number is a part of others or what a part is of: "messages to 25
// recipients out of 30".
func isPartOf(folded []byte, n number) bool {
	const thing = 20
	return bytes.HasSuffix(folded[:n.from], outOf) || bytes.Contains(folded[n.to:min(len(folded), n.to+thing)], outOf)
}

// isUse reports whether a text ends in a word behind which the message's own number
// stands.
func isUse(before []byte) bool {
	before = trimBlanks(before)
	switch string(before[bytes.LastIndexByte(before, ' ')+1:]) {
	case "has", "have", "had", "contains", "with", "sent", "got", "received":
		return true
	}
	return false
}
