package simulate

import (
	"math/rand/v2"
	"time"
)

// Model is what a receiver counts and how much of it is allowed. A Model is a
// description; every run makes its own state of it. The models are those of
// this package.
type Model interface {
	gate(rng *rand.Rand) gate
}

// gate is the state of a Model in one run.
type gate interface {
	// admit reports whether what is asked may happen, and counts it if so.
	admit(q query) bool
}

// query is what a receiver is asked.
type query struct {
	now     time.Duration // since the start of the run
	open    int           // connections to the host, this one excluded
	carried int           // messages that the connection has begun, this one excluded
	box     int           // the recipient; at StageBanner 0
	domain  string        // and its destination
}

// rate is Count in every Per, in events a second.
func rate(count int, per time.Duration) float64 { return float64(count) / per.Seconds() }
