package classify

import "strings"

// mostStated is the greatest number of recipients that is taken for a limit. A
// larger one limits no message.
const mostStated = 100_000

// stated returns the number of recipients to which a folded text limits a message,
// 0 for none. It reads "limit of 100", "exceeds 50", "only one recipient" and
// "at most 20 recipients per message".
//
// A number counts right after a word that limits, with nothing but small words
// between, else right before a word for recipients: "120 recipients, the limit is
// 100" limits to 100. It never counts before a unit of time.
func stated(folded []byte) int {
	words := strings.Fields(string(folded))
	beside, limits, counts := 0, false, false
	for i, word := range words {
		n, next := numberOf(word), ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch {
		case isLimiting(word):
			limits, counts = true, false
		case n > 0 && unitOf(next) == 0 && limits:
			return n
		case n > 0 && beside == 0 && !counts && isRecipients(next):
			beside = n
		case hasCount(word):
			limits, counts = false, true
		case !isRecipients(word) && !joinsNumber(word):
			limits, counts = false, false
		}
	}
	return beside
}

// numberOf returns the number that a word is, or begins with in front of a slash;
// 0 for none.
func numberOf(word string) int {
	switch word {
	case "one", "single":
		return 1
	case "a", "an":
		return 0
	}
	digits, _, _ := strings.Cut(word, "/")
	number, unit := splitNumber([]byte(digits))
	if len(unit) > 0 || number > mostStated {
		return 0
	}
	return int(number)
}

func isLimiting(word string) bool {
	switch word {
	case "limit", "limits", "limited", "maximum", "max", "most", "only", "exceed", "exceeds", "exceeded", "exceeding", "than",
		"allowed", "allows", "over", "up":
		return true
	}
	return false
}

// isRecipients reports whether a word names recipients.
func isRecipients(word string) bool {
	for _, stem := range []string{"recip", "rcpt", "address", "destinat", "empfaenger", "empfänger"} {
		if strings.HasPrefix(word, stem) {
			return true
		}
	}
	return false
}

// hasCount reports whether the number that follows a word is the message's own.
func hasCount(word string) bool {
	switch word {
	case "has", "have", "had", "contains", "with", "sent", "got", "received":
		return true
	}
	return false
}

// joinsNumber reports whether a word may stand between a word that limits and its
// number.
func joinsNumber(word string) bool {
	switch word {
	case "of", "is", "are", "to", "the", "at", "set", "number", "count", "per", "message", "mail", "email", "envelope", "transaction",
		"by", "for", "this", "value", "reached", "currently":
		return true
	}
	return false
}
