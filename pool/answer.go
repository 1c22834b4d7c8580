package pool

import "github.com/smtpace/smtpace/classify"

// Answer is the outcome of one transaction for one recipient.
type Answer struct {
	// Stage is the stage that decided: StageDot when the message went out,
	// else that of the refusal or fault.
	Stage classify.Stage

	// Err is nil when the recipient was delivered; else the *[classify.Reply]
	// that decided, or the I/O or protocol error, or [ErrCancelled] or
	// [ErrClosed], or the error of User.BeforeDot.
	Err error

	// Reply is the reply that decided, also when it accepts; nil when there was
	// none. It can also come from this package, before anything is sent: to an
	// address or a message that the server could not take.
	Reply *classify.Reply

	// Verdict is the judgement of Config.Classifier on Err or Reply.
	Verdict classify.Verdict

	given bool // until then the recipient is open
}

// newAnswer returns the answer that a verdict on a reply or an error makes.
func newAnswer(stage classify.Stage, err error, v classify.Verdict) Answer {
	r, _ := err.(*classify.Reply)
	if v.Recipient == classify.Delivered {
		err = nil
	}
	return Answer{Stage: stage, Err: err, Reply: r, Verdict: v, given: true}
}
