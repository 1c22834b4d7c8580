package simulate

import (
	"math"
	"testing"
)

func TestWorse(t *testing.T) {
	a := Score{Refused: 0.1, Goodput: 0.9, RefusedTries: 3, Slower: math.NaN(), Recovery: 1}
	b := Score{LateRefused: 0.2, Goodput: 0.8, RefusedTries: 2, Slower: math.NaN(), Recovery: 0.5}
	got := a.Worse(b)
	if got.Refused != 0.1 || got.LateRefused != 0.2 || got.Goodput != 0.8 || got.RefusedTries != 3 || got.Recovery != 0.5 || !math.IsNaN(got.Slower) {
		t.Errorf("got %+v, want the worse of each", got)
	}
}

func TestOneDestinationThatIsUnwellAloneIsNoComparison(t *testing.T) {
	sc := few(100)
	sc.Destinations[0].Unwell = true
	if _, err := sc.Score(Paced, 1); err == nil {
		t.Error("want an error: without it there is no destination")
	}
}
