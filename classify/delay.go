package classify

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The delays that are believed. A server that asks for more than a day is
// asked again after a day.
const (
	minDelay = time.Second
	maxDelay = 24 * time.Hour
)

// delayHint finds the delay that a folded text asks for, as in "try again in 5
// minutes", "please wait 300 seconds", "retry after 90s" or "come back in
// 00:05:00". It returns 0 when there is none.
//
// A number counts only right after a word that asks to wait, with nothing but
// small words between: "100 messages in 10 minutes" is a rate, not a request.
func delayHint(text string) time.Duration {
	asked := false // a word that asks to wait came last, small words apart
	previous := ""
	for word := range strings.FieldsFuncSeq(text, isSeparator) {
		word = strings.Trim(word, ":")
		switch {
		case asksToWait(word):
			asked = true
		case !asked || isSmallWord(word):
		case strings.Count(word, ":") == 2 && (previous == "in" || previous == "for"): // "at 14:05:00" is no delay
			return clockDelay(word)
		default:
			number, unit := splitNumber(word)
			if unit != "" && number == 0 {
				number, _ = splitNumber(previous)
			}
			if delay := boundDelay(number, unitOf(unit)); delay > 0 {
				return delay
			}
			asked = number > 0 && unit == ""
		}
		previous = word
	}
	return 0
}

// isSeparator keeps colons, for times such as 00:05:00.
func isSeparator(c rune) bool {
	return c != ':' && !unicode.IsLetter(c) && !unicode.IsDigit(c)
}

func asksToWait(word string) bool {
	switch word {
	case "again", "retry", "wait", "back", "later", "resend", "reconnect", "delay", "delayed",
		"deferred", "greylisted", "graylisted", "greylisting", "graylisting":
		return true
	}
	return false
}

func isSmallWord(word string) bool {
	switch word {
	case "in", "for", "after", "at", "least", "about", "approximately", "another", "please", "action":
		return true
	}
	return false
}

// splitNumber takes a word apart that begins with a number: "300" or "90s".
// "a", "an" and "one" are 1.
func splitNumber(word string) (number int64, unit string) {
	switch word {
	case "a", "an", "one":
		return 1, ""
	}
	unit = strings.TrimLeft(word, "0123456789")
	digits := word[:len(word)-len(unit)]
	if len(digits) > 9 { // out of any bounds, and of an int32
		return 0, ""
	}
	number, _ = strconv.ParseInt(digits, 10, 64) // no digits: 0
	return number, unit
}

func unitOf(word string) time.Duration {
	switch word {
	case "s", "sec", "secs", "second", "seconds":
		return time.Second
	case "m", "min", "mins", "minute", "minutes":
		return time.Minute
	case "h", "hr", "hrs", "hour", "hours":
		return time.Hour
	case "d", "day", "days":
		return 24 * time.Hour
	}
	return 0
}

// clockDelay reads a delay in hours, minutes and seconds, as milter-greylist
// writes it.
func clockDelay(word string) time.Duration {
	var seconds int64
	for part := range strings.SplitSeq(word, ":") {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return 0
		}
		seconds = seconds*60 + int64(n)
	}
	return boundDelay(seconds, time.Second)
}

// boundDelay multiplies without overflow. A delay under a second is none.
func boundDelay(n int64, unit time.Duration) time.Duration {
	if unit <= 0 || n <= 0 {
		return 0
	}
	if n >= int64(maxDelay/unit) {
		return maxDelay
	}
	return max(time.Duration(n)*unit, minDelay)
}
