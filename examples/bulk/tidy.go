package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isInvisible reports whether a character has no width and no meaning in a name
// or an address: zero-width spaces, marks of writing direction, soft hyphens,
// byte order marks. Characters that emoji and some scripts need are not among them;
// see isUnseen.
func isInvisible(r rune) bool { return unicode.Is(unicode.Cf, r) && !isUnseen(r) }

// isUnseen reports whether r shows nothing by itself and changes others or fills a place:
// a joiner, a variation selector, a filler, a tag of a flag.
func isUnseen(r rune) bool {
	return r == 0x200c || r == 0x200d || r >= 0xe0020 && r <= 0xe007f ||
		unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// isDirection reports whether r is a mark or an embedding of writing direction.
func isDirection(r rune) bool {
	return r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// isRightToLeft reports whether r is a letter that is written from right to left.
func isRightToLeft(r rune) bool {
	return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
}

// tidyValue removes the space around a value, and the invisible characters that
// it does not need. found names the first that was removed; 0 is none.
func tidyValue(s string) (tidy string, found rune) {
	if isASCII(s) || !utf8.ValidString(s) {
		return strings.TrimSpace(s), 0
	}
	keep := strings.ContainsFunc(s, isRightToLeft)
	tidy = strings.Map(func(r rune) rune {
		if isInvisible(r) && !(keep && isDirection(r)) {
			if found == 0 {
				found = r
			}
			return -1
		}
		return r
	}, s)
	return strings.TrimFunc(tidy, unicode.IsSpace), found
}

// tidyAddress gives the address of an entry: without the space, the quotes, the
// separators and the invisible characters around and in it, without a display name,
// its brackets, or "mailto:".
func tidyAddress(s string) (address string, found rune) {
	s, found = tidyValue(s)
	s = unquoted(strings.TrimRight(s, " \t,;"))
	if strings.HasSuffix(s, ">") {
		if at := strings.LastIndexByte(s, '<'); at >= 0 && !namesAnother(s[:at]) {
			s = unquoted(strings.TrimSpace(s[at+1 : len(s)-1]))
		}
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s, _, _ = strings.Cut(s[7:], "?")
	}
	if strings.Contains(s, "@") {
		s = strings.TrimSuffix(s, ".") // of the root, or of a sentence
	}
	if isASCII(s) || !utf8.ValidString(s) {
		return s, found
	}
	ascii := isASCII(strings.Map(visible, s))
	address = strings.Map(func(r rune) rune {
		if isInvisible(r) || ascii && isUnseen(r) {
			if found == 0 {
				found = r
			}
			return -1
		}
		return r
	}, s)
	return address, found
}

// quotes are the pairs that programs and people put around an address.
var quotes = []struct{ opening, closing string }{{`"`, `"`}, {"'", "'"}, {"“", "”"}, {"„", "“"}, {"‘", "’"}, {"«", "»"}}

// unquoted gives an address without the quotes around all of it.
func unquoted(s string) string {
	for _, q := range quotes {
		inner, opened := strings.CutPrefix(s, q.opening)
		inner, closed := strings.CutSuffix(inner, q.closing)
		if opened && closed && strings.Contains(inner, "@") {
			return strings.TrimSpace(inner)
		}
	}
	return s
}

var quotedWords = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// namesAnother reports whether there is a further address in the text before one in
// brackets: who takes the last for the only one loses a recipient.
func namesAnother(before string) bool {
	before = quotedWords.ReplaceAllString(before, "")
	return strings.Contains(before, "@") && strings.ContainsAny(before, "<>,;")
}

// visible drops the characters that nobody sees.
func visible(r rune) rune {
	if isInvisible(r) || isUnseen(r) {
		return -1
	}
	return r
}

// foldName gives a name of a column as names are compared: in lower case,
// without invisible characters, with one space between words.
func foldName(s string) string {
	return strings.ToLower(strings.Join(strings.Fields(strings.Map(visible, s)), " "))
}

// runeNames are the common names of characters that lists have by accident.
var runeNames = map[rune]string{
	0x00ad: "soft hyphen", 0x200b: "zero-width space", 0x200c: "zero-width non-joiner", 0x200d: "zero-width joiner",
	0x2060: "word joiner", 0xfeff: "byte order mark", 0x200e: "left-to-right mark", 0x200f: "right-to-left mark",
}

// runeName names a character for a message, with its article.
func runeName(r rune) string {
	name := "a " + runeNames[r]
	switch {
	case runeNames[r] == "" && isDirection(r):
		name = "a mark of writing direction"
	case runeNames[r] == "":
		name = "an invisible character"
	}
	return fmt.Sprintf("%s (%U)", name, r)
}
