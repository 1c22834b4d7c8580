package classify

import (
	"bytes"
	"regexp"
	"slices"
)

// compiled is a rule with its conditions in the form in which they are tested.
type compiled struct {
	*Rule
	enhanced []enhanced
	texts    []gapped // the texts of Contains
	pattern  *regexp.Regexp
	words    []string // the literals of the pattern, see literalsOf
	size     int      // the length of all fragments and words, in bytes
}

func compileAll(rules []Rule) []compiled {
	all := make([]compiled, len(rules))
	for i := range rules {
		all[i], _ = compile(&rules[i])
	}
	return all
}

// compile compiles a rule and returns the error of its pattern.
func compile(r *Rule) (c compiled, err error) {
	c.Rule = r
	for _, code := range r.Enhanced {
		e, _ := parseEnhanced(code)
		c.enhanced = append(c.enhanced, e)
	}
	c.foldTexts()
	if r.Pattern == "" {
		return c, nil
	}
	c.pattern, err = compilePattern(r.Pattern)
	c.words = literalsOf(r.Pattern)
	for _, word := range c.words {
		c.size += len(word)
	}
	return c, err
}

// foldTexts folds the fragments of Contains.
func (c *compiled) foldTexts() {
	for _, text := range c.Contains {
		g := foldFragments(text)
		for _, fragment := range g {
			c.size += len(fragment)
		}
		c.texts = append(c.texts, g)
	}
}

func (c *compiled) isForEnhanced(code enhanced) bool {
	return len(c.enhanced) == 0 || slices.ContainsFunc(c.enhanced, func(pattern enhanced) bool { return pattern.fits(code) })
}

// subjects is the number of kinds of enhanced codes: none, those of the eight subjects
// of RFC 3463, and those of another subject.
const subjects = 10

// subjectOf returns the kind of an enhanced code.
func subjectOf(code enhanced) int {
	if code == (enhanced{}) {
		return 0
	}
	return min(int(code[1])+1, subjects-1)
}

// isForSubject reports whether a code of a kind may fit.
func (c *compiled) isForSubject(subject int) bool {
	for _, pattern := range c.enhanced {
		if subject > 0 && (pattern[1] == anyNumber || subjectOf(pattern) == subject) {
			return true
		}
	}
	return len(c.enhanced) == 0
}

// verify tests the conditions that no fragment proves.
func (c *compiled) verify(reply *Reply, folded []byte, s *scan) bool {
	if c.says != nil {
		return s.says(c.says, folded)
	}
	if len(c.texts) == 0 && c.pattern == nil {
		return true
	}
	return c.pattern != nil && c.pattern.MatchString(reply.Error())
}

// fits reports whether the rule alone would decide about a refusal, as a table of
// one rule would.
func (c *compiled) fits(in Input, reply *Reply) bool {
	enhanced, _ := parseEnhanced(reply.Enhanced)
	if !c.isForStage(in.Stage) || !c.isForCode(reply.Code) || !c.isForProvider(in.Provider) || !c.isForEnhanced(enhanced) {
		return false
	}
	folded := fold(nil, reply.Text)
	if c.says != nil {
		var s scan
		standard().decide(in, reply, folded, &s)
		return s.says(c.says, folded)
	}
	for _, g := range c.texts {
		if g.in(folded) {
			return true
		}
	}
	has := func(word string) bool { return bytes.Contains(folded, []byte(word)) }
	if len(c.words) > 0 && !slices.ContainsFunc(c.words, has) {
		return false
	}
	return len(c.texts) == 0 && c.verify(reply, folded, nil)
}

// gapped is a list of fragments that stand in a text in this order, with anything
// between them.
type gapped [][]byte

func (g gapped) in(folded []byte) bool {
	for _, fragment := range g {
		i := bytes.Index(folded, fragment)
		if i < 0 {
			return false
		}
		folded = folded[i+len(fragment):]
	}
	return true
}
