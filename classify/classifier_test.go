package classify

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// given returns a rule that is right, to be made wrong.
func given(name string, change func(*Rule)) Rule {
	r := Rule{
		Name: name, Class: ClassRateLimited, Contains: []string{"moon is full"},
		Matches: []string{"550 the moon is full"}, Rejects: []string{"550 new moon"},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestGivenRulesGoFirst(t *testing.T) {
	user := given("user", func(r *Rule) { r.Class, r.Limit = ClassRateLimited, LimitQuota })
	acme := given("acme", func(r *Rule) { r.Provider, r.Class = "acme", ClassGreylisted })
	other := given("other", func(r *Rule) { r.Provider, r.Class = "other", ClassMailboxFull })
	tests := []struct {
		name     string
		rules    []Rule
		provider string
		want     string
	}{
		{"the user's before a provider's", []Rule{user, acme}, "acme", "user"},
		{"in the order given", []Rule{acme, user}, "acme", "acme"},
		{"of the provider only", []Rule{acme, other}, "other", "other"},
		{"of no provider", []Rule{acme, other}, "", "text-mailbox-full"},
		{"built in", nil, "acme", "text-mailbox-full"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := New(tt.rules...)
			if err != nil {
				t.Fatal(err)
			}
			v := c.Of(Input{Stage: StageRcpt, Provider: tt.provider}, NewReply(550, "5.2.2 the moon is full, so is the mailbox: mailbox full"))
			if v.Rule != tt.want {
				t.Errorf("decided by %s, want %s", v.Rule, tt.want)
			}
		})
	}
}

func TestRuleGivesTheVerdict(t *testing.T) {
	tests := []struct {
		name  string
		rule  Rule
		reply string
		want  Verdict
	}{
		{"the limit of its class", given("r", nil), "550 the moon is full",
			Verdict{Class: ClassRateLimited, Limit: LimitMessageRate, Scope: ScopeSource}},
		{"a limit of its own", given("r", func(r *Rule) { r.Limit = LimitQuota }), "550 the moon is full",
			Verdict{Class: ClassRateLimited, Limit: LimitQuota, Scope: ScopeSource}},
		{"a refusal", given("r", func(r *Rule) { r.Class = ClassBadMailbox }), "550 the moon is full",
			Verdict{Class: ClassBadMailbox, Recipient: RecipientRefused, Scope: ScopeRecipient}},
		{"a 5yz that means later", given("r", func(r *Rule) { r.Class, r.Later = ClassBadMailbox, true }), "550 the moon is full",
			Verdict{Class: ClassBadMailbox, Scope: ScopeRecipient}},
		{"a 4yz that stays one", given("r", func(r *Rule) { r.Class = ClassBadMailbox }), "450 the moon is full",
			Verdict{Class: ClassBadMailbox, Scope: ScopeRecipient}},
		{"a scope of its own", given("r", func(r *Rule) { r.Class, r.Scope = ClassPolicy, ScopeDestination }), "550 the moon is full",
			Verdict{Class: ClassPolicy, Recipient: RecipientRefused, Scope: ScopeDestination}},
		{"a delay of its own", given("r", func(r *Rule) { r.RetryAfter = time.Hour }), "550 the moon is full",
			Verdict{Class: ClassRateLimited, Limit: LimitMessageRate, Scope: ScopeSource, RetryAfter: time.Hour}},
		{"the delay of the text", given("r", func(r *Rule) { r.RetryAfter = time.Hour }), "550 the moon is full, try again in 10 minutes",
			Verdict{Class: ClassRateLimited, Limit: LimitMessageRate, Scope: ScopeSource, RetryAfter: 10 * time.Minute}},
		{"a pattern over the codes", given("r", func(r *Rule) { r.Contains, r.Pattern = nil, `^550 .*\bfull$` }), "550 the moon is full",
			Verdict{Class: ClassRateLimited, Limit: LimitMessageRate, Scope: ScopeSource}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := New(tt.rule)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := ParseReply(tt.reply)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Rule = "r"
			if got := c.Of(Input{Stage: StageRcpt}, reply); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestNewTellsAllMistakes(t *testing.T) {
	tests := []struct {
		name  string
		rules []Rule
		want  []string
	}{
		{"no name", []Rule{given("", nil)}, []string{"kebab-case"}},
		{"an upper-case name", []Rule{given("Moon", nil)}, []string{"kebab-case"}},
		{"a name twice", []Rule{given("moon", nil), given("moon", nil)}, []string{"given twice"}},
		{"a reserved name", []Rule{given("text-moon", nil)}, []string{`"text-"`}},
		{"a stage", []Rule{given("moon", func(r *Rule) { r.Stages = []Stage{99} })}, []string{"the stages"}},
		{"a code", []Rule{given("moon", func(r *Rule) { r.Codes = []int{4, 250} })}, []string{"not 250"}},
		{"an enhanced code", []Rule{given("moon", func(r *Rule) { r.Enhanced = []string{"4.7", "2.1.0", "x.x.x"} })}, []string{`not "4.7"`, `not "2.1.0"`}},
		{"an empty fragment", []Rule{given("moon", func(r *Rule) { r.Contains = []string{"moon**full"} })}, []string{"must have a letter"}},
		{"a long fragment", []Rule{given("moon", func(r *Rule) { r.Contains = []string{strings.Repeat("moon", 100)} })}, []string{"400 bytes"}},
		{"a pattern", []Rule{given("moon", func(r *Rule) { r.Contains, r.Pattern = nil, "(" })}, []string{"the pattern"}},
		{"both", []Rule{given("moon", func(r *Rule) { r.Pattern = "moon" })}, []string{"not both"}},
		{"no class", []Rule{given("moon", func(r *Rule) { r.Class = ClassUnknown })}, []string{"the class"}},
		{"a wrong class", []Rule{given("moon", func(r *Rule) { r.Class = 99 })}, []string{"the class"}},
		{"a wrong limit and scope", []Rule{given("moon", func(r *Rule) { r.Limit, r.Scope = 99, 99 })}, []string{"the limit", "the scope"}},
		{"a short delay", []Rule{given("moon", func(r *Rule) { r.RetryAfter = time.Millisecond })}, []string{"RetryAfter"}},
		{"no examples", []Rule{given("moon", func(r *Rule) { r.Matches, r.Rejects = nil, nil })}, []string{"Matches and Rejects"}},
		{"an example that does not match", []Rule{given("moon", func(r *Rule) { r.Matches = []string{"550 sun"} })}, []string{"Matches"}},
		{"an example that does", []Rule{given("moon", func(r *Rule) { r.Rejects = []string{"550 the moon is full"} })}, []string{"Rejects"}},
		{"no reply for an example", []Rule{given("moon", func(r *Rule) { r.Rejects = []string{"full moon"} })}, []string{"no reply code"}},
		{"no refusal for an example", []Rule{given("moon", func(r *Rule) { r.Rejects = []string{"250 ok"} })}, []string{"must be a refusal"}},
		{"a provider in blanks", []Rule{given("moon", func(r *Rule) { r.Provider = " acme" })}, []string{"blanks"}},
		{"a rule in the shadow", []Rule{given("sun", func(r *Rule) { r.Contains = []string{"moon"}; r.Rejects = []string{"550 sun"} }), given("moon", nil)}, []string{`rule "sun"`}},
		{"several rules", []Rule{given("Sun", nil), given("Moon", nil)}, []string{`"Sun"`, `"Moon"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.rules...)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nhas no %q", err, want)
				}
			}
		})
	}
}

// TestNewCopiesItsRules changes them afterwards.
func TestNewCopiesItsRules(t *testing.T) {
	rules := []Rule{given("moon", func(r *Rule) { r.Codes, r.Stages = []int{550}, []Stage{StageRcpt} })}
	c, err := New(rules...)
	if err != nil {
		t.Fatal(err)
	}
	rules[0].Name, rules[0].Codes[0], rules[0].Stages[0], rules[0].Contains[0] = "sun", 450, StageMail, "sun"
	if v := c.Of(Input{Stage: StageRcpt}, NewReply(550, "the moon is full")); v.Rule != "moon" {
		t.Errorf("decided by %q", v.Rule)
	}
}

// TestManyRules has more than fit into the room of a scan.
func TestManyRules(t *testing.T) {
	for _, n := range []int{64 * setWords, 64*setWords + 1} {
		c := withRules(t, n)
		for _, i := range []int{1, 63, 64, n - 1} {
			v := c.Of(Input{Stage: StageMail}, NewReply(450, fmt.Sprintf("refusal of kind %04d", i)))
			if want := fmt.Sprintf("given-%d", i); v.Rule != want {
				t.Errorf("of %d decided by %s, want %s", n, v.Rule, want)
			}
		}
	}
}

func TestStagesAndUnknownStage(t *testing.T) {
	c, err := New(
		given("mail", func(r *Rule) { r.Stages = []Stage{StageMail} }),
		given("rcpt", func(r *Rule) { r.Stages = []Stage{StageRcpt, StageUnknown} }),
	)
	if err != nil {
		t.Fatal(err)
	}
	for stage, want := range map[Stage]string{StageMail: "mail", StageRcpt: "rcpt", StageUnknown: "rcpt", StageDot: "neither"} {
		v := c.Of(Input{Stage: stage}, NewReply(550, "the moon is full"))
		if v.Rule != "mail" && v.Rule != "rcpt" {
			v.Rule = "neither"
		}
		if v.Rule != want {
			t.Errorf("at %v: decided by %q, want %q", stage, v.Rule, want)
		}
	}
}

func TestClassifierIsSafeForConcurrentUse(t *testing.T) {
	c := withRules(t, 20)
	want := c.Of(Input{Stage: StageRcpt}, NewReply(451, "4.7.1 kind10 was too much, wait 5 minutes"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if got := c.Of(Input{Stage: StageRcpt}, NewReply(451, "4.7.1 kind10 was too much, wait 5 minutes")); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
			}
		})
	}
	wg.Wait()
}

// TestVerdictAllocatesNothing is for replies of every length.
func TestVerdictAllocatesNothing(t *testing.T) {
	c := withRules(t, 1000)
	for _, text := range []string{"", "5.1.1 user unknown", "please wait 5 minutes", strings.Repeat("Größe ", maxText)} {
		reply := NewReply(550, text)
		if n := testing.AllocsPerRun(10, func() { c.Of(Input{Stage: StageRcpt}, reply) }); n > 0 {
			t.Errorf("%.20q: %v allocations", text, n)
		}
	}
}

// FuzzClassifier has rules of every kind in front of the built-in ones.
func FuzzClassifier(f *testing.F) {
	c := withRules(f, 30)
	f.Add(uint8(StageMail), 451, "4.7.1 kind10 was too much", "acme", 3)
	f.Add(uint8(StageUnknown), 550, "5.x.1 e-mail’s.:/ Ⱥ\n\x00", "", -1)
	f.Fuzz(func(t *testing.T, stage uint8, code int, text, provider string, ordinal int) {
		in := Input{Stage: Stage(stage), Provider: provider, Ordinal: ordinal}
		for _, r := range []*Reply{NewReply(code, text), {Code: code, Enhanced: text, Text: text}} {
			v := c.Of(in, r)
			checkVerdict(t, in.Stage, code, v)
			if again := c.Of(in, r); again != v {
				t.Errorf("%+v, then %+v", v, again)
			}
		}
	})
}
