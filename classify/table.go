package classify

import (
	"slices"
	"sync"
)

// table is a list of compiled rules. The rules for each stage and for each code are
// bit sets, so that a verdict costs one pass over its text and a few words of bits,
// whatever the number of rules.
type table struct {
	rules  []compiled
	texts  *automaton        // of the fragments in ASCII, for the texts that are in ASCII
	all    func() *automaton // of all fragments, which is made for the first other text
	gaps   []gap             // the texts of more than one fragment
	always bitset            // the rules to ask whatever the text says

	stages   [StageUnknown + 1]bitset      // the rules for each stage
	codes    [maxCode - minCode + 1]bitset // the rules for each code
	subjects [subjects]bitset              // the rules for each subject of an enhanced code
	meanings [senseCount]bitset            // the rules that a word of each sense suggests
}

// gap is a text of more than one fragment, and the place of its rule.
type gap struct {
	rule int
	text gapped
}

// The codes of refusals.
const (
	minCode = 400
	maxCode = 599
)

// standard returns the table of the built-in rules, which is made at the first
// call in a process.
var standard = sync.OnceValue(func() *table { return newTable(compileAll(builtIn()), lexicon...) })

// newTable returns a table of rules in the order of asking, and of the words that
// built-in rules know by their sense.
func newTable(rules []compiled, words ...word) *table {
	t := &table{rules: rules}
	n := wordsFor(len(rules))
	room := make(bitset, n*(1+len(t.stages)+len(t.codes)+len(t.subjects)+len(t.meanings)))
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
	for i := range t.subjects {
		t.subjects[i] = cut()
	}
	for i := range t.meanings {
		t.meanings[i] = cut()
	}
	for i := range rules {
		t.sort(i)
	}
	t.texts = t.automaton(words, true)
	t.all = sync.OnceValue(func() *automaton { return t.automaton(words, false) })
	return t
}

// automaton makes the automaton of the table's fragments, or of those in ASCII alone.
func (t *table) automaton(words []word, narrow bool) *automaton {
	size := 0
	for i := range t.rules {
		size += t.rules[i].size
	}
	b := newBuilder(size + 16*len(askingWords))
	b.narrow = narrow
	for _, word := range askingWords {
		b.add([]byte(" "+word+" "), hit{kind: asks})
	}
	for _, w := range words {
		for _, text := range w.texts {
			b.add(foldFragment(text), hit{place: uint32(w.sense), kind: means})
		}
	}
	for i := range t.rules {
		t.add(i, b)
	}
	for i, g := range t.gaps {
		b.add(g.text[len(g.text)-1], hit{place: uint32(i), kind: closes})
	}
	return b.build()
}

// sort puts the rule at place i into the sets, and its texts with gaps into their list.
func (t *table) sort(i int) {
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
	for subject := range t.subjects {
		if r.isForSubject(subject) {
			t.subjects[subject].add(i)
		}
	}
	for _, g := range r.texts {
		if len(g) > 1 {
			t.gaps = append(t.gaps, gap{i, g})
		}
	}
	switch {
	case len(r.texts) > 0 || len(r.words) > 0:
	case r.says == nil || r.says.any.has(setOf(senseClient)): // addresses are words of this sense, and in no automaton
		t.always.add(i)
	default:
		t.mean(i, r.says.needed())
	}
}

// mean puts the rule at place i among those that words of some senses suggest.
func (t *table) mean(i int, set senses) {
	for ; set != 0; set &= set - 1 {
		t.meanings[first(uint64(set))].add(i)
	}
}

// add adds the fragments of the rule at place i that have no gaps to a builder.
func (t *table) add(i int, b *builder) {
	for _, g := range t.rules[i].texts {
		if len(g) == 1 {
			b.add(g[0], hit{place: uint32(i), kind: proves})
		}
	}
	for _, word := range t.rules[i].words {
		b.add([]byte(word), hit{place: uint32(i), kind: suggests})
	}
}

// decide returns the first rule that fits a refusal, nil if none does, and leaves
// in s what its folded text says.
func (t *table) decide(in Input, reply *Reply, folded []byte, s *scan) *Rule {
	s.reset(t)
	s.pass(t, folded)
	if i := t.search(in, reply, folded, s); i >= 0 {
		return t.rules[i].Rule
	}
	return nil
}

// pass passes over the text, and finds out which of the texts with gaps fit.
func (s *scan) pass(t *table, folded []byte) {
	s.wide = 0
	a := t.texts
	if beyond := countBeyond(folded); beyond > 0 {
		a = t.all()
		if 4*beyond > len(folded) {
			s.wide = 1
		}
	}
	s.run(a, folded)
	_, suggested := s.found()
	for set := s.senses; set != 0; set &= set - 1 {
		for w, rules := range t.meanings[first(uint64(set))] {
			suggested[w] |= rules
		}
	}
	for _, c := range s.closings[:min(s.closed, maxClosings)] {
		suggested.add(t.gaps[c.text].rule)
	}
	if s.closed > maxClosings {
		for _, g := range t.gaps {
			suggested.add(g.rule)
		}
	}
}

// search returns the place of the first rule that fits, -1 if none does. The
// reply is a refusal, and folded its text, over which s has passed.
func (t *table) search(in Input, reply *Reply, folded []byte, s *scan) int {
	stage, code := t.stages[in.Stage], t.codes[reply.Code-minCode]
	enhanced, _ := parseEnhanced(reply.Enhanced) // no rule knows the class of a malformed one
	subject := t.subjects[subjectOf(enhanced)]
	proven, suggested := s.found()
	for w := range stage {
		word := (proven[w] | suggested[w] | t.always[w]) & stage[w] & code[w] & subject[w]
		for ; word != 0; word &= word - 1 {
			i := w*64 + first(word)
			r := &t.rules[i]
			if r.isForProvider(in.Provider) && r.isForEnhanced(enhanced) && (proven.has(i) || r.verify(reply, folded, s) || t.closes(i, folded, s)) {
				return i
			}
		}
	}
	return -1
}

// closes reports whether one of the rule's texts with gaps fits.
func (t *table) closes(i int, folded []byte, s *scan) bool {
	if s.closed > maxClosings {
		return slices.ContainsFunc(t.rules[i].texts, func(g gapped) bool { return g.in(folded) })
	}
	for _, c := range s.closings[:s.closed] {
		if g := &t.gaps[c.text]; g.rule == i && g.text[:len(g.text)-1].in(folded[:c.from]) {
			return true
		}
	}
	return false
}
