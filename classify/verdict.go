package classify

import "time"

// Verdict is what an answer means to the sender. It is a plain value.
type Verdict struct {
	Class      Class      // what kind of answer it is
	Recipient  Recipient  // what becomes of the recipients it concerns
	Connection Connection // what may still be done with the connection
	Limit      Limit      // which limit was hit; LimitNone mostly

	// RetryAfter is the delay that the reply itself asks for, from 1 s to
	// 24 h; 0 when it asks for none.
	RetryAfter time.Duration
}

// Throttled reports whether the answer names a limit of the receiver: then the
// message was not judged, only its time.
func (v Verdict) Throttled() bool { return v.Limit != LimitNone }
