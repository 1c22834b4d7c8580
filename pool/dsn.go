package pool

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wneessen/go-mail"
)

// DSN asks the receiver to report what becomes of a message (RFC 3461). The
// zero DSN asks for nothing: then a receiver reports failures.
//
// A server that does not offer DSN is not asked, and reports as it likes.
type DSN struct {
	// Notify are the occasions for a report (RFC 3461 4.1): mail.DSNRcptNotifyNever
	// alone, or any of the others, each once. None leaves them to the receiver.
	Notify []mail.DSNRcptNotifyOption
	// Return is the part of the message that a report of failure should contain (RFC
	// 3461 4.3); "" leaves it to the receiver.
	Return mail.DSNMailReturnOption
	// EnvelopeID is repeated in every report: up to 100 printable ASCII
	// characters, "" for none.
	EnvelopeID string
}

// maxEnvelopeID is the greatest length in characters (RFC 3461 4.4).
const maxEnvelopeID = 100

// Validate reports all that is wrong with d.
func (d DSN) Validate() error {
	if d.isZero() {
		return nil
	}
	var errs []error
	if !d.validNotify() {
		errs = append(errs, fmt.Errorf("pool: DSN.Notify is %q; it must be NEVER alone, or SUCCESS, FAILURE and DELAY, each at most once", d.Notify))
	}
	if d.Return != "" && d.Return != mail.DSNMailReturnFull && d.Return != mail.DSNMailReturnHeadersOnly {
		errs = append(errs, fmt.Errorf("pool: DSN.Return is %q; it must be FULL, HDRS or empty", d.Return))
	}
	if len(d.EnvelopeID) > maxEnvelopeID {
		errs = append(errs, fmt.Errorf("pool: DSN.EnvelopeID has %d characters; at most %d are allowed", len(d.EnvelopeID), maxEnvelopeID))
	}
	if i := strings.IndexFunc(d.EnvelopeID, func(c rune) bool { return c < ' ' || c > '~' }); i >= 0 {
		errs = append(errs, fmt.Errorf("pool: DSN.EnvelopeID has a character at byte %d that is not printable ASCII", i))
	}
	return errors.Join(errs...)
}

// validNotify reports whether Notify is one of the values of RFC 3461 4.1.
func (d DSN) validNotify() bool {
	for i, n := range d.Notify {
		switch n {
		case mail.DSNRcptNotifyNever:
			if len(d.Notify) > 1 {
				return false
			}
		case mail.DSNRcptNotifySuccess, mail.DSNRcptNotifyFailure, mail.DSNRcptNotifyDelay:
			if slices.Contains(d.Notify[:i], n) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// isZero reports whether d asks for nothing.
func (d DSN) isZero() bool { return len(d.Notify) == 0 && d.Return == "" && d.EnvelopeID == "" }

// mail returns the parameters of MAIL, each with a space in front; "" for none.
func (d DSN) mail() string {
	var b strings.Builder
	if d.Return != "" {
		b.WriteString(" RET=" + string(d.Return))
	}
	if d.EnvelopeID != "" {
		b.WriteString(" ENVID=")
		writeXtext(&b, d.EnvelopeID)
	}
	return b.String()
}

// rcpt returns the parameter of RCPT with a space in front. Notify must not be empty.
func (d DSN) rcpt() string {
	names := make([]string, len(d.Notify))
	for i, n := range d.Notify {
		names[i] = string(n)
	}
	return " NOTIFY=" + strings.Join(names, ",")
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
