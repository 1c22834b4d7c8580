package series

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// busy returns a row with so much waiting and so many tries.
func busy(name string, waits, tries float64) row {
	return row{name, []float64{waits}, []float64{tries}}
}

func names(rows []row) (all []string) {
	for _, r := range rows {
		all = append(all, r.name)
	}
	return all
}

func TestGroupNamesThoseWithTheMostMail(t *testing.T) {
	g := newGroup(2, 1, 1)
	if got := g.update(nil); len(got) != 0 {
		t.Errorf("%v of nothing", got)
	}
	got := g.update([]row{busy("a", 1, 0), busy("b", 5, 10), busy("c", 3, 1), busy("d", 0, 2)})
	if !slices.Equal(names(got), []string{"b", "c", Other}) || got[0].counters[0] != 10 || got[2].gauges[0] != 1 || got[2].counters[0] != 2 {
		t.Errorf("%v", got)
	}
	got = g.update([]row{busy("a", 4, 0), busy("b", 5, 10), busy("c", 3, 1), busy("d", 0, 2)})
	if !slices.Equal(names(got), []string{"b", "c", Other}) {
		t.Errorf("a little more than c took its place: %v", got)
	}
	for range 5 {
		got = g.update([]row{busy("a", 400, 7), busy("b", 5, 10), busy("c", 0, 1)})
	}
	if !slices.Equal(names(got), []string{"a", "b", Other}) || got[2].counters[0] < 2 {
		t.Errorf("much more than c did not take its place: %v", got)
	}
	if got = g.update(nil); !slices.Equal(names(got), []string{Other}) || got[0].gauges[0] != 0 {
		t.Errorf("all is gone: %v", got)
	}
}

func TestGroupTakesAnyName(t *testing.T) {
	g := newGroup(5, 1, 1)
	got := g.update([]row{busy(Other, 1, 1), busy("a\x00\xff", 2, 2), busy("a\x01", 3, 3), busy("", 1, 1)})
	if !slices.Equal(names(got), []string{"", "a ", Other}) || got[1].gauges[0] != 5 || got[1].counters[0] != 5 || got[2].counters[0] != 1 {
		t.Errorf("%v", got)
	}
}

// Whatever comes and goes, the number of names is bounded, no counter of a name that
// stays falls, and nothing is counted twice.
func TestGroupCountersOnlyRise(t *testing.T) {
	const top = 5
	r := rand.New(rand.NewPCG(1, 2))
	g, counts, before := newGroup(top, 1, 1), map[string]float64{}, map[string]float64{}
	gone := 0.0 // counted by names that have lost their places
	for range 2000 {
		var rows []row
		total := 0.0
		for i := range 50 {
			name := fmt.Sprint("d", i)
			if r.IntN(10) == 0 {
				counts[name] += float64(r.IntN(100 * (1 + i%7)))
			}
			total += counts[name]
			rows = append(rows, busy(name, float64(r.IntN(20)), counts[name]))
		}
		got, sum, now := g.update(rows), 0.0, map[string]float64{}
		for _, row := range got {
			if row.counters[0] < before[row.name] {
				t.Fatalf("%s fell from %v to %v", row.name, before[row.name], row.counters[0])
			}
			now[row.name] = row.counters[0]
			sum += row.counters[0]
		}
		for name, n := range before {
			if _, has := now[name]; !has {
				gone += n
			}
		}
		if before = now; len(got) > top+1 || sum+gone != total {
			t.Fatalf("%d names, %v counted and %v gone, want %v", len(got), sum, gone, total)
		}
	}
}
