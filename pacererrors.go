package smtpace

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TryError is the error of Try and TryRequest about a message that was not delivered
// to every recipient. It wraps the reasons.
type TryError struct {
	// RetryAt is the earliest time at which all recipients of Left may be tried again;
	// zero when every recipient is settled.
	RetryAt time.Time
	// Left are the recipients of the request that are not settled, for another Try.
	Left []string
	// Called reports whether the function was called. It was not if its turn came too
	// late.
	Called bool
	// Verdict is the meaning of the error of the function, for the first recipient that
	// was not delivered; zero when it was not called.
	Verdict classify.Verdict
	// Attempt and Ambiguous are for the PaceRequest of another Try.
	Attempt, Ambiguous int
	// Result has the outcome of every recipient so far.
	Result *Result
}

// Error says what became of the recipients, and when to try again.
func (e *TryError) Error() string {
	text := (&SendError{e.Result}).Error()
	if e.RetryAt.IsZero() {
		return text
	}
	return fmt.Sprintf("%s; to be tried again from %s on", text, e.RetryAt.Format(time.RFC3339))
}

// Unwrap returns the reasons of all recipients that were not delivered.
func (e *TryError) Unwrap() []error { return (&SendError{e.Result}).Unwrap() }

// RecipientErrors is the error of a function of DoRequest or TryRequest for a message
// that was accepted for some recipients only. It has the reasons of the others, by the
// recipients as the function was given them. Recipients that it does not name were
// accepted.
type RecipientErrors map[string]error

// Error names the recipients and the reasons.
func (e RecipientErrors) Error() string {
	var list []string
	for to, err := range e {
		list = append(list, fmt.Sprintf("%s: %v", to, err))
	}
	slices.Sort(list)
	if len(list) > maxListed {
		list = append(list[:maxListed], fmt.Sprintf("and %d more", len(list)-maxListed))
	}
	return "smtpace: recipients not accepted: " + strings.Join(list, "; ")
}

// NotSent marks an error of a function called by a Pacer: the message was certainly not
// sent, so another try cannot make a second copy. It returns nil for nil.
func NotSent(err error) error {
	if err == nil {
		return nil
	}
	return &notSentError{err}
}

// notSentError is an error that NotSent has marked.
type notSentError struct{ err error }

// Error returns the text of the error.
func (e *notSentError) Error() string { return e.err.Error() }

// Unwrap returns the error that was marked.
func (e *notSentError) Unwrap() error { return e.err }

// AtStage adds the stage of a session at which an error of a function occurred, for
// those that speak SMTP themselves. A refusal up to classify.StageMail concerns what
// the message goes through, a later one its destination. Only an error at
// classify.StageDot leaves open whether the message was sent. It returns nil for nil.
func AtStage(stage classify.Stage, err error) error {
	if err == nil {
		return nil
	}
	return &stageError{stage, err}
}

// stageError is an error of a known stage.
type stageError struct {
	stage classify.Stage
	err   error
}

// Error returns the text of the error behind its stage.
func (e *stageError) Error() string { return e.stage.String() + ": " + e.err.Error() }

// Unwrap returns the error.
func (e *stageError) Unwrap() error { return e.err }
