package smtpace

import "time"

// Result tells how a message ended: one entry per recipient. It belongs to the
// receiver of it; this package keeps no reference.
type Result struct {
	ID         any         // the caller's own, from Message.ID
	Recipients []Recipient // To, Cc and Bcc, in this order, each address once
	Accepted   time.Time   // when the message was accepted
	Settled    time.Time   // when its last recipient was settled
}

// Delivered reports whether every recipient was delivered.
func (r *Result) Delivered() bool {
	for i := range r.Recipients {
		if r.Recipients[i].Status != Delivered {
			return false
		}
	}
	return true
}

// Err returns nil when every recipient was delivered, else a [*SendError] that
// lists the others.
func (r *Result) Err() error {
	if r.Delivered() {
		return nil
	}
	return &SendError{Result: r}
}
