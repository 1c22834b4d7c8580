package simulate

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
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
			checkNotSlowed(t, sc)
		})
	}
}

// checkNotSlowed fails the test where inference slows a scenario down.
func checkNotSlowed(t *testing.T, sc Scenario) {
	t.Helper()
	var took [2]time.Duration
	for k, only := range []bool{false, true} {
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

// TestSmallLimitsWithoutWordsAreFound: a receiver that accepts a few messages a minute, or in
// ten, refuses no more than it accepts.
func TestSmallLimitsWithoutWordsAreFound(t *testing.T) {
	for _, test := range []struct {
		name   string
		model  Model
		reply  string
		length time.Duration
	}{
		{"7 a minute burst 3, closed", Bucket{7, time.Minute, 3}, noWord, 12 * time.Hour},
		{"5 a minute burst 2, 421", Bucket{5, time.Minute, 2}, noReasonEnds, 12 * time.Hour},
		{"6 a minute burst 1, 451", Bucket{6, time.Minute, 1}, noReason, 12 * time.Hour},
		{"5 a sliding minute, 451", SlidingWindow{5, time.Minute}, noReason, 12 * time.Hour},
		{"5 a sliding 10 minutes, 451", SlidingWindow{5, 10 * time.Minute}, noReason, 24 * time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sc := finite(test.name, test.length, one(classify.StageMail, test.reply, test.model))
			r, err := sc.Run(Paced, 1)
			if err != nil {
				t.Fatal(err)
			}
			if r.Refused > r.Accepted {
				t.Errorf("%d are refused and %d accepted", r.Refused, r.Accepted)
			}
		})
	}
}

// TestAShareAtRandomIsNoRhythm: where a receiver accepts one of five or ten whatever the pace,
// the times between those that are accepted are alike by chance only.
func TestAShareAtRandomIsNoRhythm(t *testing.T) {
	for _, share := range []float64{0.8, 0.9} {
		sc := finite("most of MAIL at random", 12*time.Hour, one(classify.StageMail, noReason, custom(random(share))))
		sc.Destinations[0].Messages = 1000
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			t.Parallel()
			checkNotSlowed(t, sc)
		})
	}
}
