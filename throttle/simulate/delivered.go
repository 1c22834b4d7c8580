package simulate

import "time"

// Delivered is what became of the messages to one destination.
type Delivered struct {
	Name              string
	Created, Accepted int
	Last              time.Duration // when the last was accepted
}
