package smtpace

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// TestTurnsOfThoseThatWereTried: a recipient that was tried takes no turn when others of its
// call are turned away: what the answer says is when it comes back.
func TestTurnsOfThoseThatWereTried(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		p.Pause("b.example")
		r := PaceRequest{To: []string{"x@a.example", "y@b.example", "z@c.example"}, MaxWait: time.Second}
		err := p.TryRequest(t.Context(), r, func(_ context.Context, to []string) error {
			if to[0] == "x@a.example" {
				return reply(450, "4.7.1 Greylisted, try again in 10 seconds")
			}
			return nil
		})
		again, ok := errors.AsType[*TryError](err)
		if !ok || len(again.Left) != 2 || time.Until(again.RetryAt).Round(time.Second) != pausedWait {
			t.Fatalf("got %v", err)
		}
		for _, domain := range []string{"a.example", "c.example"} {
			if next, err := p.NextTurn(domain); err != nil || time.Until(next) > 0 {
				t.Errorf("the next turn at %s is in %v: %v, want now", domain, time.Until(next), err)
			}
		}
	})
}

// TestBytesOfARefusedCall: they are not spent when the error tells a stage before the text of
// the message. Else they may have been sent, and are.
func TestBytesOfARefusedCall(t *testing.T) {
	no := reply(550, "5.1.1 no such user")
	for name, tt := range map[string]struct {
		err   error
		spent bool
	}{
		"accepted":                    {nil, true},
		"at RCPT":                     {AtStage(classify.StageRcpt, no), false},
		"at the dot":                  {AtStage(classify.StageDot, no), true},
		"without a stage":             {no, true},
		"of some":                     {RecipientErrors{"x@a.example": AtStage(classify.StageRcpt, no)}, true},
		"of all":                      {RecipientErrors{"x@a.example": AtStage(classify.StageRcpt, no), "y@a.example": AtStage(classify.StageRcpt, no)}, false},
		"of all, one without a stage": {RecipientErrors{"x@a.example": AtStage(classify.StageRcpt, no), "y@a.example": no}, true},
	} {
		paceTest(t, func(t *testing.T) {
			p := newPacer(t, PacerConfig{Destination: throttle.Limits{ByteRate: throttle.Rate{Count: 1000, Per: time.Hour}}})
			r := PaceRequest{To: []string{"x@a.example", "y@a.example"}, Bytes: 1000}
			_ = p.DoRequest(t.Context(), r, func(context.Context, []string) error { return tt.err })
			start := time.Now()
			if err := p.DoRequest(t.Context(), r, func(context.Context, []string) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); (took > time.Minute) != tt.spent {
				t.Errorf("%s: the next call has its turn after %v; want it to wait: %v", name, took, tt.spent)
			}
		})
	}
}
