package classify

import (
	"strings"
	"testing"
)

// TestMistakesBehindAWordThatLimits has words at distances at the bounds: words may share
// the space between them, which is a distance of -1.
func TestMistakesBehindAWordThatLimits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wide  int
		words []mark
		want  bool
	}{
		{"a mistake alone", 0, []mark{{0, 5, senseMistake}}, false},
		{"right behind", 0, []mark{{0, 5, senseCap}, {5, 9, senseMistake}}, true},
		{"sharing a space", 0, []mark{{0, 5, senseCap}, {4, 9, senseMistake}}, true},
		{"overlapping", 0, []mark{{0, 5, senseCap}, {3, 9, senseMistake}}, false},
		{"18 apart", 0, []mark{{0, 5, senseCap}, {23, 30, senseMistake}}, true},
		{"19 apart", 0, []mark{{0, 5, senseCap}, {24, 30, senseMistake}}, false},
		{"36 apart, letters of two bytes", 1, []mark{{0, 5, senseCap}, {41, 50, senseMistake}}, true},
		{"37 apart, letters of two bytes", 1, []mark{{0, 5, senseCap}, {42, 50, senseMistake}}, false},
		{"something else", 0, []mark{{0, 5, senseCap}, {6, 9, senseOther}}, true},
		{"cap exceeded, sharing a space", 0, []mark{{0, 5, senseCap}, {4, 12, senseExceed}, {13, 20, senseMistake}}, false},
		{"cap exceeded, right behind", 0, []mark{{0, 5, senseCap}, {5, 12, senseExceed}, {13, 20, senseMistake}}, false},
		{"cap exceeded, 3 apart", 0, []mark{{0, 5, senseCap}, {8, 12, senseExceed}, {13, 20, senseMistake}}, false},
		{"cap exceeded, 4 apart", 0, []mark{{0, 5, senseCap}, {9, 12, senseExceed}, {13, 20, senseMistake}}, true},
		{"cap within what is exceeded", 0, []mark{{0, 5, senseCap}, {3, 12, senseExceed}, {13, 20, senseMistake}}, true},
		{"exceeded without a cap", 0, []mark{{0, 8, senseExceed}, {9, 20, senseMistake}}, true},
	} {
		s := scanOf(tt.words...)
		s.wide = tt.wide
		if got := s.limitsMistakes(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestWordsOfExcessThatAreNoLimits speak of mistakes, of a time that has run out, of size or
// of space.
func TestWordsOfExcessThatAreNoLimits(t *testing.T) {
	at := func(senses ...sense) (words []mark) { // beside each other, each of four letters
		for i, s := range senses {
			words = append(words, mark{uint16(5 * i), uint16(5*i + 4), s})
		}
		return words
	}
	for _, tt := range []struct {
		name   string
		words  []mark
		shaped bool
		want   bool
	}{
		{"nothing", nil, false, false},
		{"a timeout", at(senseExceed, senseTimeout), false, true},
		{"spam", at(senseExceed, senseSpam), false, false},
		{"blocked", at(senseExceed, senseBlocked), false, false},
		{"spam that is blocked", at(senseExceed, senseSpam, senseBlocked), false, true},
		{"too many mistakes", at(senseTooMany, senseMistake), false, true},
		{"too many hops", at(senseTooMany, senseOther), false, true},
		{"mistakes, too many", at(senseMistake, senseTooMany), false, false},
		{"hops exceed", at(senseOther, senseExceed), false, true},
		{"hops exceed in an hour", at(senseOther, senseExceed, senseHour), false, false},
		{"a cap of mistakes in an hour", at(senseCap, senseMistake, senseHour), false, false},
		{"space in an hour", at(senseSpace, senseExceed, senseHour), false, true},
		{"space to send in an hour", at(senseSpace, senseSending, senseExceed, senseHour), false, false},
		{"a number in a time", at(senseLarge, senseExceed), true, false},
		{"a size that exceeds", at(senseLarge, senseExceed), false, true},
		{"octets at a cap", at(senseOctets, senseCap), false, true},
		{"octets of a session", at(senseOctets, senseCap, sensePer, senseSession), false, false},
		{"recipients exceed a size", at(senseRecipient, senseExceed, senseLarge), false, false},
		{"too many messages, large", at(senseTooMany, senseMessage, senseLarge), false, false},
		{"a size far away", []mark{{0, 4, senseLarge}, {41, 45, senseExceed}}, false, false},
		{"a size 36 away", []mark{{0, 4, senseLarge}, {40, 45, senseExceed}}, false, true},
		{"space", at(senseSpace, senseExceed), false, true},
		{"space of connections", at(senseSpace, senseConnection, senseExceed), false, false},
		{"space to send", at(senseSpace, senseSending, senseExceed), false, false},
	} {
		if got := scanOf(tt.words...).isNoLimit(tt.shaped); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

// TestNumbersThatAreNoCaps: none is zero, or the number of a time.
func TestNumbersThatAreNoCaps(t *testing.T) {
	for text, tt := range map[string]struct {
		words []mark
		want  bool
	}{
		" max 10 mail ":      {[]mark{{0, 5, senseCap}, {7, 13, senseMessage}}, true},
		" max 0 mail ":       {[]mark{{0, 5, senseCap}, {6, 12, senseMessage}}, false},
		" max 10 mins mail ": {[]mark{{0, 5, senseCap}, {7, 13, senseMinute}, {12, 18, senseMessage}}, false},
		" max mail 10 ":      {[]mark{{0, 5, senseCap}, {4, 10, senseMessage}}, false},
	} {
		if _, capped := scanOf(tt.words...).shape([]byte(text)); capped != tt.want {
			t.Errorf("%q: capped: %v", text, capped)
		}
	}
}

// TestWhatIsNewAndTooFast takes the limit for one of the new things, be they messages or
// connections.
func TestWhatIsNewAndTooFast(t *testing.T) {
	for text, want := range map[string]Limit{
		"You send too many new messages too fast":     LimitMessageRate,
		"You open too many new connections too fast":  LimitConnectionRate,
		"Too fast, try again in a new session":        LimitMessageRate,
		"Messages of this session come too fast":      LimitMessageRate,
		"New connections are limited, you are paced":  LimitConnectionRate,
		"Limit of new connections exceeded, too fast": LimitConnectionRate,
	} {
		if got := Of(StageMail, &Reply{Code: 421, Enhanced: "4.7.0", Text: text}); got.Limit != want {
			t.Errorf("%s: got %v by %s, want %v", text, got.Limit, got.Rule, want)
		}
	}
}

// TestAnswersBehindAddressRejected: what Postfix puts in front of the answer of a policy
// service changes nothing for the limit that the answer names.
func TestAnswersBehindAddressRejected(t *testing.T) {
	for text, want := range map[string]Limit{
		"Message count limit exceeded":         LimitQuota,
		"User message count limit exceeded":    LimitMessageRate,
		"Mailbox message count limit exceeded": LimitMessageRate,
	} {
		for _, before := range []string{"", "Address rejected: ", "<ann@example.com>: Recipient address rejected: "} {
			if got := Of(StageRcpt, &Reply{Code: 450, Enhanced: "4.7.1", Text: before + text}); got.Limit != want {
				t.Errorf("%s%s: got %v by %s, want %v", before, text, got.Limit, got.Rule, want)
			}
		}
	}
}

// TestWordsOfLimitsThatNameNone: neither who was reached nor what has a limit is a refusal by
// one.
func TestWordsOfLimitsThatNameNone(t *testing.T) {
	for _, text := range []string{"Only these recipients were reached", "Connections of this kind have a limit", "Not at once, only some time after", "The time of this session has its limit"} {
		if got := Of(StageRcpt, &Reply{Code: 450, Text: text}); got.Limit != LimitNone {
			t.Errorf("%s: got %v by %s, want no limit", text, got.Limit, got.Rule)
		}
	}
}

// TestRepliesOfManyWords: the words that begin a text name its limit, however many of the
// lexicon follow.
func TestRepliesOfManyWords(t *testing.T) {
	for _, n := range []int{maxMarks - 3, maxMarks - 2, maxMarks - 1, maxMarks, 2 * maxMarks} {
		text := "Too many connections." + strings.Repeat(" Relay", n)
		if got := Of(StageBanner, &Reply{Code: 421, Text: text}); got.Limit != LimitConnections {
			t.Errorf("%d words more: got %v by %s, want connections", n, got.Limit, got.Rule)
		}
	}
}
