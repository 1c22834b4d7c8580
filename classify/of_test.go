package classify

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

var repliesByStage = []struct {
	stage Stage
	code  int
	text  string
	want  Verdict
}{
	// Before MAIL nobody is judged, and the connection is of no use.
	{StageBanner, 421, "4.3.2 too busy", Verdict{Class: ClassServerBusy, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageBanner, 421, "too many concurrent connections", Verdict{Class: ClassTooManyConnections, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitConnections, RetryAfter: 0}},
	{StageBanner, 554, "", Verdict{Class: ClassIPReputation, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageBanner, 550, "go away", Verdict{Class: ClassPolicy, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageBanner, 521, "", Verdict{Class: ClassBadDomain, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageEHLO, 550, "blocked", Verdict{Class: ClassIPReputation, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageEHLO, 502, "", Verdict{Class: ClassProtocol, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageEHLO, 421, "", Verdict{Class: ClassServerBusy, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageStartTLS, 454, "", Verdict{Class: ClassTLS, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageAuth, 454, "4.7.0 Temporary authentication failure", Verdict{Class: ClassSMTPAuth, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageAuth, 535, "5.7.8 Bad credentials", Verdict{Class: ClassSMTPAuth, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageAuth, 504, "", Verdict{Class: ClassSMTPAuth, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},

	{StageMail, 250, "2.1.0 ok", Verdict{Class: ClassOK, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageMail, 451, "", Verdict{Class: ClassServerBusy, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageMail, 421, "too many messages on this connection", Verdict{Class: ClassConnectionMessageLimit, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitMessagesPerConnection, RetryAfter: 0}},
	{StageMail, 450, "too many messages in this session", Verdict{Class: ClassConnectionMessageLimit, Recipient: RecipientLater, Connection: ConnQuit, Limit: LimitMessagesPerConnection, RetryAfter: 0}},
	{StageMail, 450, "4.7.1 message rate exceeded, wait 60 seconds", Verdict{Class: ClassRateLimited, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitMessageRate, RetryAfter: time.Minute}},
	{StageMail, 550, "5.1.0 not you", Verdict{Class: ClassPolicy, Recipient: RecipientRefused, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageMail, 552, "", Verdict{Class: ClassMessageTooLarge, Recipient: RecipientRefused, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageMail, 503, "5.5.1 nested MAIL command", Verdict{Class: ClassProtocol, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageMail, 530, "5.7.0 Authentication required", Verdict{Class: ClassSMTPAuth, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageMail, 530, "5.7.0 Must issue STARTTLS first", Verdict{Class: ClassTLS, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},

	{StageRcpt, 251, "", Verdict{Class: ClassOK, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageRcpt, 450, "4.2.0 Greylisted, try again in 5 minutes", Verdict{Class: ClassGreylisted, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 5 * time.Minute}},
	{StageRcpt, 450, "", Verdict{Class: ClassUnknown, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageRcpt, 452, "4.5.3 Too many recipients", Verdict{Class: ClassTooManyRecipients, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitRecipientsPerMessage, RetryAfter: 0}},
	{StageRcpt, 552, "too many recipients", Verdict{Class: ClassTooManyRecipients, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitRecipientsPerMessage, RetryAfter: 0}},
	{StageRcpt, 552, "", Verdict{Class: ClassMailboxFull, Recipient: RecipientRefused, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageRcpt, 452, "", Verdict{Class: ClassInsufficientStorage, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageRcpt, 450, "4.7.1 too many recipients from 192.0.2.1", Verdict{Class: ClassRateLimited, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitRecipientRate, RetryAfter: 0}},
	{StageRcpt, 550, "5.1.1 User unknown", Verdict{Class: ClassBadMailbox, Recipient: RecipientRefused, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageRcpt, 550, "", Verdict{Class: ClassBadMailbox, Recipient: RecipientRefused, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageRcpt, 421, "4.7.0 closing", Verdict{Class: ClassServerBusy, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageRcpt, 450, "4.2.1", Verdict{Class: ClassRecipientRateLimited, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitMailboxRate, RetryAfter: 0}},
	{StageRcpt, 550, "5.2.1", Verdict{Class: ClassMailboxDisabled, Recipient: RecipientRefused, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},

	{StageData, 354, "", Verdict{Class: ClassOK, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageData, 250, "", Verdict{Class: ClassProtocol, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageData, 451, "", Verdict{Class: ClassServerBusy, Recipient: RecipientLater, Connection: ConnReset, Limit: LimitNone, RetryAfter: 0}},
	{StageData, 550, "no", Verdict{Class: ClassUnknown, Recipient: RecipientRefused, Connection: ConnReset, Limit: LimitNone, RetryAfter: 0}},
	{StageData, 554, "5.5.1 no valid recipients", Verdict{Class: ClassProtocol, Recipient: RecipientLater, Connection: ConnReset, Limit: LimitNone, RetryAfter: 0}},
	{StageData, 503, "", Verdict{Class: ClassProtocol, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},

	{StageBody, 250, "", Verdict{Class: ClassProtocol, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageBody, 452, "", Verdict{Class: ClassInsufficientStorage, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageBody, 552, "", Verdict{Class: ClassMessageTooLarge, Recipient: RecipientRefused, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},

	{StageDot, 250, "2.0.0 queued", Verdict{Class: ClassOK, Recipient: RecipientDelivered, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageDot, 252, "", Verdict{Class: ClassOK, Recipient: RecipientDelivered, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageDot, 200, "", Verdict{Class: ClassOK, Recipient: RecipientDelivered, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageDot, 354, "", Verdict{Class: ClassProtocol, Recipient: RecipientAmbiguous, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageDot, 199, "", Verdict{Class: ClassProtocol, Recipient: RecipientAmbiguous, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageDot, 600, "", Verdict{Class: ClassProtocol, Recipient: RecipientAmbiguous, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageDot, -554, "", Verdict{Class: ClassProtocol, Recipient: RecipientAmbiguous, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageDot, 451, "4.7.1 rate limit", Verdict{Class: ClassRateLimited, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitMessageRate, RetryAfter: 0}},
	{StageDot, 421, "", Verdict{Class: ClassServerBusy, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageDot, 554, "5.7.1 looks like spam", Verdict{Class: ClassSpamContent, Recipient: RecipientRefused, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},

	// Outside a transaction nobody is at stake.
	{StageRset, 250, "", Verdict{Class: ClassOK, Recipient: RecipientLater, Connection: ConnKeep, Limit: LimitNone, RetryAfter: 0}},
	{StageRset, 550, "user unknown", Verdict{Class: ClassBadMailbox, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageIdle, 421, "4.4.2 timeout", Verdict{Class: ClassNetwork, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageIdle, 250, "", Verdict{Class: ClassProtocol, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageQuit, 221, "", Verdict{Class: ClassOK, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{StageQuit, 550, "", Verdict{Class: ClassUnknown, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
	{Stage(200), 550, "", Verdict{Class: ClassUnknown, Recipient: RecipientLater, Connection: ConnDrop, Limit: LimitNone, RetryAfter: 0}},
}

// bare leaves out what the tests of rules and scopes look at.
func bare(v Verdict) Verdict {
	v.Scope, v.Rule = ScopeNone, ""
	return v
}

func TestOfRepliesByStage(t *testing.T) {
	for _, tt := range repliesByStage {
		t.Run(fmt.Sprintf("%v %d %s", tt.stage, tt.code, tt.text), func(t *testing.T) {
			if got := bare(Of(tt.stage, NewReply(tt.code, tt.text))); got != tt.want {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// TestLimitsInPermanentReplies has what receivers say as 5yz although a slower
// sender would be welcome.
func TestLimitsInPermanentReplies(t *testing.T) {
	tests := []struct {
		code  int
		text  string
		limit Limit
	}{
		{550, "Connection frequency limited", LimitConnectionRate},
		{550, "5.4.5 Daily user sending quota exceeded", LimitQuota},
		{550, "5.4.5", LimitQuota},
		{554, "5.2.121 recipient's limit for one sender", LimitMailboxRate},
		{550, "5.2.1 the user is receiving mail at a rate that is too high", LimitMailboxRate},
		{550, "5.7.28 mail flood", LimitMessageRate},
		{554, "your daily relay quota is used up", LimitQuota},
		{550, "too many simultaneous sessions from you", LimitConnections},
		{550, "too many messages for this session, open a new one", LimitMessagesPerConnection},
	}
	for _, tt := range tests {
		for stage := StageMail; stage <= StageDot; stage++ {
			v := Of(stage, NewReply(tt.code, tt.text))
			if v.Limit != tt.limit || v.Recipient != RecipientLater || !v.Throttled() {
				t.Errorf("%d %s at %v: %+v, want later and limit %v", tt.code, tt.text, stage, v, tt.limit)
			}
		}
	}
}

// TestInvariant2NothingBeforeMailRefuses also covers what comes between and
// after transactions.
func TestInvariant2NothingBeforeMailRefuses(t *testing.T) {
	for _, stage := range []Stage{
		StageConnect, StageBanner, StageEHLO, StageStartTLS, StageAuth, StageRset, StageIdle, StageQuit, StageUnknown + 1,
	} {
		for code := 0; code < 1000; code++ {
			for _, text := range []string{"", "5.1.1 user unknown", "5.7.1 spam", "2.0.0 ok"} {
				if v := Of(stage, NewReply(code, text)); v.Recipient != RecipientLater {
					t.Fatalf("%v %d %q: %+v", stage, code, text, v)
				}
			}
		}
	}
}

func TestInvariant2BadSequenceAndLoginNeverRefuse(t *testing.T) {
	for stage := StageConnect; stage <= StageUnknown; stage++ {
		for _, code := range []int{503, 535} {
			for _, text := range []string{"", "5.5.1 bad sequence", "5.1.1 user unknown", "policy"} {
				if v := Of(stage, NewReply(code, text)); v.Recipient != RecipientLater {
					t.Errorf("%v %d %q: %+v", stage, code, text, v)
				}
			}
		}
	}
}

func TestInvariant2OnlyPositiveRepliesToTheDotDeliver(t *testing.T) {
	for stage := StageConnect; stage <= StageUnknown; stage++ {
		for code := 0; code < 1000; code++ {
			v := Of(stage, &Reply{Code: code})
			want := stage == StageDot && code/100 == 2 && code != 221
			if (v.Recipient == RecipientDelivered) != want {
				t.Errorf("%v %d: %+v", stage, code, v)
			}
		}
	}
}

// TestClosingAcceptsNothing: a server that says 221 leaves, and only QUIT asked for it.
func TestClosingAcceptsNothing(t *testing.T) {
	for stage := StageConnect; stage <= StageUnknown; stage++ {
		v := Of(stage, NewReply(221, "2.0.0 bye"))
		if stage == StageQuit {
			if v.Class != ClassOK {
				t.Errorf("%v: %+v", stage, v)
			}
			continue
		}
		want := RecipientLater
		if stage == StageDot {
			want = RecipientAmbiguous
		}
		if v.Class != ClassNetwork || v.Connection != ConnDrop || v.Recipient != want {
			t.Errorf("%v: %+v", stage, v)
		}
	}
}

func TestTransientRepliesAreNeverFinal(t *testing.T) {
	for stage := StageConnect; stage <= StageUnknown; stage++ {
		for code := 400; code < 500; code++ {
			if v := Of(stage, NewReply(code, "5.1.1 no such user, rejected for ever")); v.Recipient != RecipientLater {
				t.Errorf("%v %d: %+v", stage, code, v)
			}
		}
	}
}

func TestOfNilIsAccepted(t *testing.T) {
	for stage := StageConnect; stage <= StageUnknown; stage++ {
		v := Of(stage, nil)
		if v.Class != ClassOK || (v.Recipient == RecipientDelivered) != (stage == StageDot) || (v.Connection == ConnDrop) != (stage == StageQuit) {
			t.Errorf("%v: %+v", stage, v)
		}
	}
}

func TestOfFindsTheReplyBehindAnError(t *testing.T) {
	r := NewReply(550, "5.1.1 user unknown")
	want := Of(StageRcpt, r)
	for _, err := range []error{
		fmt.Errorf("recipient 3: %w", r),
		errors.Join(io.EOF, r),
		errors.Join(errors.New("x"), fmt.Errorf("y: %w", errors.Join(r))),
	} {
		if got := Of(StageRcpt, err); got != want {
			t.Errorf("%v: %+v, want %+v", err, got, want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add(uint8(StageRcpt), 550, "5.1.1 user unknown")
	f.Add(uint8(StageDot), 354, "")
	f.Add(uint8(StageMail), 450, "4.7.1 wait 5 minutes\n4.7.1 too many connections")
	f.Add(uint8(StageDot), 554, "Recipient count 75 exceeds 50/message")
	f.Fuzz(func(t *testing.T, stage uint8, code int, text string) {
		for _, r := range []*Reply{NewReply(code, text), {Code: code, Enhanced: text, Text: text}} {
			v := Of(Stage(stage), r)
			checkVerdict(t, Stage(stage), code, v)
		}
	})
}

// checkVerdict has what holds for every reply.
func checkVerdict(t *testing.T, stage Stage, code int, v Verdict) {
	t.Helper()
	inTransaction := isTransaction(stage)
	switch {
	case int(v.Class) >= Classes || v.Recipient > RecipientAmbiguous || v.Connection > ConnDrop || v.Limit > LimitQuota:
		t.Errorf("out of range: %+v", v)
	case v.RetryAfter != 0 && (v.RetryAfter < minDelay || v.RetryAfter > maxDelay || v.Recipient != RecipientLater):
		t.Errorf("delay: %+v", v)
	case v.Stated != (Stated{}) && (v.Stated.Count <= 0 || v.Stated.Count > mostOverTime<<10 || v.Stated.Limit != v.Limit || v.Stated.Per < 0 || v.Recipient != RecipientLater):
		t.Errorf("stated: %+v", v)
	case v.Recipient == RecipientRefused && (code/100 != 5 || !inTransaction || v.Throttled()):
		t.Errorf("refused: %+v", v)
	case v.Recipient == RecipientDelivered && (code/100 != 2 || stage != StageDot):
		t.Errorf("delivered: %+v", v)
	case v.Recipient == RecipientAmbiguous && (stage != StageDot || v.Connection != ConnDrop):
		t.Errorf("ambiguous: %+v", v)
	case code == 421 && v.Connection != ConnDrop:
		t.Errorf("421: %+v", v)
	}
}

func BenchmarkOf(b *testing.B) {
	replies := []*Reply{
		NewReply(421, "4.7.0 mx.example.com Error: too many connections from 192.0.2.1"),
		NewReply(450, "4.2.0 Greylisted, please try again in 5 minutes"),
		NewReply(550, "5.1.1 <someone@example.com>: Recipient address rejected: User unknown"),
		NewReply(554, "5.7.1 something that no rule has a word of, long enough to be like a real one"),
		NewReply(250, "2.0.0 Ok: queued as 4A1B2C3D4E"),
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range replies {
			Of(StageRcpt, r)
		}
	}
}

// TestAcceptedIsNotSearched has a table that cannot be searched.
func TestAcceptedIsNotSearched(t *testing.T) {
	c := &Classifier{given: &table{}}
	r := NewReply(250, "2.0.0 too many connections, try again in 5 minutes")
	if v, want := c.Of(Input{Stage: StageDot}, r), (Verdict{Class: ClassOK, Recipient: RecipientDelivered}); v != want {
		t.Errorf("got %+v, want %+v", v, want)
	}
}
