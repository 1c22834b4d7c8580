package pool

import "github.com/smtpace/smtpace/classify"

// Answer is what became of one recipient in one transaction.
type Answer struct {
	// Stage is the stage that decided: StageDot when the message went out,
	// else that of the refusal or fault.
	Stage classify.Stage

	// Err is the *[classify.Reply] that decided, also when it accepts, or the
	// I/O or protocol error, or [ErrCancelled] or [ErrClosed]. It is never nil.
	// A reply can also come from this package, before anything is sent: to an
	// address or a message that the server could not take.
	Err error

	// Verdict is what Config.Classifier makes of the two.
	Verdict classify.Verdict
}
