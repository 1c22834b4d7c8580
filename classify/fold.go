package classify

import (
	"unicode"
	"unicode/utf8"
)

// fold appends to dst the text as fragments see it, see [Rule.Contains]: words
// in lower case, one blank between them and at both ends, nothing else but the
// marks that stand within a word. It stops before dst is longer than maxText.
func fold(dst []byte, text string) []byte {
	dst = append(dst, ' ')
	for i := 0; i < len(text) && len(dst) < maxText; {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			dst = foldRune(dst, r)
			i += size
			continue
		}
		i++
		switch kind := kinds[c]; {
		case kind == 0: // a mark
			if dst[len(dst)-1] != ' ' && !joins(text, i-1) {
				dst = append(dst, ' ')
			}
		case kind == within:
			if isWithin(text, i-1) {
				dst = append(dst, c)
			} else if dst[len(dst)-1] != ' ' {
				dst = append(dst, ' ')
			}
		case kind != nothing:
			dst = append(dst, kind)
		}
	}
	if dst[len(dst)-1] != ' ' {
		dst = append(dst, ' ')
	}
	return dst
}

// foldRune appends what is not ASCII: letters and digits, and nothing for the
// apostrophe of typographers.
func foldRune(dst []byte, r rune) []byte {
	switch {
	case r == '’':
	case isWord(r):
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
	case dst[len(dst)-1] != ' ':
		dst = append(dst, ' ')
	}
	return dst
}

// foldFragment folds a part of a text: a blank at either end is an edge of a
// word, and what is not a blank may stand within one.
func foldFragment(fragment string) []byte {
	const other = "x" // whatever stands before and behind
	folded := fold(make([]byte, 0, len(fragment)+len("  ")+2*len(other)), other+fragment+other)
	return folded[len(" "+other) : len(folded)-len(other+" ")]
}

// What kinds says of a byte: its lower case, 0 for a mark that counts as a
// blank, or one of these.
const (
	nothing = 1 // an apostrophe: "doesn't" is one word
	within  = 2 // a mark that counts within a word, as in 4.7.0, 12:30 and ip/domain
)

var kinds = func() (k [utf8.RuneSelf]byte) {
	for c := range k {
		switch b := byte(c); {
		case b >= 'A' && b <= 'Z':
			k[c] = b | ' '
		case isWord(rune(b)):
			k[c] = b
		case b == '\'':
			k[c] = nothing
		case b == '.' || b == ':' || b == '/':
			k[c] = within
		}
	}
	return k
}()

// isWithin reports whether letters or digits stand on both sides of text[i].
func isWithin(text string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	behind, _ := utf8.DecodeRuneInString(text[i+1:])
	return isWord(before) && isWord(behind)
}

// joins reports whether text[i] is the dash of an e-mail, which many write
// without.
func joins(text string, i int) bool {
	return text[i] == '-' && i > 0 && text[i-1]|' ' == 'e' && i+4 < len(text) &&
		text[i+1]|' ' == 'm' && text[i+2]|' ' == 'a' && text[i+3]|' ' == 'i' && text[i+4]|' ' == 'l'
}

func isWord(c rune) bool { return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c)) }
