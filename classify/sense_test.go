package classify

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// scanOf returns the scan of a text with words at some places.
func scanOf(words ...mark) *scan {
	s := &scan{marked: len(words), asked: -1, aged: -1}
	for i, w := range words {
		s.marks[i] = w
		s.senses |= 1 << w.sense
	}
	return s
}

func TestWordsRightBehind(t *testing.T) {
	for from, want := range map[uint16]bool{4: false, 5: true, 6: true, 7: false} {
		if got := (mark{from: from}).isRightBehind(5); got != want {
			t.Errorf("a word at %d right behind 5: %v", from, got)
		}
	}
}

// TestDistancesOfWords has words at the bounds of a distance of 10, which doubles where
// letters take two bytes. They may share the blank between them.
func TestDistancesOfWords(t *testing.T) {
	cap, thing := setOf(senseCap), setOf(senseMessage)
	for _, tt := range []struct {
		name          string
		wide          int
		words         []mark
		near, follows bool // whether a thing is near a cap, and whether it follows one
	}{
		{"no words", 0, nil, false, false},
		{"a cap alone", 0, []mark{{0, 5, senseCap}}, false, false},
		{"a thing alone", 0, []mark{{0, 5, senseMessage}}, false, false},
		{"10 behind", 0, []mark{{0, 5, senseCap}, {15, 20, senseMessage}}, true, true},
		{"11 behind", 0, []mark{{0, 5, senseCap}, {16, 20, senseMessage}}, false, false},
		{"20 behind, wide", 1, []mark{{0, 5, senseCap}, {25, 30, senseMessage}}, true, true},
		{"21 behind, wide", 1, []mark{{0, 5, senseCap}, {26, 30, senseMessage}}, false, false},
		{"10 before", 0, []mark{{0, 5, senseMessage}, {15, 20, senseCap}}, true, false},
		{"11 before", 0, []mark{{0, 5, senseMessage}, {16, 20, senseCap}}, false, false},
		{"sharing a blank", 0, []mark{{0, 5, senseCap}, {4, 9, senseMessage}}, true, true},
		{"overlapping", 0, []mark{{0, 5, senseCap}, {3, 9, senseMessage}}, true, false},
		{"behind the last of two", 0, []mark{{0, 5, senseCap}, {30, 35, senseCap}, {40, 45, senseMessage}}, true, true},
		{"behind the first, overlapping three", 0, []mark{{0, 5, senseCap}, {7, 13, senseCap}, {7, 14, senseCap}, {7, 15, senseCap}, {10, 20, senseMessage}}, true, true},
		{"behind the first, overlapping four", 0, []mark{{0, 5, senseCap}, {7, 12, senseCap}, {7, 13, senseCap}, {7, 14, senseCap}, {7, 15, senseCap}, {10, 20, senseMessage}}, true, false},
	} {
		s := scanOf(tt.words...)
		s.wide = tt.wide
		if got := s.near(thing, cap, 10); got != tt.near {
			t.Errorf("%s: near: %v", tt.name, got)
		}
		if got := s.near(cap, thing, 10); got != tt.near {
			t.Errorf("%s: near, the other way: %v", tt.name, got)
		}
		if got := s.follows(cap, thing, 10); got != tt.follows {
			t.Errorf("%s: follows: %v", tt.name, got)
		}
	}
}

// TestInsertedMarks are in the order of their ends, an inserted one behind its equals.
func TestInsertedMarks(t *testing.T) {
	s := scanOf(mark{0, 5, senseCap}, mark{6, 10, senseOnly})
	s.insert(mark{6, 9, senseClient})
	s.insert(mark{7, 10, senseUser})
	s.insert(mark{20, 25, senseSpam})
	s.insert(mark{0, 3, senseTLS})
	want := []mark{{0, 3, senseTLS}, {0, 5, senseCap}, {6, 9, senseClient}, {6, 10, senseOnly}, {7, 10, senseUser}, {20, 25, senseSpam}}
	if got := s.marks[:s.marked]; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for s.marked < maxMarks {
		s.insert(mark{30, 35, senseSpam})
	}
	s.insert(mark{40, 45, senseRelay})
	if s.marked != maxMarks || s.marks[maxMarks-1].sense == senseRelay || !s.senses.has(setOf(senseRelay)) {
		t.Errorf("in a full scan: %d marks, the last %v, senses %x", s.marked, s.marks[maxMarks-1], s.senses)
	}
}

// TestAddressesAreOurHost marks IPv4 addresses, and none of what looks like one.
func TestAddressesAreOurHost(t *testing.T) {
	for text, want := range map[string][]mark{
		" 192.0.2.1 ":       {{1, 10, senseClient}},
		" 192.0.2.1":        {{1, 10, senseClient}},
		" from 192.0.2.1 ":  {{6, 15, senseClient}, {6, 15, senseEachSource}},
		" xfrom 192.0.2.1 ": {{7, 16, senseClient}},
		" 1.2.3 ":           nil,
		" 1.2.3.4.5 ":       nil,
		" x1.2.3.4 ":        nil,
		" 1 2 3 4 ":         nil,
		" 1.2.3.4 5.6.7.8 ": {{1, 8, senseClient}, {9, 16, senseClient}},
	} {
		s := scanOf()
		for range 2 { // once is enough
			s.noteAddresses([]byte(text))
		}
		if got := s.marks[:s.marked]; !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// TestOfSession has texts that speak of one connection.
func TestOfSession(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wide  int
		words []mark
		want  bool
	}{
		{"a session", 0, []mark{{0, 5, senseSession}}, false},
		{"per session", 0, []mark{{0, 5, sensePer}, {5, 12, senseSession}}, true},
		{"this session", 0, []mark{{0, 5, senseEach}, {10, 17, senseSession}}, true},
		{"this, 6 apart", 0, []mark{{0, 5, senseEach}, {11, 17, senseSession}}, false},
		{"this, 10 apart, wide", 1, []mark{{0, 5, senseEach}, {15, 22, senseSession}}, true},
		{"this, 11 apart, wide", 1, []mark{{0, 5, senseEach}, {16, 22, senseSession}}, false},
		{"session, this", 0, []mark{{0, 7, senseSession}, {8, 12, senseEach}}, false},
		{"both at one place", 0, []mark{{0, 5, senseEach}, {0, 7, senseSession}}, false},
		{"session exceeded", 0, []mark{{0, 7, senseSession}, {8, 15, senseExceed}}, true},
		{"session, 2 apart", 0, []mark{{0, 7, senseSession}, {9, 15, senseExceed}}, false},
	} {
		s := scanOf(tt.words...)
		s.wide = tt.wide
		if got := s.ofSession(); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

// TestBeginning asks which of two sets comes first.
func TestBeginning(t *testing.T) {
	sends, receives := mark{0, 5, senseSending}, mark{6, 9, senseReceiving}
	for _, tt := range []struct {
		words []mark
		want  bool
	}{
		{nil, false},
		{[]mark{{0, 5, senseCap}}, false},
		{[]mark{sends}, true},
		{[]mark{receives}, false},
		{[]mark{sends, receives}, true},
		{[]mark{receives, sends}, false},
		{[]mark{{0, 5, senseCap}, sends, receives}, true},
	} {
		if got := scanOf(tt.words...).begins(setOf(senseSending), setOf(senseReceiving)); got != tt.want {
			t.Errorf("%v: got %v", tt.words, got)
		}
	}
}

// TestNearTime has a period within 60 bytes of a word that limits, on either side.
func TestNearTime(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wide  int
		asked int
		words []mark
		want  bool
	}{
		{"no period", 0, -1, []mark{{0, 5, senseCap}}, false},
		{"no limit", 0, -1, []mark{{0, 5, senseDay}}, false},
		{"60 behind", 0, -1, []mark{{0, 5, senseCap}, {65, 70, senseDay}}, true},
		{"61 behind", 0, -1, []mark{{0, 5, senseCap}, {66, 70, senseDay}}, false},
		{"120 behind, wide", 1, -1, []mark{{0, 5, senseCap}, {125, 130, senseDay}}, true},
		{"60 before", 0, -1, []mark{{0, 5, senseAWhile}, {65, 70, senseCap}}, true},
		{"61 before", 0, -1, []mark{{0, 5, senseAWhile}, {66, 70, senseCap}}, false},
		{"of a wait", 0, 3, []mark{{0, 5, senseCap}, {10, 15, senseDay}}, false},
		{"between two", 0, -1, []mark{{0, 5, senseCap}, {66, 70, senseDay}, {90, 95, senseCap}}, true},
	} {
		s := scanOf(tt.words...)
		s.wide, s.asked = tt.wide, tt.asked
		if got := s.nearTime(setOf(senseCap)); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

// TestPeriodsOfWaits has the unit of time 40 bytes behind a request to wait, and farther.
func TestPeriodsOfWaits(t *testing.T) {
	for _, tt := range []struct {
		asked int
		from  uint16
		want  bool
	}{{-1, 5, false}, {0, 1, true}, {0, 40, true}, {0, 41, false}, {5, 5, false}, {5, 4, false}, {5, 6, true}, {5, 45, true}, {5, 46, false}} {
		s := scanOf()
		s.asked = tt.asked
		if got := s.isWait(mark{from: tt.from, sense: senseDay}); got != tt.want {
			t.Errorf("a period at %d, asked at %d: of a wait: %v", tt.from, tt.asked, got)
		}
	}
}

// TestUnitsBehindNumbers has a number at offsets 10 to 13, and a word behind it.
func TestUnitsBehindNumbers(t *testing.T) {
	n := number{from: 10, to: 13, value: 7}
	folded := []byte(" abcdefgh 123                                                                            ")
	for _, tt := range []struct {
		name      string
		words     []mark
		hasPeriod bool
		thing     senses
		counted   bool // what a limit counts stands behind the first word
	}{
		{"nothing", nil, false, 0, false},
		{"a period right behind", []mark{{13, 18, senseHour}}, true, 0, false},
		{"36 behind", []mark{{49, 55, senseHour}}, true, 0, false},
		{"37 behind", []mark{{50, 55, senseHour}}, false, 0, false},
		{"before", []mark{{12, 18, senseHour}}, false, 0, false},
		{"a thing right behind", []mark{{13, 18, senseMessage}}, false, setOf(senseMessage), false},
		{"20 behind", []mark{{33, 38, senseRecipient}}, false, setOf(senseRecipient), false},
		{"21 behind", []mark{{34, 38, senseRecipient}}, false, 0, false},
		{"a thing before", []mark{{12, 18, senseMessage}}, false, 0, false},
		{"two things", []mark{{13, 18, senseMessage}, {13, 20, senseRecipient}}, false, setOf(senseMessage, senseRecipient), false},
		{"what is not counted", []mark{{13, 18, senseSpam}}, false, 0, false},
		{"a thing 16 behind the period", []mark{{13, 18, senseHour}, {34, 40, senseMessage}}, true, 0, true},
		{"a thing 17 behind the period", []mark{{13, 18, senseHour}, {35, 40, senseMessage}}, true, 0, false},
		{"a thing that shares its blank", []mark{{13, 18, senseHour}, {17, 22, senseSending}}, true, 0, true},
		{"a thing that overlaps", []mark{{13, 18, senseHour}, {16, 22, senseSending}}, true, 0, false},
	} {
		s := scanOf(tt.words...)
		if got := s.hasPeriodBehind(n); got != tt.hasPeriod {
			t.Errorf("%s: a period behind: %v", tt.name, got)
		}
		if got := s.thingAfter(folded, n); got != tt.thing {
			t.Errorf("%s: things %x, want %x", tt.name, got, tt.thing)
		}
		if len(tt.words) > 1 {
			if got := s.isCountedBehind(tt.words[0]); got != tt.counted {
				t.Errorf("%s: counted: %v", tt.name, got)
			}
		}
	}
}

// TestAges has periods of ages, which limit nothing.
func TestAges(t *testing.T) {
	for text, want := range map[string]int{
		"exceeded limit, older than 5 days": 1, "limit more than 5 days more than 6 hours": 2, "more than 5 mails, limit 6 days": 0, "more than 5 mb daily, limit": 0, "limit: 5 days": 0,
		"more than 1 day more than 2 days more than 3 days more than 4 days more than 5 days": maxAges,
	} {
		var s scan
		folded := fold(nil, text)
		standard().decide(Input{Stage: StageRcpt}, &Reply{Code: 452}, folded, &s)
		s.aged = -1
		if s.noteAges(folded); s.aged != want {
			t.Errorf("%q has %d ages, want %d", text, s.aged, want)
		}
	}
	for _, tt := range []struct {
		name  string
		words []mark
		want  bool // whether all words that limit compare the age whose number is at 20
	}{
		{"a blank before", []mark{{10, 19, senseExceed}}, true},
		{"sharing the blank", []mark{{10, 20, senseExceed}}, true},
		{"into the number", []mark{{10, 21, senseExceed}}, false},
		{"two before", []mark{{10, 18, senseExceed}}, false},
		{"another limit", []mark{{0, 5, senseTooFast}, {10, 19, senseExceed}}, false},
		{"another word", []mark{{0, 5, senseSpam}, {10, 19, senseExceed}}, true},
	} {
		s := scanOf(tt.words...)
		if s.comparesAges() {
			t.Errorf("%s: compares ages, but none was noted", tt.name)
		}
		s.ages[0], s.aged = age{20, 22}, 1
		if got := s.comparesAges(); got != tt.want {
			t.Errorf("%s: compares ages: %v", tt.name, got)
		}
	}
}

// TestPeriodOfALimit multiplies a unit of time by the number before it, up to 1000.
func TestPeriodOfALimit(t *testing.T) {
	unit := mark{from: 15, to: 20, sense: senseMinute}
	for _, tt := range []struct {
		numbers []number
		want    time.Duration
	}{
		{nil, time.Minute},
		{[]number{{to: 15, value: 5}}, 5 * time.Minute},
		{[]number{{to: 14, value: 5}}, 5 * time.Minute},
		{[]number{{to: 13, value: 5}}, time.Minute},
		{[]number{{to: 15, value: 0}}, time.Minute},
		{[]number{{to: 15, value: 1}}, time.Minute},
		{[]number{{to: 15, value: 1000}}, 1000 * time.Minute},
		{[]number{{to: 15, value: 1001}}, time.Minute},
	} {
		if got := scanOf(mark{0, 5, senseCap}, unit).period([]byte(" abcdefghijklmn minute "), tt.numbers); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.numbers, got, tt.want)
		}
	}
	if got := scanOf(unit).period([]byte(" abcdefghijklmn hourly "), []number{{to: 15, value: 5}}); got != time.Minute {
		t.Errorf("a number before an adverb: %v", got)
	}
}

// TestWhatNumbersLimit has words around a number at offsets 10 to 13.
func TestWhatNumbersLimit(t *testing.T) {
	n := number{from: 10, to: 13, value: 7}
	folded := []byte(" abcdefgh 123 max hourly                                                                 ")
	for _, tt := range []struct {
		name                                       string
		words                                      []mark
		isName, beforeCap, joined, capped, unitful bool
	}{
		{"nothing", nil, false, false, false, false, false},
		{"rule 5: message rate", []mark{{14, 20, senseMessage}, {20, 24, sensePace}}, true, false, false, false, false},
		{"the rate 2 behind", []mark{{13, 20, senseMessage}, {22, 26, senseCap}}, true, false, false, false, false},
		{"the rate 3 behind", []mark{{13, 20, senseMessage}, {23, 26, senseCap}}, false, false, false, false, false},
		{"the rate before", []mark{{13, 20, senseMessage}, {19, 26, senseCap}}, false, false, false, false, false},
		{"the thing 2 behind", []mark{{15, 20, senseMessage}, {20, 26, senseCap}}, false, false, false, false, false},
		{"no rate", []mark{{13, 20, senseMessage}, {20, 26, senseSpam}}, false, false, false, false, false},
		{"123 max", []mark{{13, 17, senseCap}}, false, true, false, false, false},
		{"123 only", []mark{{14, 19, senseOnly}}, false, true, false, false, false},
		{"123, only 2 behind", []mark{{15, 19, senseOnly}}, false, false, false, false, false},
		{"123, a cap that is no max", []mark{{14, 19, senseCap}}, false, false, false, false, false},
		{"123 minutes", []mark{{14, 19, senseMinute}}, false, false, true, false, true},
		{"123minutes", []mark{{13, 18, senseMinute}}, false, false, true, false, true},
		{"123 per minute, 5 behind", []mark{{18, 24, senseMinute}}, false, false, true, false, false},
		{"6 behind", []mark{{19, 24, senseMinute}}, false, false, false, false, false},
		{"a minute before", []mark{{12, 19, senseMinute}}, false, false, false, false, false},
		{"a cap that shares the blank", []mark{{2, 11, senseCap}}, false, false, true, true, false},
		{"a cap that ends in the number", []mark{{2, 12, senseCap}}, false, false, false, false, false},
		{"a cap that is the stem of the word before", []mark{{0, 3, senseCap}}, false, false, true, true, false},
	} {
		s := scanOf(tt.words...)
		for what, c := range map[string][2]bool{
			"is a name":   {s.isName(n), tt.isName},
			"before max":  {s.isBeforeCap(folded, n), tt.beforeCap},
			"joined":      {s.isJoined(folded, n), tt.joined},
			"capped":      {s.isCapped(folded, nil, n), tt.capped},
			"has a unit":  {s.multiplies(folded, n), tt.unitful},
			"of mistakes": {s.isOfMistakes(folded, n), false},
		} {
			if c[0] != c[1] {
				t.Errorf("%s: %s: %v", tt.name, what, c[0])
			}
		}
	}
	if scanOf(mark{14, 19, senseMinute}).multiplies(folded, number{from: 10, to: 13, value: 7, per: time.Hour}) {
		t.Error("a ratio has no unit behind it")
	}
	if scanOf(mark{17, 24, senseHour}).multiplies(folded, number{from: 13, to: 17}) {
		t.Error("an adverb is no unit of the number before it")
	}
	if !scanOf(mark{14, 19, senseMistake}).isOfMistakes(folded, n) || scanOf(mark{15, 19, senseMistake}).isOfMistakes(folded, n) {
		t.Error("a mistake is counted right behind a number, and nowhere else")
	}
	for text, want := range map[string]bool{" max 为100 ": true, " max of 100 ": true, " max x为100 ": false, " max page 100 ": false, " maximums are 100 ": true, " max100 ": true} {
		if got := scanOf().joins([]byte(text), len(" max"), strings.Index(text, "100")); got != want {
			t.Errorf("%q: joined: %v", text, got)
		}
	}
	far := number{from: 70, to: 73}
	for from, want := range map[uint16]bool{9: false, 10: true} {
		if got := scanOf(mark{from - 5, from, senseCap}).isCapped(folded, nil, far); got != want {
			t.Errorf("a cap that ends %d before its number: %v", far.from-int(from), got)
		}
	}
	other := number{from: 30, to: 33}
	for from, want := range map[uint16]bool{31: false, 32: true, 33: true} {
		if got := scanOf(mark{from, from + 5, senseCap}).isCapped(folded, []number{other}, far); got != want {
			t.Errorf("a cap at %d, behind a number that ends at 33: %v", from, got)
		}
	}
}

// TestThingsNearAWordThatLimits: what stands behind the word counts, at a distance at which
// what stands before it does not.
func TestThingsNearAWordThatLimits(t *testing.T) {
	for word, want := range map[sense]sense{
		senseTooMany: senseConnection, senseExceed: senseConnection, senseCap: senseConnection, senseOnly: senseConnection, senseTooFast: senseConnection, sensePace: senseConnection,
		senseEachSource: senseRecipient, senseSpam: senseRecipient, senseReached: senseRecipient,
	} {
		s := scanOf(mark{0, 10, senseRecipient}, mark{12, 17, word}, mark{20, 30, senseConnection})
		if got := s.thing(); got != setOf(want) {
			t.Errorf("sense %d: got things %x, want %x", word, got, setOf(want))
		}
	}
}

// TestUnitsOfMeasure: the message of "per message", or of "in one message", is no thing that
// is counted.
func TestUnitsOfMeasure(t *testing.T) {
	message := mark{20, 28, senseMessage}
	for _, tt := range []struct {
		name  string
		words []mark
		want  bool
	}{
		{"alone", nil, false},
		{"per message", []mark{{14, 20, sensePer}}, true},
		{"per, a blank, message", []mark{{13, 19, sensePer}}, true},
		{"per, 2 before", []mark{{12, 18, sensePer}}, false},
		{"per, sharing its blank", []mark{{15, 21, sensePer}}, true},
		{"message, per", []mark{{28, 32, sensePer}}, false},
		{"per, from the same place", []mark{{20, 22, sensePer}}, false},
		{"in one message", []mark{{12, 28, senseEachMessage}}, true},
		{"in one, at its beginning", []mark{{12, 20, senseEachMessage}}, true},
		{"in one, before it", []mark{{12, 19, senseEachMessage}}, false},
		{"in one, at its end", []mark{{28, 32, senseEachMessage}}, true},
		{"in one, behind it", []mark{{29, 32, senseEachMessage}}, false},
		{"one message per minute", []mark{{12, 28, senseEachMessage}, {28, 32, sensePer}}, false},
	} {
		if got := scanOf(append(tt.words, message)...).isMeasure(message); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
	thing := mark{20, 28, senseRecipient}
	if scanOf(mark{14, 20, sensePer}, thing).isMeasure(thing) {
		t.Error("a recipient is a unit of measure")
	}
}

// TestThingsThatAreCounted: each of them, and nothing else, is what a number in front of it
// counts.
func TestThingsThatAreCounted(t *testing.T) {
	folded := []byte("limit of 100 of something, and more")
	n := number{from: 9, to: 12, value: 100}
	things := setOf(senseConnection, senseMessage, senseRecipient, senseRequest, senseOctets, senseLogin)
	for is := senseTooMany; is <= senseNames; is++ {
		if got, want := scanOf(mark{13, 18, is}).thingAfter(folded, n), things&setOf(is); got != want {
			t.Errorf("sense %d: things %x, want %x", is, got, want)
		}
	}
}
