package classify

import (
	"bytes"
	"regexp"
	"slices"
	"sync"
)

// table is a list of compiled rules. The rules for each stage and for each code are
// bit sets, so that a verdict costs one pass over its text and a few words of bits,
// whatever the number of rules.
type table struct {
	rules  []compiled
	texts  *automaton
	always bitset // the rules to ask whatever the text says

	stages [StageUnknown + 1]bitset      // the rules for each stage
	codes  [maxCode - minCode + 1]bitset // the rules for each code
}

// The codes of refusals.
const (
	minCode = 400
	maxCode = 599
)

// standard returns the table of the built-in rules, which is made at the first
// call in a process.
var standard = sync.OnceValue(func() *table { return newTable(compileAll(builtIn()), lexicon...) })

// newTable makes a table of rules in the order in which they are asked, and of the
// words that built-in rules know by their sense.
func newTable(rules []compiled, words ...word) *table {
	t := &table{rules: rules}
	n := wordsFor(len(rules))
	room := make(bitset, n*(1+len(t.stages)+len(t.codes)))
	cut := func() (set bitset) {
		set, room = room[:n:n], room[n:]
		return set
	}
	t.always = cut()
	for i := range t.stages {
		t.stages[i] = cut()
	}
	for i := range t.codes {
		t.codes[i] = cut()
	}
	size := 0
	for i := range rules {
		size += rules[i].size
	}
	b := newBuilder(size + 16*len(askingWords))
	for _, word := range askingWords {
		b.add([]byte(" "+word+" "), hit{kind: asks})
	}
	for _, w := range words {
		for _, text := range w.texts {
			b.add(foldFragment(text), hit{rule: uint16(w.sense), kind: means})
		}
	}
	for i := range rules {
		t.add(i, b)
	}
	t.texts = b.build()
	return t
}

// add adds the rule at place i to the sets, and its fragments to b.
func (t *table) add(i int, b *builder) {
	r := &t.rules[i]
	for stage := range t.stages {
		if r.isForStage(Stage(stage)) {
			t.stages[stage].add(i)
		}
	}
	for _, codes := range r.codeRanges() {
		for code := codes[0]; code <= codes[1]; code++ {
			t.codes[code-minCode].add(i)
		}
	}
	for _, g := range r.texts {
		kind := proves
		if len(g) > 1 {
			kind = suggests
		}
		b.add(g[len(g)-1], hit{rule: uint16(i), kind: kind})
	}
	for _, word := range r.words {
		b.add([]byte(word), hit{rule: uint16(i), kind: suggests})
	}
	if len(r.texts) == 0 && len(r.words) == 0 {
		t.always.add(i)
	}
}

// decide returns the first rule that fits a refusal, nil if none does, and leaves
// in s what its folded text says.
func (t *table) decide(in Input, reply *Reply, folded []byte, s *scan) *Rule {
	s.reset(t)
	s.run(t.texts, folded)
	if i := t.search(in, reply, folded, s); i >= 0 {
		return t.rules[i].Rule
	}
	return nil
}

// search returns the place of the first rule that fits, -1 if none does. The
// reply is a refusal, and folded its text, over which s has passed.
func (t *table) search(in Input, reply *Reply, folded []byte, s *scan) int {
	stage, code := t.stages[in.Stage], t.codes[reply.Code-minCode]
	enhanced, _ := parseEnhanced(reply.Enhanced) // no rule knows the class of a malformed one
	proven, suggested := s.found()
	for w := range stage {
		word := (proven[w] | suggested[w] | t.always[w]) & stage[w] & code[w]
		for ; word != 0; word &= word - 1 {
			i := w*64 + first(word)
			r := &t.rules[i]
			if r.isForProvider(in.Provider) && r.isForEnhanced(enhanced) && (proven.has(i) || r.verify(reply, folded, s)) {
				return i
			}
		}
	}
	return -1
}

// compiled is a rule with its conditions in the form in which they are tested.
type compiled struct {
	*Rule
	enhanced []enhanced
	texts    []gapped // the texts of Contains
	gaps     bool     // whether one of the texts has more than one fragment
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
	c.texts = make([]gapped, 0, len(c.Contains))
	for _, text := range c.Contains {
		g := foldFragments(text)
		for _, fragment := range g {
			c.size += len(fragment)
		}
		c.texts = append(c.texts, g)
		c.gaps = c.gaps || len(g) > 1
	}
}

func (c *compiled) isForEnhanced(code enhanced) bool {
	for _, pattern := range c.enhanced {
		if pattern.fits(code) {
			return true
		}
	}
	return len(c.enhanced) == 0
}

// verify tests the conditions that a single fragment cannot prove.
func (c *compiled) verify(reply *Reply, folded []byte, s *scan) bool {
	if c.says != nil {
		return s.says(c.says, folded)
	}
	if len(c.texts) == 0 && c.pattern == nil {
		return true
	}
	if c.gaps {
		for _, g := range c.texts {
			if len(g) > 1 && g.in(folded) {
				return true
			}
		}
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
