package smtptest

import "time"

// Greylist refuses every triple of client address, sender and recipient until
// some time has passed since it was first seen (RFC 6647). The zero Greylist
// refuses none.
type Greylist struct {
	Delay time.Duration // how long a triple is refused; 0: not at all
	Reply string        // "": "450 4.2.0 <recipient>: Recipient address rejected: Greylisted"
}

// triple is what a greylist remembers a client by.
type triple struct{ client, from, to string }
