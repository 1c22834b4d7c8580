package smtptest

import "time"

// Tarpit slows down who sends faster than a server likes, where others refuse.
// The zero Tarpit slows down nobody.
type Tarpit struct {
	Free  Rate          // messages that are answered at once; its Reply is not used
	Delay time.Duration // how long the reply to the final dot of any other waits
}
