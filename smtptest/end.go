package smtptest

// End says how a session goes on after a fault. The zero value is Continue.
type End uint8

// The ends.
const (
	Continue End = iota // as if nothing had happened, even after a 421
	Close               // the connection is closed in order (FIN)
	Reset               // the connection is reset (RST)
	Stall               // nothing is said any more, until the client hangs up or the server closes
)

var endNames = [...]string{"continue", "close", "reset", "stall"}

// String returns the end in lower case.
func (e End) String() string {
	if int(e) < len(endNames) {
		return endNames[e]
	}
	return "invalid"
}
