package pool

import "strings"

// Notify is when a report is wanted (RFC 3461 4.1): NotifyNever, or a sum of
// the others. The zero value leaves it to the receiver.
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
