package throttle

import "testing"

// TestRefusedAgainIsNoBackground has refusals that are tolerated as a background. An
// experiment with more connections is due only if connections that were refused are
// refused again more often than others.
func TestRefusedAgainIsNoBackground(t *testing.T) {
	for _, test := range []struct {
		name  string
		again []bool // the outcomes of tries after a refusal, true for a refusal
		due   bool
	}{
		{"nothing is known", nil, false},
		{"at random", []bool{false, true, false, false, false, false}, false},
		{"a limit for all", []bool{false, false, false, false}, false},
		{"each connection has a limit", []bool{true, true, false, true, true}, true},
		{"each has, but it was long ago", append([]bool{true, true, true, true}, make([]bool, 2*lastAgain)...), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, e, c := newSpread(t)
			sp := e.spread
			sp.rate.estimates, sp.hinted = wellKnown, true
			if !sp.due(r.now) {
				t.Fatal("no experiment is due although nothing speaks against it")
			}
			sp.rate.background = &background{share: 0.1}
			for _, refused := range test.again {
				c.rebuffed = true
				sp.triedAgain(c, refused)
			}
			if got := sp.due(r.now); got != test.due {
				t.Errorf("an experiment is due: %v, want %v", got, test.due)
			}
		})
	}
}
