package classify

import (
	"fmt"
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

// TestBareCodes reads codes behind which the text says nothing.
func TestBareCodes(t *testing.T) {
	anyStage := map[int]Class{
		421: ClassServerBusy, 451: ClassServerBusy, 454: ClassServerBusy, 452: ClassInsufficientStorage,
		455: ClassProtocol, 500: ClassProtocol, 501: ClassProtocol, 502: ClassProtocol, 503: ClassProtocol, 504: ClassProtocol, 555: ClassProtocol,
		521: ClassBadDomain, 556: ClassBadDomain, 530: ClassSMTPAuth, 534: ClassSMTPAuth, 535: ClassSMTPAuth, 538: ClassTLS,
	}
	tls, auth := map[int]Class{503: ClassProtocol}, map[int]Class{503: ClassProtocol}
	for code := 500; code < 600; code++ {
		if c, ok := anyStage[code]; !ok || c == ClassProtocol && code != 503 {
			tls[code], auth[code] = ClassTLS, ClassSMTPAuth
		}
	}
	for _, code := range []int{420, 430, 431, 450, 451, 454} {
		tls[code] = ClassTLS
	}
	for _, code := range []int{430, 431, 432, 435, 450, 451, 454} {
		auth[code] = ClassSMTPAuth
	}
	large := map[int]Class{552: ClassMessageTooLarge}
	for stage, own := range map[Stage]map[int]Class{ // what a code means at that stage alone
		StageBanner:   {554: ClassIPReputation},
		StageEHLO:     {554: ClassIPReputation},
		StageStartTLS: tls,
		StageAuth:     auth,
		StageMail:     large,
		StageRcpt:     {550: ClassBadMailbox, 551: ClassBadMailbox, 553: ClassBadMailbox, 552: ClassMailboxFull},
		StageData:     large,
		StageBody:     large,
		StageDot:      {552: ClassMessageTooLarge, 554: ClassContentRejected},
	} {
		refusedEarly := stage == StageBanner || stage == StageEHLO || stage == StageMail
		for code := 400; code < 600; code++ {
			want, ok := own[code]
			if !ok {
				want, ok = anyStage[code]
			}
			if !ok {
				want = ClassUnknown
				if refusedEarly && code >= 500 {
					want = ClassPolicy
				}
			}
			if got := Of(stage, &Reply{Code: code, Text: "no"}); got.Class != want {
				t.Errorf("%d at %v: %v by %s, want %v", code, stage, got.Class, got.Rule, want)
			}
		}
	}
}

// TestLoginsByTheirEnhancedCodes: behind a code that may refuse a message, an enhanced code of
// the login is not about ours.
func TestLoginsByTheirEnhancedCodes(t *testing.T) {
	for code := 400; code < 600; code++ {
		want := code < 500 || code == 530 || code == 534 || code == 535 || code == 538
		r := &Reply{Code: code, Enhanced: fmt.Sprintf("%d.7.9", code/100), Text: "no"}
		if got := Of(StageMail, r); (got.Rule == "enhanced-login") != want || want && (got.Class != ClassSMTPAuth || got.Recipient != RecipientLater) {
			t.Errorf("%v: %v, %v by %s", r, got.Class, got.Recipient, got.Rule)
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
