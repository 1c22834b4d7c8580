package smtpace

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Recipient is the outcome of a message for one recipient. As JSON, Err is its
// text and Reply an object; what is read back has the same Status, and an Err
// of the same text, behind which errors.As finds Reply where it did before.
type Recipient struct {
	Address     string `json:"address"`               // as the caller gave it
	Destination string `json:"destination,omitempty"` // the destination whose limits applied
	Status      Status `json:"status"`

	Class classify.Class  `json:"class,omitempty"` // the meaning of the last answer
	Reply *classify.Reply `json:"-"`               // the last reply that was read for it; nil when there was none
	Err   error           `json:"-"`               // the reason when it is not delivered: a reply, an I/O error, an expiry; nil when it is

	Tries     int `json:"tries,omitempty"`     // transactions begun
	Attempts  int `json:"attempts,omitempty"`  // tries that counted against the retry policy
	Ambiguous int `json:"ambiguous,omitempty"` // tries whose final dot was sent and whose reply never came

	FirstTry time.Time `json:"first_try,omitzero"` // the end of the first try; zero when there was none
	LastTry  time.Time `json:"last_try,omitzero"`  // the end of the last try
}

// SafeToResend reports whether sending the message to this recipient once more
// cannot make a second copy. It says no after a try whose final dot was sent
// and whose reply never came, even when a later try was refused.
func (r Recipient) SafeToResend() bool { return r.Status.SafeToResend() && r.Ambiguous == 0 }

// plainRecipient is Recipient without its methods.
type plainRecipient Recipient

// recipientJSON is a Recipient as it stands in JSON.
type recipientJSON struct {
	plainRecipient
	Reply *replyJSON `json:"reply,omitempty"`
	Error string     `json:"error,omitempty"`
	// Replied is set when Reply stands behind Error.
	Replied bool `json:"replied,omitempty"`
}

// replyJSON is a reply as it stands in JSON.
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

// storedError is an error that was read from JSON, with the reply behind it.
type storedError struct {
	text  string
	reply *classify.Reply
}

// Error returns the text of the error that was written.
func (e *storedError) Error() string { return e.text }

// Unwrap returns the reply.
func (e *storedError) Unwrap() error { return e.reply }
