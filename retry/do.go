package retry

import (
	"context"
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Do calls fn until it returns nil, until its error is final, or until ctx ends,
// and waits between the attempts by the policy. It is for code that sends mail by
// other means, such as net/smtp or go-mail. A call of fn should send one message
// over a connection of its own. Every call of Do counts its attempts from 1.
//
// Do does not know the stage of an error. It assumes the final dot, unless the
// error itself shows its stage: an error of dialling or of a certificate, and
// go-mail's SendError. So a 5yz reply is final, unless [classify.Of] finds a limit
// or another temporary reason in it. After a lost connection Do tries again after
// Config.Ambiguous, and the message may arrive twice; after the third such attempt
// it returns, with [classify.RecipientAmbiguous] in Error.Verdict. If that must not
// happen, fn returns nil or an error of another kind. A reply that names a limit has the
// schedule of its class, as Do has no scheduler.
//
// An error that is neither a reply nor of the network, such as one of a template,
// is final. If the message was accepted and the session failed afterwards, Do
// returns nil.
//
// Do returns nil or an [*Error]. Without a deadline in ctx it tries for as long as
// the errors are temporary. It calls fn only before ctx ends, and a wait ends with
// ctx.
func Do(ctx context.Context, p *Policy, fn func(context.Context) error) error {
	var (
		result Error
		first  time.Time // when the first attempt failed
		series int       // consecutive attempts that ended alike
		copies int       // attempts that may have sent the message
	)
	for {
		if ctx.Err() != nil {
			result.Cause = context.Cause(ctx)
			return &result
		}
		err := fn(ctx)
		verdict := classify.Of(stageOf(err), err)
		if verdict.Recipient == classify.RecipientDelivered {
			return nil
		}
		if result.Attempts == 0 {
			first = time.Now()
		}
		if !alike(verdict, result.Verdict) {
			series = 0
		}
		series++
		result.Attempts++
		result.Last, result.Verdict = err, verdict
		if verdict.Recipient == classify.RecipientAmbiguous {
			copies++
		}
		if final(verdict) || isForeign(verdict) || copies == mostCopies {
			return &result
		}
		sleep(ctx, p.delay(verdict, series, time.Since(first)))
	}
}

// mostCopies is the number of attempts, each of which may have sent the message, after
// which Do ends.
const mostCopies = 3

// sleep returns early when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// alike reports whether two verdicts share a schedule.
func alike(a, b classify.Verdict) bool {
	return a.Class == b.Class && (a.Recipient == classify.RecipientAmbiguous) == (b.Recipient == classify.RecipientAmbiguous)
}

// isForeign reports whether the verdict is that of an error unrelated to SMTP:
// neither a reply nor of a known kind.
func isForeign(v classify.Verdict) bool {
	return v.Class == classify.ClassUnknown && v.Recipient == classify.RecipientAmbiguous
}

// stageOf returns the stage of an error that only occurs before the first command; else
// StageDot, which assumes the worst.
func stageOf(err error) classify.Stage {
	if stage := classify.StageOf(err); stage < classify.StageMail {
		return stage
	}
	return classify.StageDot
}

// Error is the error of [Do]. It wraps Last and Cause.
type Error struct {
	Attempts int              // the number of calls of the function
	Verdict  classify.Verdict // the verdict on Last
	Last     error            // the error of the last attempt; nil when there was none
	Cause    error            // the cause of the end of the context (context.Cause); nil if Last is final
}

// Error returns both causes on one line.
func (e *Error) Error() string {
	switch {
	case e.Last == nil:
		return fmt.Sprintf("retry: not tried: %v", e.Cause)
	case e.Cause == nil:
		return fmt.Sprintf("retry: gave up at attempt %d: %v", e.Attempts, e.Last)
	}
	return fmt.Sprintf("retry: %v after attempt %d: %v", e.Cause, e.Attempts, e.Last)
}

// Unwrap returns Cause and Last, as far as they are not nil.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Cause, e.Last} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
