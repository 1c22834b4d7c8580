package classify

import "time"

// Verdict is what an answer means to the sender. It is a plain value, and may be
// compared with ==.
type Verdict struct {
	Class      Class      // what kind of answer it is
	Recipient  Recipient  // what becomes of the recipients it concerns
	Connection Connection // what may still be done with the connection
	Limit      Limit      // which limit was hit; LimitNone mostly
	Scope      Scope      // what else would get the same answer

	// RetryAfter is the delay that the reply itself asks for, from 1 s to
	// 24 h; 0 when it asks for none.
	RetryAfter time.Duration

	// Rule is the name of the rule that decided, of the user's, of a profile's
	// or built in. It is "" where no rule is asked: for an accepted command, and
	// for an error that is not a reply.
	Rule string
}

// Throttled reports whether the answer names a limit of the receiver: then the
// message was not judged, only its time.
func (v Verdict) Throttled() bool { return v.Limit != LimitNone }
