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

// ByteBucket is a Bucket of the bytes of messages. It belongs to StageMail.
type ByteBucket Bucket

func (b ByteBucket) gate(rng *rand.Rand) gate {
	return &byteBucket{Bucket(b).gate(rng).(*bucket)}
}

type byteBucket struct{ *bucket }

func (b *byteBucket) admit(q query) bool {
	b.tokens = min(b.burst, b.tokens+b.rate*(q.now-b.last).Seconds())
	b.last = q.now
	if b.tokens < float64(q.bytes) {
		return false
	}
	b.tokens -= float64(q.bytes)
	return true
}

// FixedWindow allows Count in every Per, and counts anew in each. The periods
// begin at a random moment of the sender's minute or hour, the same in every
// run of one seed.
type FixedWindow struct {
	Count int
	Per   time.Duration
}

func (w FixedWindow) gate(rng *rand.Rand) gate {
	return &fixedWindow{FixedWindow: w, phase: time.Duration(rng.Int64N(int64(w.Per)))}
}

type fixedWindow struct {
	FixedWindow
	phase time.Duration
	turn  int64
	n     int
}

func (w *fixedWindow) admit(q query) bool {
	if turn := int64((q.now + w.phase) / w.Per); turn != w.turn {
		w.turn, w.n = turn, 0
	}
	if w.n >= w.Count {
		return false
	}
	w.n++
	return true
}

// SlidingWindow allows Count in any period of length Per. What is refused does
// not count.
type SlidingWindow struct {
	Count int
	Per   time.Duration
}

func (w SlidingWindow) gate(*rand.Rand) gate {
	return &slidingWindow{SlidingWindow: w, log: make([]time.Duration, 0, w.Count)}
}

// slidingWindow keeps the times of the last Count events in a ring.
type slidingWindow struct {
	SlidingWindow
	log   []time.Duration
	first int
}

func (w *slidingWindow) admit(q query) bool {
	if len(w.log) < w.Count {
		w.log = append(w.log, q.now)
		return true
	}
	if q.now-w.log[w.first] < w.Per {
		return false
	}
	w.log[w.first] = q.now
	w.first = (w.first + 1) % w.Count
	return true
}
