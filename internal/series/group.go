package series

import (
	"cmp"
	"slices"

	"github.com/smtpace/smtpace/internal/printable"
)

// Other is the label of whatever is not among the names with the most mail.
const Other = "other"

// row is the values of one name at a collection.
type row struct {
	name     string
	gauges   []float64 // the first says what waits
	counters []float64
}

// group bounds the names of one label. A name that gets much mail takes the place of one
// that gets little. Counters of a name count from the time at which it has got its
// place, and "other" has the rest, so that every counter only rises.
type group struct {
	top      int
	gauges   int                  // number of gauges of a row
	counters int                  // number of its counters
	last     map[string][]float64 // counters of all rows at the last collection
	named    map[string][]float64 // counters of those with a place
	score    map[string]float64   // mail of each name, half of it from the last collection
	other    []float64
}

// newGroup returns a group of so many names, with so many gauges and counters each.
func newGroup(top, gauges, counters int) *group {
	return &group{top: top, gauges: gauges, counters: counters, last: map[string][]float64{}, named: map[string][]float64{}, score: map[string]float64{}, other: make([]float64, counters)}
}

// stayBonus is the factor by which a name must have more mail than one with a place to
// take it.
const stayBonus = 2

// update takes the rows of a collection in and returns the bounded ones, sorted by name,
// "other" at the end if there is anything else.
func (g *group) update(rows []row) []row {
	rows = merged(rows)
	deltas := g.advance(rows)
	g.choose(rows)
	rest := row{Other, make([]float64, g.gauges), nil}
	out := make([]row, 0, min(len(rows), g.top)+1)
	for i, r := range rows {
		into, has := g.named[r.name]
		if !has {
			into = g.other
			add(rest.gauges, r.gauges)
		}
		add(into, deltas[i])
		if has {
			out = append(out, row{r.name, r.gauges, slices.Clone(into)})
		}
	}
	slices.SortFunc(out, func(a, b row) int { return cmp.Compare(a.name, b.name) })
	if len(rows) > len(out) || slices.ContainsFunc(g.other, func(n float64) bool { return n > 0 }) {
		rest.counters = slices.Clone(g.other)
		out = append(out, rest)
	}
	return out
}

// maxName is the greatest length of a label in bytes.
const maxName = 128

// merged returns the rows with names that are printable and bounded, one for each name.
func merged(rows []row) []row {
	out, at := make([]row, 0, len(rows)), make(map[string]int, len(rows))
	for _, r := range rows {
		r.name = printable.Text(r.name, maxName)
		if i, has := at[r.name]; has {
			add(out[i].gauges, r.gauges)
			add(out[i].counters, r.counters)
			continue
		}
		at[r.name] = len(out)
		out = append(out, r)
	}
	return out
}

// advance notes the counters of the rows, and returns by how much each has risen. A
// counter that is less than before has begun anew.
func (g *group) advance(rows []row) [][]float64 {
	deltas, last, score := make([][]float64, len(rows)), make(map[string][]float64, len(rows)), make(map[string]float64, len(rows))
	for i, r := range rows {
		before := g.last[r.name]
		delta := make([]float64, g.counters)
		risen := 0.0
		for k, n := range r.counters {
			if delta[k] = n; before != nil && before[k] <= n {
				delta[k] -= before[k]
			}
			risen += delta[k]
		}
		deltas[i], last[r.name] = delta, r.counters
		score[r.name] = g.score[r.name]/2 + risen + r.gauges[0]
	}
	g.last, g.score = last, score
	return deltas
}

// choose gives the places to the names with the most mail.
func (g *group) choose(rows []row) {
	rank := func(name string) float64 {
		if _, has := g.named[name]; has {
			return g.score[name] * stayBonus
		}
		return g.score[name]
	}
	names := make([]string, 0, len(rows))
	for _, r := range rows {
		if r.name != Other {
			names = append(names, r.name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		_, aHas := g.named[a]
		_, bHas := g.named[b]
		return cmp.Or(cmp.Compare(rank(b), rank(a)), compareBool(bHas, aHas), cmp.Compare(a, b))
	})
	named := map[string][]float64{}
	for _, name := range names[:min(len(names), g.top)] {
		if named[name] = g.named[name]; named[name] == nil {
			named[name] = make([]float64, g.counters)
		}
	}
	g.named = named
}

// compareBool compares false as less than true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// add adds the elements of b to those of a.
func add(a, b []float64) {
	for i, n := range b {
		a[i] += n
	}
}
