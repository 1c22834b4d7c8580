package simulate

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestMisses(t *testing.T) {
	goals := Goals{Refused: 0.02, LateRefused: 0.01, RefusedTries: 10, NoneLate: true, Goodput: 0.95, Recovery: 0.9, Slower: 0.02}
	good := Score{Refused: 0.02, LateRefused: 0.01, RefusedTries: 10, Goodput: 0.95, Recovery: 0.9, Slower: 0.02}
	if misses := goals.Misses(good); misses != nil {
		t.Errorf("a score that is just good enough misses %q", misses)
	}
	if misses := (Goals{}).Misses(Score{Refused: 1}); misses != nil {
		t.Errorf("without goals %q are missed", misses)
	}
	bad := map[string]Score{
		"refused 3.00 %":   {Refused: 0.03, Goodput: 1, Recovery: 1},
		"after the first":  {LateRefused: 0.02, Goodput: 1, Recovery: 1},
		"11 tries, want":   {RefusedTries: 11, Goodput: 1, Recovery: 1},
		"want none":        {LateRefusedTries: 1, Goodput: 1, Recovery: 1},
		"goodput 0.940":    {Goodput: 0.94, Recovery: 1},
		"goodput NaN":      {Goodput: math.NaN(), Recovery: 1},
		"of the new limit": {Goodput: 1, Recovery: 0.89},
		"slower than":      {Goodput: 1, Recovery: 1, Slower: math.Inf(1)},
	}
	for want, s := range bad {
		if misses := goals.Misses(s); len(misses) != 1 || !strings.Contains(misses[0], want) {
			t.Errorf("got %q, want one with %q", misses, want)
		}
	}
}

func TestGoalsInText(t *testing.T) {
	g := Goals{Refused: 0.015, LateRefused: 0.005, Goodput: 0.95, Recovery: 0.9, RecoverBy: 5 * time.Minute, Slower: 0.02, RefusedTries: 3, NoneLate: true}
	want := "refused <= 1.5 %, refused <= 3 tries, late <= 0.5 %, late none, goodput >= 0.95, 90 % of the new limit in 5m0s, others <= 2 % slower"
	if got := g.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (Goals{}).String(); got != "" {
		t.Errorf("no goals are %q", got)
	}
}

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
