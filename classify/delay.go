package classify

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// The bounds of a delay. A longer one is cut to a day.
const (
	minDelay = time.Second
	maxDelay = 24 * time.Hour
)

var (
	blank = []byte(" ")
	colon = []byte(":")
)

// delayHint returns the delay that a folded text asks for, 0 for none. It reads
// "try again in 5 minutes", "please wait 300 seconds", "retry after 90s" and "come
// back in 00:05:00".
//
// A number counts only right after a word that asks to wait, with nothing but
// small words between: "100 messages in 10 minutes" is a rate, not a request.
func delayHint(folded []byte) time.Duration {
	var asked bool // a word that asks to wait came last, small words apart
	var word, previous []byte
	for len(folded) > 0 {
		word, folded, _ = bytes.Cut(folded, blank)
		switch {
		case asksToWait(string(word)):
			asked = true
		case !asked || isSmallWord(string(word)):
		case bytes.Count(word, colon) == 2 && (string(previous) == "in" || string(previous) == "for"): // "at 14:05:00" is no delay
			return clockDelay(word)
		default:
			number, unit := splitNumber(word)
			if len(unit) > 0 && number == 0 {
				number, _ = splitNumber(previous)
			}
			if delay := boundDelay(number, unitOf(string(unit))); delay > 0 {
				return delay
			}
			asked = number > 0 && len(unit) == 0
		}
		previous = word
	}
	return 0
}

// askingWords are the words that ask to wait. A text without one asks for no
// delay.
var askingWords = []string{
	"again", "retry", "wait", "back", "later", "resend", "reconnect", "delay", "delayed", "deferred", "suspended",
	"blocked", "unblocked", "enabled", "unlocked", "lifted", "attempt", "allowed", "greylisted", "graylisted", "greylisting", "graylisting",
}

// askingFirst has the bit of each letter that such a word begins with.
var askingFirst = func() (set uint32) {
	for _, word := range askingWords {
		set |= 1 << (word[0] - 'a')
	}
	return set
}()

func asksToWait(word string) bool {
	return len(word) > 0 && askingFirst&(1<<(word[0]-'a')) != 0 && slices.Contains(askingWords, word) // what is no letter is shifted out
}

func isSmallWord(word string) bool {
	switch word {
	case "in", "for", "after", "at", "least", "about", "approximately", "another", "please", "action":
		return true
	}
	return false
}

// splitNumber splits a word into the number at its beginning and its unit: "300"
// or "90s". "a", "an" and "one" are 1.
func splitNumber(word []byte) (number int64, unit []byte) {
	switch string(word) {
	case "a", "an", "one":
		return 1, nil
	}
	unit = bytes.TrimLeft(word, "0123456789")
	digits := word[:len(word)-len(unit)]
	switch {
	case len(digits) == 0:
		return 0, unit
	case len(digits) > 9: // above all bounds
		return 0, nil
	}
	number, _ = strconv.ParseInt(string(digits), 10, 64) // only digits
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

// clockDelay reads a delay in hours, minutes and seconds, "00:05:00", the notation
// of milter-greylist.
func clockDelay(word []byte) time.Duration {
	var seconds int64
	for len(word) > 0 {
		var part []byte
		part, word, _ = bytes.Cut(word, colon)
		n, err := strconv.ParseUint(string(part), 10, 16)
		if err != nil {
			return 0
		}
		seconds = seconds*60 + int64(n)
	}
	return boundDelay(seconds, time.Second)
}

// boundDelay returns n units, bounded, without overflow; 0 if n is not positive.
func boundDelay(n int64, unit time.Duration) time.Duration {
	if unit <= 0 || n <= 0 {
		return 0
	}
	if n >= int64(maxDelay/unit) {
		return maxDelay
	}
	return max(time.Duration(n)*unit, minDelay)
}
