package retry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Do runs fn until it returns nil, until its error is final, or until ctx ends,
// waiting between the attempts as the policy says. It is for code that sends
// mail by other means, such as net/smtp or go-mail: fn should send one message,
// over a connection of its own. Every call counts its attempts afresh.
//
// Where in the session an error of fn occurred is not known, so it is read as if
// the final dot had been answered with it, unless the error itself shows that it
// is of dialling, of a certificate, or of a stage (go-mail's SendError). A 5yz
// reply is final then, unless [classify.Of] takes it for something else than a
// judgement of the message. A lost connection may have come after the dot: it is
// tried again after Config.Ambiguous, and the message may arrive twice. An fn
// that cannot have that returns nil, or hides the error. Replies that name a
// limit wait for the schedule of their class, as there is no scheduler here.
//
// An error that is neither a reply nor of the network, such as one of a
// template, is final. So is an accepted message whose session failed
// afterwards: then Do returns nil.
//
// Do returns nil or an [*Error]. Without a deadline in ctx it goes on for as
// long as the errors are temporary. It runs fn only while ctx is alive, and
// returns as soon as ctx ends while it waits.
func Do(ctx context.Context, p *Policy, fn func(context.Context) error) error {
	var (
		result Error
		first  time.Time // when the first attempt failed
		series int       // consecutive attempts that ended alike
	)
	for {
		if ctx.Err() != nil {
			result.Cause = context.Cause(ctx)
			return &result
		}
		err := fn(ctx)
		verdict := classify.Of(stageOf(err), err)
		if verdict.Recipient == classify.Delivered {
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
		if final(verdict) || isForeign(verdict) {
			return &result
		}
		sleep(ctx, jittered(p.wait(verdict, series, time.Since(first))))
	}
}

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
	return a.Class == b.Class && (a.Recipient == classify.Ambiguous) == (b.Recipient == classify.Ambiguous)
}

// isForeign reports whether the verdict is of an error that has nothing to do
// with SMTP: no reply, and of no known kind.
func isForeign(v classify.Verdict) bool {
	return v.Class == classify.Unknown && v.Recipient == classify.Ambiguous
}

// stageOf is StageConnect for errors that can only come from before the first
// command, else StageDot, at which the worst is assumed.
func stageOf(err error) classify.Stage {
	if op, ok := errors.AsType[*net.OpError](err); ok && op != nil && op.Op == "dial" {
		return classify.StageConnect
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return classify.StageConnect
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return classify.StageConnect
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return classify.StageBanner
	}
	return classify.StageDot
}

// Error says why [Do] gave up. It unwraps to Last and, if there is one, to
// Cause, so that errors.Is and errors.As find both.
type Error struct {
	Attempts int              // how often the function ran
	Verdict  classify.Verdict // what Last means
	Last     error            // the error of the last attempt; nil when there was none
	Cause    error            // why the context ended (context.Cause); nil when Last is final
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

// Unwrap returns what is there of Cause and Last.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Cause, e.Last} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
