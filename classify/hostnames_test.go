package classify

import (
	"fmt"
	"strings"
	"testing"
)

// The words of a name decide nothing; those of a list that is called as a witness
// do.
func TestNamesDecideNothing(t *testing.T) {
	for reply, want := range map[string]Class{
		"550 5.1.1 <too.many.connections@quota.example.com>: User unknown":           ClassBadMailbox,
		"450 4.3.0 spam.limit.example.com: temporary failure":                        ClassServerBusy,
		"421 4.3.2 blocked-spammer.example.net Server busy":                          ClassServerBusy,
		"452 4.2.2 <greylist@virus.example>: mailbox is full":                        ClassMailboxFull,
		"450 4.7.1 <rate-limit.example.com[192.0.2.9]>: Client host rejected: later": ClassIPReputation,
		"554 5.7.1 Refused, see https://www.spamhaus.org/query/ip/192.0.2.9":         ClassIPReputation,
		"554 5.7.1 192.0.2.9 found by zen.spamhaus.org":                              ClassIPReputation,
		"550 No such user: quota@":                                                   ClassBadMailbox,
		"550 @example.com: no such user":                                             ClassBadMailbox,
		"550 No such user: quota@x":                                                  ClassBadMailbox,
		"550 Mailbox not found.See our page":                                         ClassBadMailbox,
	} {
		r, err := ParseReply(reply)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(StageRcpt, r); v.Class != want || v.Limit != LimitNone {
			t.Errorf("%q: %v, limit %v by %s, want %v", reply, v.Class, v.Limit, v.Rule, want)
		}
	}
}

// A rule that is given sees the names.
func TestGivenRulesSeeNames(t *testing.T) {
	c, err := New(Rule{
		Name: "ours", Class: ClassPolicy, Contains: []string{"quota.example.com"},
		Matches: []string{"450 quota.example.com says no"}, Rejects: []string{"450 no"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if v := c.Of(Input{Stage: StageRcpt}, NewReply(450, "mx.quota.example.com says no")); v.Rule != "ours" {
		t.Errorf("decided by %q, want the rule that was given", v.Rule)
	}
}

// TestWordsInFrontOfAWitness: a word that calls the name behind it as a witness, with any
// blanks between them, and nothing else.
func TestWordsInFrontOfAWitness(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, " ": false, "using": true, "blocked using": true, "blocked using ": true, "blocked using  ": true,
		"using host": false, "blocked host ": false, "listed  by ": true, "standby": false,
	} {
		if got := isSource([]byte(text)); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// TestLettersOfNamesMakeNoTextWide: the letters of a name beyond ASCII double no distance
// between the words of a text, also where given rules have read the name.
func TestLettersOfNamesMakeNoTextWide(t *testing.T) {
	given, err := New(given("moon", nil))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReply(550, "<"+strings.Repeat("и", 40)+"@example.com> relay of a letter that comes from far away refused")
	want := Of(StageRcpt, r)
	if got := given.Of(Input{Stage: StageRcpt}, r); got != want || got.Class == ClassRelayDenied {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestMarksInAddresses: an address may have any of these marks, before which a word is as
// little a reason as behind them.
func TestMarksInAddresses(t *testing.T) {
	for _, mark := range "_%+=-&~#!?^{}|" {
		for _, text := range []string{"<spam%cann@example.com> no", "<ann%cspam@example.com> no"} {
			r := NewReply(450, fmt.Sprintf(text, mark))
			if got := Of(StageRcpt, r); got.Class == ClassSpamContent {
				t.Errorf("%q: %v by %s", r.Text, got.Class, got.Rule)
			}
		}
	}
}

// TestAddressesWithoutADot are names as well, however short their parts are.
func TestAddressesWithoutADot(t *testing.T) {
	for _, text := range []string{"no <spam@x> here", "no spam@x", "a@spam says no"} {
		if got := Of(StageRcpt, NewReply(450, text)); got.Class == ClassSpamContent {
			t.Errorf("%q: %v by %s", text, got.Class, got.Rule)
		}
	}
}
