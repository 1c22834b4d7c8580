package classify

import (
	"testing"
	"time"
)

// Ages and durations are no periods of a limit: what is older than a time has passed no
// limit of messages in it.
func TestAgesAreNoLimits(t *testing.T) {
	for _, text := range []string{
		"550 5.2.1 Mailbox inactive for more than 180 days",
		"550 5.1.1 Mailbox unused for more than 12 months, removed",
		"550 5.2.1 Compte inactif depuis plus de 90 jours",
		"550 5.2.1 Konto seit mehr als 180 Tagen inaktiv",
		"550 This user has not logged in for more than 6 months",
		"554 5.4.7 Delivery time exceeded, message in queue more than 5 days",
		"550 Date header is more than 3 days in the past",
		"451 4.4.2 DATA took more than 10 minutes",
		"550 5.7.1 Your domain was registered less than 30 days ago, mail rejected",
		"450 limit of accounts that exist for at least 30 days",
	} {
		r, err := ParseReply(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, stage := range []Stage{StageRcpt, StageDot, StageUnknown} {
			if v := Of(stage, r); v.Limit != LimitNone || v.Stated != (Stated{}) {
				t.Errorf("%q at %v: limit %v, %+v by %s", text, stage, v.Limit, v.Stated, v.Rule)
			}
		}
	}
	for _, text := range []string{
		"550 You have exceeded the 24 hour sending limit",
		"550 exceeded 24-hour sending limit",
		"450 You sent more than 100 messages in 24 hours",
		"450 over 24 hours you may send 500 messages, limit exceeded",
	} {
		r, err := ParseReply(text)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(StageMail, r); v.Limit != LimitQuota {
			t.Errorf("%q: limit %v by %s, want a quota", text, v.Limit, v.Rule)
		}
	}
}

// TestAgesInTextsOfGivenRules: the period of a limit that a given rule names is not that of
// an age either, though a built-in rule of another kind fits the text.
func TestAgesInTextsOfGivenRules(t *testing.T) {
	c, err := New(Rule{
		Name: "acme-moon", Class: ClassRateLimited, Contains: []string{"moon"}, Matches: []string{"450 moon"}, Rejects: []string{"450 sun"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Stated{
		"450 moon, limit of 10 messages, maximum credits for more than 3 days, per hour": {LimitMessageRate, 10, false, time.Hour},
		"450 moon, limit of 10 messages, maximum credits for 3 days, per hour":           {LimitMessageRate, 10, false, 3 * 24 * time.Hour},
	} {
		r, err := ParseReply(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Of(Input{Stage: StageMail}, r); got.Stated != want {
			t.Errorf("%q: got %+v by %s, want %+v", text, got.Stated, got.Rule, want)
		}
	}
}
