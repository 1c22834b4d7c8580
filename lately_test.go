package smtpace

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// TestDoubt: only refusals for good that speak of the sender become "later".
func TestDoubt(t *testing.T) {
	for _, test := range []struct {
		class classify.Class
		stage classify.Stage
		was   classify.Recipient
		want  classify.Recipient
	}{
		{classify.ClassRelayDenied, classify.StageRcpt, classify.RecipientRefused, classify.RecipientLater},
		{classify.ClassDomainReputation, classify.StageDot, classify.RecipientRefused, classify.RecipientLater},
		{classify.ClassSenderAuth, classify.StageMail, classify.RecipientRefused, classify.RecipientLater},
		{classify.ClassUnknown, classify.StageMail, classify.RecipientRefused, classify.RecipientLater},
		{classify.ClassUnknown, classify.StageRcpt, classify.RecipientRefused, classify.RecipientRefused},
		{classify.ClassBadMailbox, classify.StageRcpt, classify.RecipientRefused, classify.RecipientRefused},
		{classify.ClassSpamContent, classify.StageDot, classify.RecipientRefused, classify.RecipientRefused},
		{classify.ClassMessageTooLarge, classify.StageMail, classify.RecipientRefused, classify.RecipientRefused},
		{classify.ClassOK, classify.StageDot, classify.RecipientDelivered, classify.RecipientDelivered},
		{classify.ClassNetwork, classify.StageDot, classify.RecipientAmbiguous, classify.RecipientAmbiguous},
	} {
		answers := []pool.Answer{{Stage: test.stage, Verdict: classify.Verdict{Class: test.class, Recipient: test.was}}}
		if got := blames(answers); got != (test.was != test.want) {
			t.Errorf("%v at %v: blames is %v", test.class, test.stage, got)
		}
		doubt(answers)
		if got := answers[0].Verdict.Recipient; got != test.want {
			t.Errorf("%v at %v: %v becomes %v, want %v", test.class, test.stage, test.was, got, test.want)
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
	}
	if len(s) > maxLately {
		t.Errorf("%d senders are kept", len(s))
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
