package smtpace

import "time"

// Result is the outcome of a message, with one entry per recipient. It belongs
// to whoever receives it. It can be kept as JSON and read back; an ID then has
// the type that encoding/json gives it.
type Result struct {
	ID         any         `json:"id,omitempty"`      // the caller's own, from Message.ID
	Recipients []Recipient `json:"recipients"`        // To, Cc and Bcc, in this order, each address once
	Accepted   time.Time   `json:"accepted,omitzero"` // the time at which the message was accepted
	Settled    time.Time   `json:"settled,omitzero"`  // the time at which its last recipient was settled
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
