package smtpace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// knowing is an error that says what it means.
type knowing struct{ v classify.Verdict }

func (k knowing) Error() string             { return "knowing" }
func (k knowing) Verdict() classify.Verdict { return k.v }

// The error of a function means for a recipient what it says, of the stage that it
// tells or is likely; one that says nothing may mean anything.
func TestWhatErrorsOfFunctionsMean(t *testing.T) {
	errOwn, errPanics := errors.New("ours"), errors.New("panics")
	judge := func(err error) (classify.Verdict, bool) {
		if errors.Is(err, errPanics) {
			panic("judge")
		}
		return classify.Verdict{Class: classify.ClassMailboxFull, Recipient: classify.RecipientRefused, Scope: classify.ScopeRecipient}, errors.Is(err, errOwn)
	}
	verdict := classify.Verdict{Class: classify.ClassGreylisted, Recipient: classify.RecipientLater, Scope: classify.ScopeRecipient}
	for name, test := range map[string]struct {
		err       error
		recipient classify.Recipient
		class     classify.Class
		stage     classify.Stage
		reply     int
	}{
		"none":                       {nil, classify.RecipientDelivered, classify.ClassOK, classify.StageDot, 0},
		"our own":                    {fmt.Errorf("x: %w", errOwn), classify.RecipientRefused, classify.ClassMailboxFull, classify.StageRcpt, 0},
		"our own at a stage":         {AtStage(classify.StageData, errOwn), classify.RecipientRefused, classify.ClassMailboxFull, classify.StageData, 0},
		"the judge panics":           {errPanics, classify.RecipientAmbiguous, classify.ClassUnknown, classify.StageDot, 0},
		"of the pool":                {&pool.Error{Stage: classify.StageData, Verdict: verdict, Err: io.EOF}, classify.RecipientLater, classify.ClassGreylisted, classify.StageData, 0},
		"that knows":                 {fmt.Errorf("x: %w", knowing{verdict}), classify.RecipientLater, classify.ClassGreylisted, classify.StageRcpt, 0},
		"that knows of a delivery":   {knowing{classify.Verdict{Class: classify.ClassOK, Recipient: classify.RecipientDelivered}}, classify.RecipientDelivered, classify.ClassOK, classify.StageDot, 0},
		"that knows of a login":      {knowing{classify.Verdict{Class: classify.ClassSMTPAuth, Recipient: classify.RecipientLater}}, classify.RecipientLater, classify.ClassSMTPAuth, classify.StageMail, 0},
		"of too many connections":    {knowing{classify.Verdict{Class: classify.ClassRateLimited, Limit: classify.LimitConnections}}, classify.RecipientLater, classify.ClassRateLimited, classify.StageMail, 0},
		"of openings":                {knowing{classify.Verdict{Class: classify.ClassRateLimited, Limit: classify.LimitConnectionRate}}, classify.RecipientLater, classify.ClassRateLimited, classify.StageMail, 0},
		"of a connection's messages": {knowing{classify.Verdict{Class: classify.ClassRateLimited, Limit: classify.LimitMessagesPerConnection}}, classify.RecipientLater, classify.ClassRateLimited, classify.StageMail, 0},
		"of a rate":                  {knowing{classify.Verdict{Class: classify.ClassRateLimited, Limit: classify.LimitMessageRate}}, classify.RecipientLater, classify.ClassRateLimited, classify.StageRcpt, 0},
		"a reply":                    {reply(550, "5.1.1 no such user"), classify.RecipientRefused, classify.ClassBadMailbox, classify.StageRcpt, 550},
		"a reply at a stage":         {AtStage(classify.StageRcpt, reply(450, "4.2.0 Greylisted")), classify.RecipientLater, classify.ClassGreylisted, classify.StageRcpt, 450},
		"a 421":                      {reply(421, "4.3.2 shutting down"), classify.RecipientLater, classify.ClassServerBusy, classify.StageMail, 421},
		"of an API":                  {&apiError{StatusCode: 413}, classify.RecipientRefused, classify.ClassMessageTooLarge, classify.StageRcpt, 0},
		"a text":                     {errors.New("gomail: could not send email 1: 550 no such user here"), classify.RecipientRefused, classify.ClassBadMailbox, classify.StageRcpt, 550},
		"a text with its code":       {errors.New("send: 550 5.1.1 no such user here"), classify.RecipientRefused, classify.ClassBadMailbox, classify.StageRcpt, 550},
		"a text that may be another": {errors.New("send: 550 no such user here"), classify.RecipientLater, classify.ClassBadMailbox, classify.StageRcpt, 550},
		"a text, for now":            {errors.New("send: 451 4.3.1 out of disk"), classify.RecipientLater, classify.ClassInsufficientStorage, classify.StageRcpt, 451},
		"a text without a reply":     {errors.New("send: 5500 messages"), classify.RecipientAmbiguous, classify.ClassUnknown, classify.StageDot, 0},
		"no refusal at no stage":     {reply(250, "2.0.0 ok"), classify.RecipientAmbiguous, classify.ClassOK, classify.StageDot, 250},
		"lost":                       {io.ErrUnexpectedEOF, classify.RecipientAmbiguous, classify.ClassNetwork, classify.StageDot, 0},
		"a text at a stage":          {AtStage(classify.StageRcpt, errors.New("550 5.1.1 no such user")), classify.RecipientRefused, classify.ClassBadMailbox, classify.StageRcpt, 550},
		"a text alone at a stage":    {AtStage(classify.StageRcpt, errors.New("sending: 550 no such user")), classify.RecipientLater, classify.ClassBadMailbox, classify.StageRcpt, 550},
		"lost at RCPT":               {AtStage(classify.StageRcpt, io.ErrUnexpectedEOF), classify.RecipientLater, classify.ClassNetwork, classify.StageRcpt, 0},
		"lost, certainly not sent":   {NotSent(io.ErrUnexpectedEOF), classify.RecipientLater, classify.ClassNetwork, classify.StageRcpt, 0},
		"refused, not sent":          {NotSent(reply(550, "5.1.1 no such user")), classify.RecipientRefused, classify.ClassBadMailbox, classify.StageRcpt, 550},
	} {
		t.Run(name, func(t *testing.T) {
			paceTest(t, func(t *testing.T) {
				p := newPacer(t, PacerConfig{Judge: judge})
				var tries []Try
				p.observer.Try = func(e Try) { tries = append(tries, e) }
				err := p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@example.com"}}, func(context.Context, []string) error { return test.err })
				if (err == nil) != (test.recipient == classify.RecipientDelivered) || len(tries) != 1 || len(tries[0].Recipients) != 1 {
					t.Fatalf("got %v and %d tries", err, len(tries))
				}
				got := tries[0].Recipients[0]
				code := 0
				if got.Reply != nil {
					code = got.Reply.Code
				}
				if got.Verdict.Recipient != test.recipient || got.Verdict.Class != test.class || got.Stage != test.stage || code != test.reply {
					t.Errorf("got %v, %v, %v and the reply %d; want %v, %v, %v and %d",
						got.Verdict.Recipient, got.Verdict.Class, got.Stage, code, test.recipient, test.class, test.stage, test.reply)
				}
				if e, ok := errors.AsType[*TryError](err); ok && e.Verdict != got.Verdict {
					t.Errorf("the error says %+v, want %+v", e.Verdict, got.Verdict)
				}
			})
		})
	}
}

// NotSent and AtStage keep the error that they mark, and mark no nil.
func TestMarksKeepTheirErrors(t *testing.T) {
	if NotSent(nil) != nil || AtStage(classify.StageMail, nil) != nil {
		t.Error("nil was marked")
	}
	if err := NotSent(io.EOF); !errors.Is(err, io.EOF) || err.Error() != "EOF" {
		t.Errorf("got %v", err)
	}
	if err := AtStage(classify.StageData, io.EOF); !errors.Is(err, io.EOF) || err.Error() != classify.StageData.String()+": EOF" {
		t.Errorf("got %v", err)
	}
	ann := func(mark func(error) error) (some RecipientErrors, others error) {
		some, others, _ = recipientErrorsIn(mark(errors.Join(RecipientErrors{"ann@example.com": io.EOF}, io.ErrClosedPipe)))
		return some, others
	}
	some, others := ann(func(err error) error { return AtStage(classify.StageRcpt, err) })
	for _, err := range []error{some["ann@example.com"], others} {
		if at, ok := errors.AsType[*stageError](err); !ok || at.stage != classify.StageRcpt {
			t.Errorf("a part of an error at RCPT: got %v", err)
		}
	}
	some, others = ann(NotSent)
	for _, err := range []error{some["ann@example.com"], others} {
		if _, ok := errors.AsType[*notSentError](err); !ok {
			t.Errorf("a part of what was not sent: got %v", err)
		}
	}
	some, others = ann(func(err error) error { return fmt.Errorf("wrapped: %w", err) })
	if some["ann@example.com"] != io.EOF || !errors.Is(others, io.ErrClosedPipe) {
		t.Errorf("wrapped: got %v and %v", some, others)
	}
	if _, _, ok := recipientErrorsIn(fmt.Errorf("wrapped: %w", io.EOF)); ok {
		t.Error("an error of none is taken for one of recipients")
	}
	many := RecipientErrors{}
	for i := range 2 * maxListed {
		many[fmt.Sprintf("u%02d@example.com", i)] = io.EOF
	}
	text := many.Error()
	if !strings.HasPrefix(text, "smtpace: recipients not accepted: u00@example.com: EOF; u01@example.com: EOF; ") ||
		!strings.HasSuffix(text, fmt.Sprintf("; and %d more", maxListed)) || strings.Count(text, ": EOF") != maxListed {
		t.Errorf("got %q", text)
	}
	for i := range maxListed {
		delete(many, fmt.Sprintf("u%02d@example.com", i))
	}
	if text := many.Error(); strings.Contains(text, "more") || strings.Count(text, ": EOF") != maxListed {
		t.Errorf("got %q", text)
	}
}

// What was learned of a destination is explained by any name of it, kept in a snapshot,
// and dropped by Forget.
func TestPacerExplainsAndForgets(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		quota := reply(452, "4.7.1 daily quota exceeded, try again in 2 hours")
		_ = p.Try(t.Context(), "ann@example.com", func(context.Context) error { return quota })
		stands := func(p *Pacer) bool {
			err := p.Try(t.Context(), "bob@example.com", func(context.Context) error { return nil })
			return errors.Is(err, ErrNotNow)
		}
		if !stands(p) {
			t.Fatal("the quota was not learned")
		}
		for _, name := range []string{"example.com", "Example.COM."} {
			if x := p.Explain(name); x.Bind.Scope != throttle.ScopeDestination.String() || x.Bind.Name != "example.com" {
				t.Errorf("%s: got %+v, want the destination", name, x.Bind)
			}
		}
		text, err := p.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		next := newPacer(t, PacerConfig{})
		if err := next.Restore(text); err != nil || !stands(next) {
			t.Errorf("restored: got %v, want the quota to stand", err)
		}
		if err := next.Restore([]byte("{")); err == nil {
			t.Error("half a snapshot was taken")
		}
		p.Forget("example.org")
		if !stands(p) {
			t.Error("another destination was forgotten")
		}
		p.Forget("Example.com")
		if stands(p) {
			t.Error("the quota stands although it was forgotten")
		}
	})
}
