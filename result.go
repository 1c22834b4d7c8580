package smtpace

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Result is the outcome of a message, with one entry per recipient. It belongs
// to the function that receives it. It can be kept as JSON and read back; an ID
// then has the type that encoding/json gives it.
type Result struct {
	ID         any         `json:"id,omitempty"`      // the caller's own, from Message.ID
	Number     uint64      `json:"-"`                 // number of the message at its Sender, from 1 in the order of acceptance; 0 when it was not accepted
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

// Recipient is the outcome of a message for one recipient. In JSON, Err is a text and
// Reply an object. A Recipient read back has the same Status, and an Err of the same
// text, which wraps Reply if it did before.
type Recipient struct {
	Address     string `json:"address"`               // as the caller gave it
	Destination string `json:"destination,omitempty"` // the destination whose limits applied
	Status      Status `json:"status"`

	Class classify.Class  `json:"class,omitempty"` // the meaning of the last answer
	Reply *classify.Reply `json:"-"`               // the last reply that was read for it; nil when there was none
	Err   error           `json:"-"`               // the reason for any status but Delivered: a reply, an I/O error, an expiry; nil for Delivered

	Tries     int `json:"tries,omitempty"`     // transactions begun
	Attempts  int `json:"attempts,omitempty"`  // tries that counted against the retry policy
	Ambiguous int `json:"ambiguous,omitempty"` // ambiguous tries: the final dot was sent, and the reply never came

	FirstTry time.Time `json:"first_try,omitzero"` // the end of the first try; zero when there was none
	LastTry  time.Time `json:"last_try,omitzero"`  // the end of the last try
}

// SafeToResend reports whether sending the message to this recipient once more cannot
// make a second copy. It returns false after an ambiguous try (the final dot was sent,
// and the reply never came), even when a later try was refused.
func (r Recipient) SafeToResend() bool { return r.Status.safeToResend() && r.Ambiguous == 0 }

// plainRecipient is a Recipient without methods.
type plainRecipient Recipient

// recipientJSON is the JSON form of a Recipient.
type recipientJSON struct {
	plainRecipient
	Reply *replyJSON `json:"reply,omitempty"`
	Error string     `json:"error,omitempty"`
	// Replied tells whether Error wraps Reply.
	Replied bool `json:"replied,omitempty"`
}

// replyJSON is the JSON form of a reply.
type replyJSON struct {
	Code     int    `json:"code"`
	Enhanced string `json:"enhanced,omitempty"`
	Text     string `json:"text,omitempty"`
}

// MarshalJSON writes r with snake-case keys, Err as a text and Reply as an
// object.
func (r Recipient) MarshalJSON() ([]byte, error) {
	out := recipientJSON{plainRecipient: plainRecipient(r)}
	if r.Reply != nil {
		out.Reply = &replyJSON{r.Reply.Code, r.Reply.Enhanced, r.Reply.Text}
	}
	if r.Err != nil {
		out.Error = r.Err.Error()
		reply, ok := errors.AsType[*classify.Reply](r.Err)
		out.Replied = ok && r.Reply != nil && *reply == *r.Reply
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Recipient) UnmarshalJSON(text []byte) error {
	var in recipientJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	*r = Recipient(in.plainRecipient)
	if in.Reply != nil {
		r.Reply = &classify.Reply{Code: in.Reply.Code, Enhanced: in.Reply.Enhanced, Text: in.Reply.Text}
	}
	switch {
	case in.Error == "":
	case in.Replied && r.Reply != nil && r.Reply.Error() == in.Error:
		r.Err = r.Reply
	case in.Replied && r.Reply != nil:
		r.Err = &storedError{in.Error, r.Reply}
	default:
		r.Err = errors.New(in.Error)
	}
	return nil
}

// storedError is an error that was read from JSON, with the reply that it wraps.
type storedError struct {
	text  string
	reply *classify.Reply
}

// Error returns the text of the error that was written.
func (e *storedError) Error() string { return e.text }

// Unwrap returns the reply.
func (e *storedError) Unwrap() error { return e.reply }

// Status is the final state of a recipient. The zero value is NotTried.
//
// Whether the same message may be sent to the recipient again without the risk
// of a second copy:
//
//	Status     SafeToResend  because
//	NotTried   yes           nothing was sent that could have delivered it
//	Delivered  no            the receiver has it
//	Refused    yes           the receiver does not have it; the answer will be the same
//	GaveUp     yes           every try ended without the receiver taking it
//	Unknown    no            the receiver may have it
type Status uint8

// The five outcomes; every recipient ends in exactly one of them.
const (
	// NotTried: no transaction was begun that could have delivered it.
	NotTried Status = iota
	// Delivered: the receiver answered the final dot with a 2yz reply.
	Delivered
	// Refused for good: by the receiver with a 5yz reply that is final, or by
	// a check of this package before anything was sent.
	Refused
	// GaveUp: it was tried and put off until it expired or was withdrawn.
	GaveUp
	// Unknown: a final dot was sent, its reply never read, and no try is left.
	Unknown
)

// statusNames are the texts of the statuses.
var statusNames = [...]string{"not_tried", "delivered", "refused", "gave_up", "unknown"}

// String returns the status in snake case, "gave_up".
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "invalid"
}

// safeToResend reports whether sending the message to the recipient once more
// cannot make a second copy. See [Recipient.SafeToResend], which also knows of
// earlier tries.
func (s Status) safeToResend() bool { return s == NotTried || s == Refused || s == GaveUp }

// MarshalText returns the same text as String. It fails for a value that is
// none of the five.
func (s Status) MarshalText() ([]byte, error) {
	if int(s) >= len(statusNames) {
		return nil, fmt.Errorf("smtpace: %d is not a Status: want 0 to %d", uint8(s), len(statusNames)-1)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads what String returns, in upper or lower case.
func (s *Status) UnmarshalText(text []byte) error {
	i := slices.Index(statusNames[:], strings.ToLower(string(text)))
	if i < 0 {
		return fmt.Errorf("smtpace: %.40q is not a status: want one of %s", text, strings.Join(statusNames[:], ", "))
	}
	*s = Status(i)
	return nil
}
