package simulate

import "time"

// Receiver is a host that mail is sent to. Its Rules are asked in their order,
// and the first that refuses is the answer; what those before it have counted
// stays counted. A Receiver without Rules takes everything.
type Receiver struct {
	// Service is the time between the final dot and its reply, as a mean; zero
	// means 20 ms. It varies by up to half, evenly.
	Service time.Duration
	// Tarpit, if its Free is not nil, slows down who is too fast.
	Tarpit Tarpit
	Rules  []Rule
}
