package classify

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fold appends the text to dst in the form in which fragments are compared (see
// [Rule.Contains]): words in lower case, without accents, with the marks within
// them, one blank between words and at both ends. It stops when dst has about
// maxText bytes.
func fold(dst []byte, text string) []byte { return foldNames(dst, text, nil) }

// foldNames folds the text and notes where the names of hosts and addresses stand,
// unless names is nil.
func foldNames(dst []byte, text string, names *names) []byte {
	dst = append(dst, ' ')
	for i := 0; i < len(text) && len(dst) < maxText; {
		c := text[i]
		kind := kinds[c]
		i++
		switch {
		case kind > beyond: // the usual case
			dst = append(dst, kind)
		case kind == beyond:
			r, size := utf8.DecodeRuneInString(text[i-1:])
			dst = foldRune(dst, r)
			i += size - 1
		case c == ',' && groupsDigits(text, i-1): // one number
		case c == ',' && isDecimal(text, i-1):
			dst = append(dst, '.')
		case c == '/' && isPer(text, i-1):
			dst = append(dst, " per "...)
		case kind == 0: // a mark
			if dst[len(dst)-1] != ' ' && !joins(text, i-1) {
				dst = append(dst, ' ')
			}
			switch {
			case names == nil:
			case c == ' ' && !names.at && !names.dotted: // the usual case
				names.word = len(dst)
			default:
				names.mark(dst, text, i-1)
			}
		case kind == within:
			if isWithin(text, i-1) {
				dst = append(dst, c)
				if c == '.' && names != nil {
					names.dotted = true
				}
			} else if dst[len(dst)-1] != ' ' {
				dst = append(dst, ' ')
			}
		}
	}
	if dst[len(dst)-1] != ' ' {
		dst = append(dst, ' ')
	}
	if names != nil {
		names.end(dst)
	}
	return dst
}

// foldRune appends a character beyond ASCII: a letter or digit in lower case and
// without its accent, nothing for a typographic apostrophe, else a blank.
func foldRune(dst []byte, r rune) []byte {
	switch {
	case r == '’':
	case r == 'ß':
		dst = append(dst, "ss"...)
	case r >= firstAccented && r <= lastAccented && plain[r-firstAccented] != ' ':
		dst = append(dst, plain[r-firstAccented])
	case isWord(r):
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
	case dst[len(dst)-1] != ' ':
		dst = append(dst, ' ')
	}
	return dst
}

// The range of Unicode that holds the accented letters of Latin scripts.
const (
	firstAccented = 'À'
	lastAccented  = 'ſ'
)

// plain is the letter without its accent for each character of the range, a blank
// for those that are no accented letter.
const plain = "aaaaaaaceeeeiiiidnooooo ouuuuy  aaaaaaaceeeeiiiidnooooo ouuuuy y" +
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii  jjkk llllll " +
	" llnnnnnn   oooooooorrrrrrsssssssstttt  uuuuuuuuuuuuwwyyyzzzzzzs"

// foldFragment folds a fragment. A blank at either end is the edge of a word, and
// other ends may lie within a word.
func foldFragment(fragment string) []byte {
	const other = "x" // whatever stands before and behind
	folded := fold(make([]byte, 0, len(fragment)+len("  ")+2*len(other)), other+fragment+other)
	return folded[len(" "+other) : len(folded)-len(other+" ")]
}

// The values of kinds besides the lower case of a letter or digit, and 0 for a mark
// that counts as a blank.
const (
	nothing = 1 // an apostrophe: "doesn't" is one word
	within  = 2 // a mark that counts within a word, as in 4.7.0, 12:30 and ip/domain
	beyond  = 3 // no ASCII
)

var kinds = func() (k [256]byte) {
	for c := range k {
		switch b := byte(c); {
		case b >= utf8.RuneSelf:
			k[c] = beyond
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

// groupsDigits reports whether text[i] is a comma that groups the digits of a number:
// 12,345. Addresses and versions in a list are no groups.
func groupsDigits(text string, i int) bool {
	const most = 3
	first, end := digitsAround(text, i)
	switch {
	case first == i, i-first > most, end-i-1 != most:
		return false
	case first > 0 && (text[first-1] == '.' || isWord(rune(text[first-1]))):
		return false
	}
	return end+1 >= len(text) || text[end] != '.' || !isDigit(text[end+1])
}

// digitsAround returns the offset of the first of the digits right before text[i], and
// that behind the last of those right after it.
func digitsAround(text string, i int) (first, end int) {
	for first = i; first > 0 && isDigit(text[first-1]); first-- {
	}
	for end = i + 1; end < len(text) && isDigit(text[end]); end++ {
	}
	return first, end
}

// isDecimal reports whether text[i] is a decimal comma: 1,5 or 0,25.
func isDecimal(text string, i int) bool {
	const most = 2
	first, end := digitsAround(text, i)
	if first == i || end == i+1 || end-i-1 > most {
		return false
	}
	return (first == 0 || text[first-1] == ' ' || text[first-1] == '(') && (end == len(text) || text[end] != '.' && text[end] != ',')
}

// isPer reports whether text[i] is the slash between a word and a unit of time:
// "messages/day", "mails/30s". Within the address of a page it is none.
func isPer(text string, i int) bool {
	const least, longest = 3, 10
	first := i
	for first > 0 && isLetter(text[first-1]) {
		first--
	}
	if i-first < least || first > 0 && text[first-1] != ' ' && text[first-1] != '(' {
		return false
	}
	digits := i + 1
	for digits < len(text) && isDigit(text[digits]) {
		digits++
	}
	end := digits
	for end < len(text) && isLetter(text[end]) {
		end++
	}
	if end == digits || end-i > longest || end < len(text) && (text[end] == '/' || text[end] == '-' || text[end] == '@' || isDigit(text[end]) || isWithin(text, end) && text[end] == '.') {
		return false
	}
	return unitOf(strings.ToLower(text[digits:end])) > 0
}

func isLetter(c byte) bool { return c|' ' >= 'a' && c|' ' <= 'z' }

// joins reports whether text[i], which is not the first byte, is the hyphen of "e-mail": many
// omit it.
func joins(text string, i int) bool {
	return text[i] == '-' && text[i-1]|' ' == 'e' && i+4 < len(text) &&
		text[i+1]|' ' == 'm' && text[i+2]|' ' == 'a' && text[i+3]|' ' == 'i' && text[i+4]|' ' == 'l'
}

// isASCII reports whether a text has no byte beyond ASCII.
func isASCII(text []byte) bool { return countBeyond(text) == 0 }

// countBeyond returns the number of bytes beyond ASCII.
func countBeyond(text []byte) (n int) {
	for ; len(text) >= 8; text = text[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(text) & 0x8080808080808080)
	}
	for _, c := range text {
		n += int(c >> 7)
	}
	return n
}

func isWord(c rune) bool { return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c)) }
