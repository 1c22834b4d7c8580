package simulate

import "time"

// Tarpit makes the reply to the final dot wait for Delay whenever Free does
// not admit the message.
type Tarpit struct {
	Free  Model
	Delay time.Duration
}
