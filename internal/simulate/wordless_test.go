package simulate

import (
	"testing"
	"time"
)

// TestLimitsWithoutWordsAreFound: where no reply names the limit, hardly more is refused
// than where one does, and as much is accepted. The bounds are looser than the goals, for
// one seed is played.
func TestLimitsWithoutWordsAreFound(t *testing.T) {
	if shortLength < time.Minute {
		t.Skip("the race detector is on")
	}
	for _, l := range WordlessLimits() {
		if len(l.Worded.Hosts) > 1 {
			continue // it takes long
		}
		for _, sc := range l.Ways {
			t.Run(sc.Name, func(t *testing.T) {
				t.Parallel()
				worded, err := l.Worded.Score(Paced, 1)
				if err != nil {
					t.Fatal(err)
				}
				got, err := sc.Score(Paced, 1)
				if err != nil {
					t.Fatal(err)
				}
				if most := 2*worded.Refused + 0.005; got.Refused > most {
					t.Errorf("%.2f %% refused, want %.2f %% at most", 100*got.Refused, 100*most)
				}
				if got.Goodput < 0.93 {
					t.Errorf("goodput %.3f", got.Goodput)
				}
			})
		}
	}
}

// TestNoLimitIsInferredWhereThereIsNone: refusals that are of no limit slow nothing down,
// beside the same where nothing is inferred.
func TestNoLimitIsInferredWhereThereIsNone(t *testing.T) {
	if shortLength < time.Minute {
		t.Skip("the race detector is on")
	}
	for _, sc := range Limitless() {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			var took [2]time.Duration
			for k, only := range []bool{false, true} {
				sc := sc
				sc.WordsOnly = only
				r, err := sc.Run(Paced, 1)
				if err != nil {
					t.Fatal(err)
				}
				took[k] = r.Reached(0.9)
			}
			if took[0] > took[1]*5/4 {
				t.Errorf("90 %% are accepted after %v, and after %v where nothing is inferred", took[0], took[1])
			}
		})
	}
}

// TestWithoutInferenceWordlessLimitsCostMuch: the switch for comparisons works.
func TestWithoutInferenceWordlessLimitsCostMuch(t *testing.T) {
	sc := short(WordlessLimits()[1].Ways[0])
	sc.WordsOnly = true
	s, err := sc.Score(Paced, 1)
	if err != nil {
		t.Fatal(err)
	}
	if s.Refused < 0.05 {
		t.Errorf("%.2f %% refused where nothing is inferred", 100*s.Refused)
	}
}
