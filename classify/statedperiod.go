package classify

import (
	"bytes"
	"time"
)

// period returns the first period that the text names before it asks to wait; 0
// for none.
func (s *scan) period(numbers []number) time.Duration {
	for _, m := range s.marks[:s.marked] {
		if !periods.has(1<<m.sense) || s.isWait(m) {
			continue
		}
		per := lengthOf(m.sense)
		for _, n := range numbers {
			if d := int(m.from) - n.to; d >= 0 && d <= 1 && n.value > 0 && n.value <= 1000 {
				per *= time.Duration(n.value)
			}
		}
		return per
	}
	return 0
}

// isWait reports whether a period belongs to a request to wait.
func (s *scan) isWait(m mark) bool {
	const reach = 40
	return s.asked >= 0 && int(m.from) > s.asked && int(m.from)-s.asked <= reach
}

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
	case senseMonth:
		return 30 * 24 * time.Hour
	}
	return 0
}

var outOf = []byte(" out of ")

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
