package classify

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// place returns the place of the rule that decides about a refusal, -1 for none.
func (t *table) place(in Input, r *Reply) int {
	var s scan
	rule := t.decide(in, r, fold(nil, r.Text), &s)
	return slices.IndexFunc(t.rules, func(c compiled) bool { return c.Rule == rule })
}

// manyReplies returns refusals of every kind: the labelled ones, those of other
// wordings, and the examples of all rules.
func manyReplies(t testing.TB) []*Reply {
	t.Helper()
	wordings, err := os.ReadFile("testdata/wordings.txt")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for line := range strings.Lines(string(wordings)) {
		if field := strings.SplitN(strings.TrimSpace(line), " ", 3); len(field) == 3 && field[0] != "#" {
			texts = append(texts, field[2])
		}
	}
	for _, r := range builtIn() {
		texts = append(append(texts, r.Matches...), r.Rejects...)
	}
	for i := range 30 {
		texts = append(texts, fmt.Sprintf("450 4.7.1 refusal of kind %04d, try again in %d minutes", i, i), fmt.Sprintf("550 user, kind%d is too much of kind %04d", i, i))
	}
	for _, r := range labelled() {
		texts = append(texts, r.text)
	}
	var replies []*Reply
	for _, text := range texts {
		if reply, err := parseRefusal(text); err == nil {
			replies = append(replies, reply)
		}
	}
	return replies
}

// TestGivenRulesAreApartFromTheBuiltIn judges refusals of every kind at every
// stage by a classifier, whose built-in rules are shared by the whole process,
// and by one table in which all the rules stand, made for this test.
func TestGivenRulesAreApartFromTheBuiltIn(t *testing.T) {
	replies := manyReplies(t)
	for _, n := range []int{0, 30} {
		given := givenRules(n)
		c, err := New(given...)
		if err != nil {
			t.Fatal(err)
		}
		fresh := &Classifier{given: newTable(compileAll(slices.Concat(given, builtIn())), lexicon...)}
		for _, r := range replies {
			var names names
			if foldNames(nil, r.Text, &names); names.n > 0 {
				continue // of which the built-in rules do not read the names, and others do
			}
			for in := (Input{}); in.Stage <= StageUnknown; in.Stage++ {
				if got, want := c.Of(in, r), fresh.Of(in, r); got != want {
					t.Fatalf("%d rules given: %v at %v:\ngot  %+v\nwant %+v", n, r, in.Stage, got, want)
				}
			}
		}
	}
	if len(replies) < 400 {
		t.Errorf("only %d replies", len(replies))
	}
}

// TestRuleAloneFitsAsItsTable compares the two ways to ask a single rule.
func TestRuleAloneFitsAsItsTable(t *testing.T) {
	replies := manyReplies(t)
	for _, rule := range slices.Concat(givenRules(20), builtIn()) {
		var words []word
		if rule.says != nil {
			words = lexicon
		}
		alone := newTable(compileAll([]Rule{rule}), words...)
		for i, r := range replies {
			in := Input{Stage: Stage(i) % (StageUnknown + 1)}
			if got, want := alone.rules[0].fits(in, r), alone.place(in, r) == 0; got != want {
				t.Errorf("%s: %v at %v: alone %v, in a table %v", rule.Name, r, in.Stage, got, want)
			}
		}
	}
}

// TestTextsWithGapsWhereTheirEndRecurs: the end of a text with gaps may stand in front of
// its beginning any number of times, more often than places are kept.
func TestTextsWithGapsWhereTheirEndRecurs(t *testing.T) {
	c, err := New(Rule{
		Name: "gaps", Class: ClassPolicy, Contains: []string{"alpha*beta*gamma", "ключ*gamma"},
		Matches: []string{"550 alpha beta gamma"}, Rejects: []string{"550 gamma"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []int{0, 1, maxClosings - 1, maxClosings, maxClosings + 1, 2 * maxClosings} {
		gammas := strings.Repeat("gamma ", before)
		for text, want := range map[string]bool{
			gammas + "alpha beta gamma": true, gammas + "alpha " + gammas + "beta gamma": true, gammas + "Ключ gamma": true, "ключ " + gammas + "gamma": true,
			gammas + "alpha beta": false, gammas + "beta alpha gamma": false, gammas + "Ключ": false, gammas + "gamma ключ": false, gammas: false,
		} {
			if got := c.Of(Input{Stage: StageRcpt}, &Reply{Code: 550, Text: text}).Rule == "gaps"; got != want {
				t.Errorf("%d ends in front: %.60q fits: %v, want %v", before, text, got, want)
			}
		}
	}
}

// TestTextsWithGapsKeepOnePlace: of each last fragment the latest place is kept, so that
// none of the rules searches a text that only repeats it.
func TestTextsWithGapsKeepOnePlace(t *testing.T) {
	c, err := New(Rule{
		Name: "gaps", Class: ClassPolicy, Contains: []string{"alpha*gamma"},
		Matches: []string{"550 alpha gamma"}, Rejects: []string{"550 gamma"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := NewReply(550, strings.Repeat("gamma ", 4*maxClosings))
	var s scan
	c.given.decide(Input{Stage: StageRcpt}, r, fold(nil, r.Text), &s)
	if s.closed != 1 {
		t.Errorf("%d closings are kept, want 1", s.closed)
	}
}

// TestTextsBeyondASCIIHaveTheWordsOfOthers: one letter beyond ASCII changes nothing for
// the words in ASCII.
func TestTextsBeyondASCIIHaveTheWordsOfOthers(t *testing.T) {
	for _, text := range []string{"too many connections", "mailbox is full", "user unknown", "try again later", "daily limit of 20 messages exceeded", "please wait 5 minutes"} {
		plain, other := &Reply{Code: 450, Text: text}, &Reply{Code: 450, Text: text + " ツ"}
		if want, got := Of(StageMail, plain), Of(StageMail, other); got != want {
			t.Errorf("%q: got %+v, want %+v", other.Text, got, want)
		}
	}
}

// TestWordsBeyondASCIIAtTheEnd are read at any distance from the beginning.
func TestWordsBeyondASCIIAtTheEnd(t *testing.T) {
	for n := range 16 {
		text := strings.Repeat("x", n) + " denied: ip地址"
		if got := Of(StageRcpt, NewReply(550, text)); got.Rule != "says-address-blocked" {
			t.Errorf("%q: got %v by %s, want the rule of both words", text, got.Class, got.Rule)
		}
	}
}

// TestDistancesInWideTexts double.
func TestDistancesInWideTexts(t *testing.T) {
	for between, want := range map[int]bool{1: true, 2 * nearby / 3: true, 2*nearby/3 + 1: false, 4 * nearby / 3: false} {
		text := "转发" + strings.Repeat("云", between) + "拒绝"
		if got := Of(StageRcpt, NewReply(550, text)); (got.Rule == "says-relay-denied") != want {
			t.Errorf("%d characters between two words: decided by %s", between, got.Rule)
		}
	}
}

// TestSubjectsOfRules has a rule asked for enhanced codes of its subjects alone.
func TestSubjectsOfRules(t *testing.T) {
	for _, tt := range []struct {
		enhanced []string
		want     []int // numbers of subjects; -1 is no enhanced code, 9 a subject that RFC 3463 lacks
	}{
		{nil, []int{-1, 0, 1, 2, 3, 4, 5, 6, 7, 9}},
		{[]string{"x.0.1"}, []int{0}},
		{[]string{"5.7.1"}, []int{7}},
		{[]string{"x.1.1", "x.2.x"}, []int{1, 2}},
		{[]string{"4.x.x"}, []int{0, 1, 2, 3, 4, 5, 6, 7, 9}},
	} {
		r := given("subjects", func(r *Rule) { r.Enhanced = tt.enhanced })
		c := compileAll([]Rule{r})[0]
		var got []int
		for _, subject := range []int{-1, 0, 1, 2, 3, 4, 5, 6, 7, 9} {
			code := enhanced{4, int16(subject), 1}
			if subject < 0 {
				code = enhanced{}
			}
			if c.isForSubject(subjectOf(code)) {
				got = append(got, subject)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: asked for subjects %v, want %v", tt.enhanced, got, tt.want)
		}
	}
}

// TestRulesThatEveryTextAsks are those that no word of their texts suggests.
func TestRulesThatEveryTextAsks(t *testing.T) {
	table := newTable(compileAll([]Rule{
		{Contains: []string{"moon"}}, {Contains: []string{"moon", "sun*full"}}, {Pattern: "moon|sun"}, {Pattern: "^4"}, {Codes: []int{450}}, {Pattern: "moon.*full"},
	}))
	for i, want := range []bool{false, false, false, true, true, false} {
		if got := table.always.has(i); got != want {
			t.Errorf("rule %d is asked whatever the text says: %v", i, got)
		}
	}
	if len(table.gaps) != 1 || table.gaps[0].rule != 1 {
		t.Errorf("texts with gaps: %v, want the one of rule 1", table.gaps)
	}
}

// TestManyNames hides as many names of hosts in a text as are noted.
func TestManyNames(t *testing.T) {
	for n := 1; n < 12; n++ {
		text := strings.Repeat("mx.example.com ", n)
		for _, text := range []string{text, strings.TrimSpace(text), text + "x"} {
			var all names
			folded := foldNames(nil, text, &all)
			all.hide(folded)
			if got, want := strings.Count(string(folded), "example"), max(n-len(all.spans), 0); got != want {
				t.Errorf("of %d names %d are to be read in %q, want %d", n, got, folded, want)
			}
		}
	}
}
