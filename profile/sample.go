package profile

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// exampleOf makes up a reply that the pattern fits, as every rule needs one.
// There is none for a pattern that fits every reply or asks for what no reply
// has.
func exampleOf(re *regexp.Regexp) (reply string, ok bool) {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return "", false
	}
	sample := strings.TrimSpace(sampleOf(tree.Simplify()))
	for _, code := range []string{"", "421 ", "421 4.7.0 ", "550 5.7.1 "} {
		r, err := classify.ParseReply(code + sample)
		if err == nil && r.Code >= 400 && fits(re, r) {
			bad, _ := classify.ParseReply(rejected)
			return code + sample, !fits(re, bad)
		}
	}
	return "", false
}

func fits(re *regexp.Regexp, r *classify.Reply) bool { return re.MatchString(r.Error()) }

// sampleOf returns a short text that the expression fits, mostly: what stands
// around a position is not looked at.
func sampleOf(e *syntax.Regexp) string {
	switch e.Op {
	case syntax.OpLiteral:
		return string(e.Rune)
	case syntax.OpCharClass:
		return string(pick(e.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "x"
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range e.Sub {
			b.WriteString(sampleOf(sub))
		}
		return b.String()
	case syntax.OpCapture, syntax.OpPlus, syntax.OpAlternate:
		return sampleOf(e.Sub[0])
	case syntax.OpRepeat:
		return strings.Repeat(sampleOf(e.Sub[0]), e.Min)
	}
	return "" // what may be left out, and positions
}

// pick returns a printable character of a class, given as pairs of bounds.
func pick(class []rune) rune {
	for _, c := range "0ax -.:/[(" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= c && c <= class[i+1] {
				return c
			}
		}
	}
	if len(class) == 0 {
		return 'x'
	}
	return class[0]
}
