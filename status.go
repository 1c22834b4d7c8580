package smtpace

// Status is how a recipient ended. The zero value is NotTried.
type Status uint8

// The five outcomes; every recipient ends in exactly one of them.
const (
	// NotTried: no transaction was begun that could have delivered it; it is
	// safe to send it again.
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

// MarshalText returns the same text as String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
