package classify

import (
	"maps"
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
// support: without the texts and words that no other has, and with the fallback
// trained on the others. The figures tell how replies fare that nobody has seen; -v
// prints them.
func TestCorpusWithoutItsSource(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains a model for each source")
	}
	rows := corpus(t)
	bySource := map[string][]row{}
	for _, r := range rows {
		bySource[r.source] = append(bySource[r.source], r)
	}
	var all score
	for _, source := range slices.Sorted(maps.Keys(bySource)) {
		c := &Classifier{
			base:    newTable(compileAll(withoutSource(rows, source)), wordsWithoutSource(rows, source)...),
			weights: trained(samples(t, rows, source), epochs),
		}
		var s score
		for _, r := range bySource[source] {
			v := c.Of(Input{Stage: r.stage, Provider: r.provider}, r.reply)
			s.add(r, v)
			all.add(r, v)
		}
		if s.all >= 10 {
			t.Logf("%.60s: %v", source, s)
		}
	}
	t.Logf("%d sources, each left out: %v", len(bySource), all)
	if percent(all.right4, all.all4) < 88 || percent(all.right, all.all) < 87 || percent(all.fates, all.fated) < 98.3 ||
		percent(all.limits, all.named) < 91 || percent(all.false, all.unnamed) > 0.4 {
		t.Error("worse than before")
	}
}

// repository returns the repository or document of a source, without its files.
func repository(source string) string {
	name, _, _ := strings.Cut(source, ":")
	return name
}
