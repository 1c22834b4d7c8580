package classify

import (
	"slices"
	"strings"
	"testing"
)

// withoutSource returns the built-in rules without the texts that no other source
// of the corpus supports: those that stand in replies of the source and in no reply
// of another.
func withoutSource(rows []row, source string) []Rule {
	rules := slices.Clone(builtIn())
	for i, r := range rules {
		if len(r.Contains) == 0 {
			continue
		}
		rules[i].Contains = slices.DeleteFunc(slices.Clone(r.Contains), func(text string) bool {
			return isOnlyIn(rows, source, foldFragments(text))
		})
		if len(rules[i].Contains) == 0 {
			rules[i].Contains = []string{"nothing says so"}
		}
	}
	return rules
}

// wordsWithoutSource returns the lexicon without the words that no other source
// supports.
func wordsWithoutSource(rows []row, source string) []word {
	words := slices.Clone(lexicon)
	for i, w := range words {
		words[i].texts = slices.DeleteFunc(slices.Clone(w.texts), func(text string) bool {
			return isOnlyIn(rows, source, gapped{foldFragment(text)})
		})
	}
	return words
}

func isOnlyIn(rows []row, source string, text gapped) bool {
	here := false
	for _, r := range rows {
		if !text.in(r.folded) {
			continue
		}
		if r.source != source {
			return false
		}
		here = true
	}
	return here
}

// TestCorpusWithoutItsSource judges the replies of each source by what the others
// support. The figures tell how replies of servers fare that nobody has seen.
func TestCorpusWithoutItsSource(t *testing.T) {
	rows := corpus(t)
	bySource := map[string][]row{}
	var sources []string
	for _, r := range rows {
		if bySource[r.source] == nil {
			sources = append(sources, r.source)
		}
		bySource[r.source] = append(bySource[r.source], r)
	}
	var all score
	perRule := map[string]*[2]int{}
	for _, source := range sources {
		c := &Classifier{base: newTable(compileAll(withoutSource(rows, source)), wordsWithoutSource(rows, source)...), weights: trained(samples(t, rows, source), epochs)}
		var s score
		for _, r := range bySource[source] {
			v := c.Of(Input{Stage: r.stage, Provider: r.provider}, r.reply)
			s.add(r, v)
			class, fate, limit := all.add(r, v)
			if perRule[v.Rule] == nil {
				perRule[v.Rule] = new([2]int)
			}
			perRule[v.Rule][1]++
			if class {
				perRule[v.Rule][0]++
			}
			_ = fate
			_ = limit
			if testing.Verbose() && (!limit || !(class && fate && limit) && half(r) == 0) {
				t.Logf("%s: got %s by %s (class %v, fate %v, limit %v) at %s: %.170s", r.label, v.Class, v.Rule, class, fate, limit, r.stage, r.text)
			}
		}
		if s.all >= 10 {
			t.Logf("%.60s: %v", source, s)
		}
	}
	for name, n := range perRule {
		if n[1]-n[0] > 2 {
			t.Logf("%s %d/%d", name, n[0], n[1])
		}
	}
	t.Logf("%d sources, each left out: %v", len(sources), all)
}

// repository returns the repository or document of a source, without its files.
func repository(source string) string {
	name, _, _ := strings.Cut(source, ":")
	return name
}
