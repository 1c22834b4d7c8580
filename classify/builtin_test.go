package classify

import (
	"slices"
	"strings"
	"testing"
)

func TestBuiltInRulesAreValid(t *testing.T) {
	names := map[string]bool{}
	for _, r := range builtIn() {
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
		if names[r.Name] || !slices.ContainsFunc(reserved, func(prefix string) bool { return strings.HasPrefix(r.Name, prefix) }) {
			t.Errorf("%s: the name is given twice, or not in the manner of built-in rules", r.Name)
		}
		names[r.Name] = true
	}
}

// TestBuiltInRulesDecideTheirExamples finds rules that another one shadows.
func TestBuiltInRulesDecideTheirExamples(t *testing.T) {
	for i, r := range standard().rules {
		for _, example := range r.Matches {
			reply, err := ParseReply(example)
			if err != nil {
				t.Fatal(err)
			}
			if place := standard().place(r.exampleInput(), reply); place != i {
				t.Errorf("%s: %s takes %q", r.Name, standard().rules[max(place, 0)].Name, example)
			}
		}
	}
}

// TestEveryFragmentFires finds fragments that can never decide: those that an
// earlier rule takes whatever the code, and those that another fragment of their
// rule stands in.
func TestEveryFragmentFires(t *testing.T) {
	for i, r := range standard().rules {
		for _, text := range r.Contains {
			if taker := takerOf(i, wordsOf(text)); taker != i {
				t.Errorf("%s: %q is taken by %s", r.Name, text, standard().rules[taker].Name)
			}
			for _, other := range r.Contains {
				folded := fold(nil, wordsOf(text))
				if other != text && gapped(foldFragments(other)).in(folded) {
					t.Errorf("%s: %q contains %q", r.Name, text, other)
				}
			}
		}
	}
}

// wordsOf makes a text of a fragment, in words as long as its edges allow.
func wordsOf(fragment string) string {
	return "q" + strings.ReplaceAll(fragment, "*", "q 7 q") + "q"
}

// takerOf looks for circumstances in which the rule at place i takes the text,
// and returns i or the last place that took it instead.
func takerOf(i int, text string) (taker int) {
	r := standard().rules[i]
	reply := &Reply{Text: text}
	if len(r.Enhanced) > 0 {
		reply.Enhanced = strings.ReplaceAll(strings.Replace(r.Enhanced[0], "x", "4", 1), "x", "99")
	}
	for stage := StageConnect; stage <= StageUnknown; stage++ {
		for reply.Code = minCode; reply.Code <= maxCode; reply.Code++ {
			if !r.isForStage(stage) || !r.isForCode(reply.Code) {
				continue
			}
			if taker = standard().place(Input{Stage: stage}, reply); taker == i {
				return i
			}
		}
	}
	return taker
}
