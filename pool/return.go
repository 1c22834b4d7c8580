package pool

// Return is how much of a message a report of failure should have (RFC 3461
// 4.3). The zero value leaves it to the receiver.
type Return uint8

// The choices.
const (
	ReturnFull    Return = iota + 1 // all of it
	ReturnHeaders                   // its header
)
