package classify

import (
	"bytes"
	"regexp"
	"sync"
)

// table is a list of rules made ready: what can be known before a reply comes is
// in sets of places, so that a verdict costs one pass over its text and a few
// words of bits, whatever the number of rules.
type table struct {
	rules  []prepared
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

// prepared is a rule with its conditions compiled.
type prepared struct {
	*Rule
	enhanced []enhanced
	gapped   []gapped
	pattern  *regexp.Regexp
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

// standard is the table of the built-in rules.
var standard = sync.OnceValue(func() *table { return newTable(builtIn()) })

// newTable makes a table of rules that are valid.
func newTable(rules []Rule) *table {
	t := &table{rules: make([]prepared, len(rules)), always: newBitset(len(rules))}
	for i := range t.stages {
		t.stages[i] = newBitset(len(rules))
	}
	for i := range t.codes {
		t.codes[i] = newBitset(len(rules))
	}
	b := newBuilder()
	for _, word := range askingWords {
		b.add(" "+word+" ", hit{kind: asks})
	}
	for i := range rules {
		t.rules[i] = t.prepare(b, i, &rules[i])
	}
	t.texts = b.build()
	return t
}

// prepare compiles the rule at place i.
func (t *table) prepare(b *builder, i int, r *Rule) prepared {
	p := prepared{Rule: r}
	for stage := range t.stages {
		if r.isForStage(Stage(stage)) {
			t.stages[stage].add(i)
		}
	}
	for code := range t.codes {
		if r.isForCode(code + minCode) {
			t.codes[code].add(i)
		}
	}
	for _, code := range r.Enhanced {
		e, _ := parseEnhanced(code)
		p.enhanced = append(p.enhanced, e)
	}
	for _, text := range r.Contains {
		fragments := foldFragments(text)
		kind := proves
		if len(fragments) > 1 {
			p.gapped = append(p.gapped, fragments)
			kind = suggests
		}
		b.add(string(fragments[len(fragments)-1]), hit{rule: uint16(i), kind: kind})
	}
	if r.Pattern != "" {
		p.pattern, _ = compilePattern(r.Pattern)
	}
	words := literalsOf(r.Pattern)
	for _, word := range words {
		b.add(word, hit{rule: uint16(i), kind: suggests})
	}
	if len(r.Contains) == 0 && len(words) == 0 {
		t.always.add(i)
	}
	return p
}

// search returns the place of the first rule that fits, -1 if none does. The
// reply is a refusal, and folded its text, which s has passed over.
func (t *table) search(in Input, reply *Reply, folded []byte, s *scan) int {
	stage, code := t.stages[in.Stage], t.codes[reply.Code-minCode]
	enhanced, _ := parseEnhanced(reply.Enhanced) // of what is not well-formed, no rule knows the class
	for w := range stage {
		word := (s.proven[w] | s.suggested[w] | t.always[w]) & stage[w] & code[w]
		for ; word != 0; word &= word - 1 {
			i := w*64 + first(word)
			p := &t.rules[i]
			if p.isForProvider(in.Provider) && p.isForEnhanced(enhanced) && (s.proven.has(i) || p.verify(reply, folded)) {
				return i
			}
		}
	}
	return -1
}

func (p *prepared) isForEnhanced(code enhanced) bool {
	for _, pattern := range p.enhanced {
		if pattern.fits(code) {
			return true
		}
	}
	return len(p.enhanced) == 0
}

// verify looks into the text for what no single fragment can prove.
func (p *prepared) verify(reply *Reply, folded []byte) bool {
	if len(p.Contains) == 0 && p.pattern == nil {
		return true
	}
	for _, g := range p.gapped {
		if g.in(folded) {
			return true
		}
	}
	return p.pattern != nil && p.pattern.MatchString(reply.Error())
}
