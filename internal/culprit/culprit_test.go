package culprit

import (
	"testing"

	"github.com/smtpace/smtpace/classify"
)

func TestIsSender(t *testing.T) {
	of := func(c classify.Class) classify.Verdict { return classify.Verdict{Class: c} }
	for _, test := range []struct {
		stage classify.Stage
		v     classify.Verdict
		want  bool
	}{
		{classify.StageMail, of(classify.ClassIPReputation), true},
		{classify.StageRcpt, of(classify.ClassRelayDenied), true},
		{classify.StageDot, of(classify.ClassDomainReputation), true},
		{classify.StageDot, of(classify.ClassInsufficientStorage), true},
		{classify.StageBody, of(classify.ClassNetwork), true},
		{classify.StageMail, of(classify.ClassUnknown), true},
		{classify.StageRcpt, of(classify.ClassPolicy), true},
		{classify.StageDot, classify.Verdict{Recipient: classify.RecipientAmbiguous}, true},

		{classify.StageMail, of(classify.ClassSpamContent), true},
		{classify.StageMail, of(classify.ClassMailboxDisabled), true},
		{classify.StageMail, of(classify.ClassMailboxFull), true},
		{classify.StageRcpt, of(classify.ClassUnknown), true},
		{classify.StageData, of(classify.ClassSpamContent), true},
		{classify.StageDot, of(classify.ClassSpamContent), true},
		{classify.StageDot, of(classify.ClassPolicy), true},
		{classify.StageDot, of(classify.ClassUnknown), true},
		{classify.StageDot, classify.Verdict{Class: classify.ClassContentRejected, Rule: "code-message"}, true},

		{classify.StageRset, of(classify.ClassPolicy), false},
		{classify.StageRset, of(classify.ClassUnknown), false},
		{classify.StageRset, of(classify.ClassSpamContent), false},
		{classify.StageDot, of(classify.ClassContentRejected), false},
		{classify.StageMail, of(classify.ClassContentRejected), false}, // an address that needs SMTPUTF8
		{classify.StageData, of(classify.ClassBadMailbox), false},
		{classify.StageData, of(classify.ClassMailboxDisabled), false},
		{classify.StageRcpt, of(classify.ClassBadMailbox), false},
		{classify.StageRcpt, of(classify.ClassMailboxFull), false},
		{classify.StageData, of(classify.ClassMailboxFull), true},
		{classify.StageDot, of(classify.ClassMailboxFull), true},
		{classify.StageRset, of(classify.ClassMailboxFull), false},
		{classify.StageMail, classify.Verdict{Class: classify.ClassMessageTooLarge, Rule: "code-too-large"}, true},
		{classify.StageRcpt, of(classify.ClassGreylisted), false},
		{classify.StageMail, of(classify.ClassMessageTooLarge), false},
		{classify.StageMail, of(classify.ClassOK), false},
		{classify.StageEHLO, of(classify.ClassServerBusy), false},
		{classify.StageMail, classify.Verdict{Class: classify.ClassRateLimited, Limit: classify.LimitMessageRate}, false},
	} {
		if got := IsSender(test.stage, test.v); got != test.want {
			t.Errorf("%v, %+v: %v", test.stage, test.v, got)
		}
	}
}

// TestMayBeSender: a refusal without a clear reason may be meant for the sender, but at
// the stages that say whose it is.
func TestMayBeSender(t *testing.T) {
	for _, test := range []struct {
		stage classify.Stage
		class classify.Class
		want  bool
	}{
		{classify.StageRcpt, classify.ClassPolicy, false},
		{classify.StageData, classify.ClassPolicy, true},
		{classify.StageMail, classify.ClassUnknown, false},
		{classify.StageRcpt, classify.ClassUnknown, true},
		{classify.StageDot, classify.ClassSpamContent, true},
		{classify.StageDot, classify.ClassContentRejected, true},
		{classify.StageMail, classify.ClassMailboxFull, false},
		{classify.StageDot, classify.ClassMailboxFull, true},
		{classify.StageMail, classify.ClassMessageTooLarge, true},
		{classify.StageDot, classify.ClassIPReputation, false},
		{classify.StageDot, classify.ClassBadMailbox, false},
	} {
		if got := MayBeSender(test.stage, classify.Verdict{Class: test.class}); got != test.want {
			t.Errorf("%v, %v: %v", test.stage, test.class, got)
		}
	}
}

func TestIsLogin(t *testing.T) {
	for _, limit := range []classify.Limit{classify.LimitQuota, classify.LimitMessageRate} {
		for _, scope := range []classify.Scope{classify.ScopeAccount, classify.ScopeSource} {
			want := limit == classify.LimitQuota && scope == classify.ScopeAccount
			if got := IsLogin(classify.Verdict{Limit: limit, Scope: scope}); got != want {
				t.Errorf("%v of %v: %v", limit, scope, got)
			}
		}
	}
}

// TestSendersOfOthers: a server that says at the dot that the login may not send as this
// sender means no recipient and no message.
func TestSendersOfOthers(t *testing.T) {
	for _, text := range []string{
		"550 5.7.60 SMTP; Client does not have permissions to send as this sender",
		"553 5.7.1 <n@sender.example>: Sender address rejected: not owned by user me",
		"554 5.2.252 SendAsDenied; me@sender.example not allowed to send as n@sender.example",
		"550 5.7.1 You are not authorized to send as this address",
	} {
		r, err := classify.ParseReply(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt, classify.StageDot} {
			if v := classify.Of(stage, r); !IsSender(stage, v) || MayBeSender(stage, v) {
				t.Errorf("%v: %s: class %v by %s, which may be meant for others", stage, text, v.Class, v.Rule)
			}
		}
	}
}
