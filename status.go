package smtpace

import (
	"fmt"
	"slices"
	"strings"
)

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

var statusNames = [...]string{"not_tried", "delivered", "refused", "gave_up", "unknown"}

// String returns the status in snake case, "gave_up".
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "invalid"
}

// SafeToResend reports whether sending the message to the recipient once more
// cannot make a second copy. See [Recipient.SafeToResend], which also knows of
// earlier tries.
func (s Status) SafeToResend() bool { return s == NotTried || s == Refused || s == GaveUp }

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
