package simulate

import (
	"math/rand/v2"
	"time"
)

// FixedWindow allows Count in every Per, counted anew from its turn on, which
// comes at any moment of the sender's minute or hour: the same in every run of
// one seed.
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
