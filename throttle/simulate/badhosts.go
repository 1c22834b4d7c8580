package simulate

import "math/rand/v2"

// BadHosts is a name behind which Of hosts take turns at random, Bad of which
// refuse everybody; it belongs to StageBanner.
type BadHosts struct{ Bad, Of int }

func (b BadHosts) gate(rng *rand.Rand) gate { return &badHosts{b, rng} }

type badHosts struct {
	BadHosts
	rng *rand.Rand
}

func (b *badHosts) admit(query) bool { return b.rng.IntN(b.Of) >= b.Bad }
