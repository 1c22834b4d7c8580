package classify

import (
	"slices"
	"strings"
	"testing"
)

// TestEveryPatternFires finds patterns that can never decide: those that an
// earlier rule shadows, and those that another pattern of their rule contains.
func TestEveryPatternFires(t *testing.T) {
	for i, r := range rules {
		for _, p := range r.texts {
			text := strings.Join(p, " - ")
			if got := ruleFor(i, text); got != i {
				t.Errorf("rule %d (%v): %q is taken by rule %d (%v)", i, r.class, text, got, rules[got].class)
			}
			for _, other := range r.texts {
				if other.in(fold(text)) && strings.Join(other, "*") != strings.Join(p, "*") {
					t.Errorf("rule %d (%v): %q contains %q", i, r.class, p, other)
				}
			}
		}
	}
}

// TestEveryRuleFires does the same for the rules that look at codes only.
func TestEveryRuleFires(t *testing.T) {
	for i, r := range rules {
		if len(r.texts) > 0 {
			continue
		}
		if got := ruleFor(i, ""); got != i {
			t.Errorf("rule %d (%v) is shadowed by rule %d (%v)", i, r.class, got, rules[got].class)
		}
	}
}

// ruleFor looks for circumstances in which rule i takes the text, and returns i
// or the last rule that took it instead.
func ruleFor(i int, text string) (found int) {
	enhanced := ""
	if r := rules[i]; r.enhanced != "" {
		enhanced = "4" + r.enhanced
		if strings.HasSuffix(enhanced, ".") {
			enhanced += "99"
		}
	}
	for stage := StageConnect; stage <= StageQuit; stage++ {
		for _, code := range []int{rules[i].code, 459, 559} {
			reply := &Reply{Code: code, Enhanced: enhanced}
			if code < 400 || !rules[i].fits(stage, reply, fold(text)) {
				continue
			}
			found = slices.IndexFunc(rules, func(r rule) bool { return r.fits(stage, reply, fold(text)) })
			if found == i {
				return i
			}
		}
	}
	return found
}

func TestPatternsAreFolded(t *testing.T) {
	for _, r := range rules {
		for _, p := range r.texts {
			for _, fragment := range p {
				if fragment == "" || fragment != strings.ToLower(fragment) {
					t.Errorf("%v: %q can never match a folded text as it is meant", r.class, fragment)
				}
			}
		}
	}
}

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"too many*connections", "Too many open CONNECTIONS", true},
		{"too many*connections", "connections: too many", false},
		{" spf", "SPF failed", true},
		{" spf", "xspf", false},
		{"rbl ", "on an RBL", true},
		{"one\ntwo", "one\ntwo", false},
		{"one two", "one\ntwo", true},
	}
	for _, tt := range tests {
		if got := says(tt.pattern)[0].in(fold(tt.text)); got != tt.want {
			t.Errorf("%q in %q = %v, want %v", tt.pattern, tt.text, got, tt.want)
		}
	}
}

func TestTheLastRuleFitsEverything(t *testing.T) {
	last := rules[len(rules)-1]
	for s := StageConnect; s <= StageQuit; s++ {
		if !last.fits(s, &Reply{Code: 599}, "") {
			t.Errorf("the last rule does not fit at %v", s)
		}
	}
}
