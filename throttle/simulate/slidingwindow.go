package simulate

import (
	"math/rand/v2"
	"time"
)

// SlidingWindow allows Count in any stretch of length Per. What is refused does
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
