package pool

import (
	"errors"
	"fmt"
	"strings"
)

// DSN asks the receiver to report what becomes of a message (RFC 3461). The
// zero DSN asks for nothing: then a receiver reports failures.
//
// A server that does not offer DSN is not asked, and reports as it likes.
type DSN struct {
	// Notify holds the occasions for a report; 0 leaves them to the receiver.
	Notify Notify
	// Return is the part of the message that a report of failure should contain.
	Return Return
	// EnvelopeID is repeated in every report: up to 100 printable ASCII
	// characters, "" for none.
	EnvelopeID string
}

// maxEnvelopeID is the greatest length in characters (RFC 3461 4.4).
const maxEnvelopeID = 100

// Validate reports all that is wrong with d.
func (d DSN) Validate() error {
	var errs []error
	if d.Notify > NotifySuccess|NotifyFailure|NotifyDelay && d.Notify != NotifyNever {
		errs = append(errs, fmt.Errorf("pool: DSN.Notify is %d; it must be NotifyNever alone or a sum of the others", d.Notify))
	}
	if d.Return > ReturnHeaders {
		errs = append(errs, fmt.Errorf("pool: DSN.Return is %d; it must be ReturnFull, ReturnHeaders or 0", d.Return))
	}
	if len(d.EnvelopeID) > maxEnvelopeID {
		errs = append(errs, fmt.Errorf("pool: DSN.EnvelopeID has %d characters; at most %d are allowed", len(d.EnvelopeID), maxEnvelopeID))
	}
	if i := strings.IndexFunc(d.EnvelopeID, func(c rune) bool { return c < ' ' || c > '~' }); i >= 0 {
		errs = append(errs, fmt.Errorf("pool: DSN.EnvelopeID has a character at byte %d that is not printable ASCII", i))
	}
	return errors.Join(errs...)
}

// mail returns the parameters of MAIL, each with a space in front; "" for none.
func (d DSN) mail() string {
	if d.Return == 0 && d.EnvelopeID == "" {
		return ""
	}
	var b strings.Builder
	switch d.Return {
	case ReturnFull:
		b.WriteString(" RET=FULL")
	case ReturnHeaders:
		b.WriteString(" RET=HDRS")
	}
	if d.EnvelopeID != "" {
		b.WriteString(" ENVID=")
		writeXtext(&b, d.EnvelopeID)
	}
	return b.String()
}

// rcpt returns the parameter of RCPT with a space in front; "" for none.
func (d DSN) rcpt() string {
	if d.Notify == 0 {
		return ""
	}
	return " NOTIFY=" + d.Notify.String()
}

// writeXtext writes a text in the encoding xtext (RFC 3461 4).
func writeXtext(b *strings.Builder, s string) {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
}

// Notify is a set of occasions for a report (RFC 3461 4.1): NotifyNever, or a sum
// of the others. The zero value leaves them to the receiver.
type Notify uint8

// The occasions.
const (
	NotifySuccess Notify = 1 << iota // it was delivered
	NotifyFailure                    // it was not
	NotifyDelay                      // it is late
	NotifyNever                      // not at all, also when it fails
)

// String returns the value of the NOTIFY parameter.
func (n Notify) String() string {
	var names []string
	for i, name := range []string{"SUCCESS", "FAILURE", "DELAY", "NEVER"} {
		if n&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// Return is the part of a message that a report of failure should contain (RFC
// 3461 4.3). The zero value leaves it to the receiver.
type Return uint8

// The choices.
const (
	ReturnFull    Return = iota + 1 // all of it
	ReturnHeaders                   // its header
)
