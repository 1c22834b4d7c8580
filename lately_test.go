package smtpace

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// TestDoubt: only refusals for good that speak of the sender become "later", those
// that may mean something else only while most are refused.
func TestDoubt(t *testing.T) {
	const never, later = classify.RecipientRefused, classify.RecipientLater
	for _, test := range []struct {
		class                    classify.Class
		rule                     string
		stage                    classify.Stage
		stranger, run, otherwise classify.Recipient // the fate where the sender is not welcome, while most are refused, and else
	}{
		{classify.ClassRelayDenied, "", classify.StageRcpt, later, later, never},
		{classify.ClassDomainReputation, "", classify.StageDot, later, later, never},
		{classify.ClassSenderAuth, "", classify.StageMail, later, later, never},
		{classify.ClassUnknown, "", classify.StageMail, later, later, never},
		{classify.ClassSpamContent, "", classify.StageMail, later, later, never},
		{classify.ClassMailboxDisabled, "", classify.StageMail, later, later, never},
		{classify.ClassPolicy, "", classify.StageRcpt, later, later, never},
		{classify.ClassPolicy, "", classify.StageData, never, later, never},
		{classify.ClassPolicy, "", classify.StageDot, never, later, never},
		{classify.ClassUnknown, "", classify.StageRcpt, never, later, never},
		{classify.ClassUnknown, "", classify.StageDot, never, later, never},
		{classify.ClassSpamContent, "", classify.StageData, never, later, never},
		{classify.ClassContentRejected, "code-message", classify.StageDot, never, later, never},
		{classify.ClassContentRejected, "text-virus", classify.StageDot, never, never, never},
		{classify.ClassSpamContent, "", classify.StageDot, never, later, never},
		{classify.ClassBadMailbox, "", classify.StageRcpt, never, never, never},
		{classify.ClassMailboxDisabled, "", classify.StageData, never, never, never},
		{classify.ClassMessageTooLarge, "", classify.StageMail, never, never, never},
	} {
		for k, want := range []classify.Recipient{test.stranger, test.run, test.otherwise} {
			answers := []pool.Answer{{Stage: test.stage, Verdict: classify.Verdict{Class: test.class, Recipient: never, Rule: test.rule}}}
			if got := blames(answers); got != (test.run == later) {
				t.Errorf("%v at %v: blames is %v", test.class, test.stage, got)
			}
			doubt(answers, k != 0, k == 1)
			if got := answers[0].Verdict.Recipient; got != want {
				t.Errorf("%v at %v, case %d: it becomes %v, want %v", test.class, test.stage, k, got, want)
			}
		}
	}
	for _, fate := range []classify.Recipient{classify.RecipientDelivered, classify.RecipientAmbiguous} {
		answers := []pool.Answer{{Stage: classify.StageDot, Verdict: classify.Verdict{Class: classify.ClassNetwork, Recipient: fate}}}
		if doubt(answers, false, true); answers[0].Verdict.Recipient != fate || blames(answers) {
			t.Errorf("%v becomes %v, blames is %v", fate, answers[0].Verdict.Recipient, blames(answers))
		}
	}
}

func TestSendersAreForgotten(t *testing.T) {
	var s senders
	s.accepted("a@b.example", epoch)
	for at, want := range map[time.Duration]bool{0: true, latelyFor: true, latelyFor + 1: false} {
		if got := s.lately("a@b.example", epoch.Add(at)); got != want {
			t.Errorf("%v later: %v", at, got)
		}
	}
	if s.lately("c@b.example", epoch) {
		t.Error("another sender is known")
	}
	for i := range 3 * maxLately {
		s.accepted(fmt.Sprint(i), epoch.Add(time.Duration(i)*time.Millisecond))
		if len(s) > maxLately {
			t.Fatalf("%d senders are kept", len(s))
		}
	}
}

// TestAVariedSenderIsOne: the return addresses of one mailbox, each with the recipient or a
// number in it (VERP, subaddresses), are one sender. Whatever may be another mailbox is not.
func TestAVariedSenderIsOne(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"bounces+1@b.example", "bounces+2@b.example", true},
		{"bounces+ann=x.example@b.example", "bounces+bob=y.example@b.example", true},
		{"news-return-7-ann=x.example@b.example", "news-return-8-bob=y.example@b.example", true},
		{"bounces+1@b.example", "bounces@b.example", true},
		{"bounces+1@b.example", "bounces+1@c.example", false},
		{"b+1@b.example", "b+2@b.example", true},
		{"ann@b.example", "bob@b.example", false},
		{"sales-east@b.example", "sales-west@b.example", false},
		{"prvs=1a2b=ann@b.example", "prvs=1a2b=bob@b.example", false},
		{"prvs=1a2b=ann-lee@b.example", "prvs=1a2b=ann-poe@b.example", false},
		{"+1@b.example", "+2@b.example", false},
		{"-a=b@b.example", "-c=d@b.example", false},
		{"+1-a=b@b.example", "+1-c=d@b.example", false},
		{"a+b", "a+c", false},
		{"\"a b+1\"@b.example", "\"a b+2\"@b.example", false},
		{"", "a@b.example", false},
		{"", "", true},
	} {
		var s senders
		s.accepted(tt.a, epoch)
		if got := s.lately(tt.b, epoch); got != tt.same {
			t.Errorf("after %q, %q is known: %v", tt.a, tt.b, got)
		}
	}
}

// TestSendersOfTheLastMinuteAreKept: of more senders than are remembered, those of the
// last minute stay.
func TestSendersOfTheLastMinuteAreKept(t *testing.T) {
	var s senders
	for i := range maxLately {
		s.accepted(fmt.Sprint(i), epoch.Add(time.Duration(i/(maxLately/2))*latelyFor)) // half of them now, half a minute later
	}
	if len(s) != maxLately {
		t.Fatalf("%d senders are kept, want %d", len(s), maxLately)
	}
	now := epoch.Add(latelyFor + 1)
	s.accepted("new", now)
	if len(s) != maxLately/2+1 || !s.lately("new", now) || !s.lately(fmt.Sprint(maxLately-1), now) || s.lately("0", now) {
		t.Errorf("%d senders are kept, want %d", len(s), maxLately/2+1)
	}
}

// TestOnlyAcceptedMailWelcomesItsSender: answers of which none accepts do not.
func TestOnlyAcceptedMailWelcomesItsSender(t *testing.T) {
	now := time.Now()
	answer := func(fates ...classify.Recipient) (r pool.Report) {
		for _, fate := range fates {
			r.Recipients = append(r.Recipients, pool.Answer{Verdict: classify.Verdict{Recipient: fate}})
		}
		return r
	}
	for _, tt := range []struct {
		report pool.Report
		want   bool
	}{
		{answer(), false},
		{answer(classify.RecipientRefused), false},
		{answer(classify.RecipientLater, classify.RecipientAmbiguous), false},
		{answer(classify.RecipientRefused, classify.RecipientDelivered), true},
		{answer(classify.RecipientDelivered), true},
	} {
		var l line
		l.answered("a@sender.example", tt.report, now)
		if got := l.welcomes("a@sender.example", now); got != tt.want || l.welcomes("b@sender.example", now) {
			t.Errorf("after %+v: welcome is %v, want %v", tt.report.Recipients, got, tt.want)
		}
		var e endpoint
		e.answered("a@sender.example", tt.report, now)
		if got := e.welcomes("a@sender.example", now); got != tt.want || e.welcomes("b@sender.example", now) {
			t.Errorf("after %+v at an endpoint: welcome is %v, want %v", tt.report.Recipients, got, tt.want)
		}
	}
}
