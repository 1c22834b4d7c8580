package classify

import (
	"slices"
	"strings"
)

// rule gives the class to the replies that it fits. Whatever is left zero fits
// every reply.
type rule struct {
	stages   stages    // where in the session
	code     int       // the reply code, or its first digit alone
	enhanced string    // subject and detail of the enhanced code, ".7.1", or only the subject, ".7."
	texts    []pattern // one of these is in the text

	class Class
	limit Limit
	later bool // whatever the code, no recipient was judged
}

// fits takes a reply whose text has been folded.
func (r rule) fits(stage Stage, reply *Reply, folded string) bool {
	return (r.stages == 0 || r.stages&at(stage) != 0) &&
		(r.code == 0 || r.code == reply.Code || r.code == reply.Code/100) &&
		(r.enhanced == "" || sameEnhanced(r.enhanced, reply.Enhanced)) &&
		(len(r.texts) == 0 || anyIn(r.texts, folded))
}

// sameEnhanced leaves out the class, the first digit: where it contradicts the
// code, the code is right.
func sameEnhanced(want, got string) bool {
	detail := got[min(len(got), 1):]
	return detail == want || strings.HasSuffix(want, ".") && strings.HasPrefix(detail, want)
}

// find returns the first rule that fits. The last one of the table fits
// everything.
func find(stage Stage, reply *Reply, folded string) *rule {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.fits(stage, reply, folded) })
	return &rules[i]
}

// rules is tried from the top. A text outranks an enhanced code, and that
// outranks a code, because this is the order in which servers bother to be
// exact: one 550 5.7.1 stands for a dozen different things.
var rules = slices.Concat(limitTexts, otherTexts, enhancedCodes, codes)

// pattern is a list of fragments that stand in a text in this order, with
// anything between them.
type pattern []string

// says makes patterns of texts in lower case; an asterisk stands for any gap.
// A blank at an end is the edge of a word, as folded texts begin and end with
// one.
func says(texts ...string) []pattern {
	patterns := make([]pattern, len(texts))
	for i, text := range texts {
		patterns[i] = strings.Split(text, "*")
	}
	return patterns
}

func (p pattern) in(folded string) bool {
	for _, fragment := range p {
		i := strings.Index(folded, fragment)
		if i < 0 {
			return false
		}
		folded = folded[i+len(fragment):]
	}
	return true
}

func anyIn(patterns []pattern, folded string) bool {
	for _, p := range patterns {
		if p.in(folded) {
			return true
		}
	}
	return false
}

// fold prepares a text for patterns: lower case, one line, bounded, a blank at
// both ends.
func fold(text string) string {
	text = text[:min(len(text), maxText)]
	return " " + strings.ToLower(strings.ReplaceAll(text, "\n", " ")) + " "
}

// stages is a set of stages; the zero value means all of them.
type stages uint16

// at makes a set.
func at(list ...Stage) stages {
	var set stages
	for _, s := range list {
		set |= 1 << s
	}
	return set
}
