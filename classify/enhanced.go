package classify

import "strings"

// enhanced is an enhanced status code (RFC 3463), or a pattern of some: class,
// subject and detail, where anyNumber fits all. The zero value is no code, and
// no pattern that is valid fits it.
type enhanced [3]int16

const anyNumber = -1

// parseEnhanced reads "4.7.1", or "x.7.x" for a pattern.
func parseEnhanced(s string) (enhanced, bool) {
	var e enhanced
	for i := range e {
		part, rest, dot := strings.Cut(s, ".")
		if dot != (i < len(e)-1) {
			return enhanced{}, false
		}
		switch {
		case part == "x" || part == "X":
			e[i] = anyNumber
		case shortNumber(part):
			for _, digit := range []byte(part) {
				e[i] = e[i]*10 + int16(digit-'0')
			}
		default:
			return enhanced{}, false
		}
		s = rest
	}
	if e[0] != anyNumber && e[0] != 2 && e[0] != 4 && e[0] != 5 {
		return enhanced{}, false
	}
	return e, true
}

// fits reports whether the pattern e fits the code.
func (e enhanced) fits(code enhanced) bool {
	for i, want := range e {
		if want != anyNumber && want != code[i] {
			return false
		}
	}
	return code != enhanced{}
}
