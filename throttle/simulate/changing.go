package simulate

import (
	"math/rand/v2"
	"time"
)

// Changing is First until At and Then from At on, where Then begins as new.
type Changing struct {
	At          time.Duration
	First, Then Model
}

func (c Changing) gate(rng *rand.Rand) gate {
	return &changing{at: c.At, first: c.First.gate(rng), then: c.Then.gate(rng)}
}

type changing struct {
	at          time.Duration
	first, then gate
}

func (c *changing) admit(q query) bool {
	if q.now < c.at {
		return c.first.admit(q)
	}
	return c.then.admit(q)
}
