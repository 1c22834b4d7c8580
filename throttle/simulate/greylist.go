package simulate

import (
	"math/rand/v2"
	"time"
)

// Greylist refuses every triple of client, sender and recipient until Delay
// has passed since it was first seen (RFC 6647). There is one client and one
// sender here, so a triple is a recipient. It belongs to StageRcpt.
type Greylist struct{ Delay time.Duration }

func (g Greylist) gate(*rand.Rand) gate {
	return &greylist{delay: g.Delay, seen: map[int]time.Duration{}}
}

type greylist struct {
	delay time.Duration
	seen  map[int]time.Duration
}

func (g *greylist) admit(q query) bool {
	first, known := g.seen[q.box]
	if !known {
		g.seen[q.box] = q.now
		return false
	}
	return q.now-first >= g.delay
}
