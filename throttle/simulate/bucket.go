package simulate

import (
	"math/rand/v2"
	"time"
)

// Bucket is a token bucket: it holds Burst tokens, is full at first, and gains
// Count tokens in every Per, evenly. A Burst of zero means 1. What is refused
// takes no token.
type Bucket struct {
	Count int
	Per   time.Duration
	Burst int
}

func (b Bucket) gate(*rand.Rand) gate {
	burst := float64(max(b.Burst, 1))
	return &bucket{rate: rate(b.Count, b.Per), burst: burst, tokens: burst}
}

type bucket struct {
	rate, burst, tokens float64
	last                time.Duration
}

func (b *bucket) admit(q query) bool {
	b.tokens = min(b.burst, b.tokens+b.rate*(q.now-b.last).Seconds())
	b.last = q.now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
