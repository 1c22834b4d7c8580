package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Goals are the figures that a score is measured against; zero is none.
type Goals struct {
	// Refused and LateRefused are the most of all tries that may be refused,
	// in the whole run and after its first minute.
	Refused, LateRefused float64
	// RefusedTries is the most tries that may be refused in all, where a share
	// says nothing.
	RefusedTries int
	// NoneLate wants no refusal after the first minute.
	NoneLate bool
	// Goodput is the least that must be accepted, as a share of what was
	// allowed.
	Goodput float64
	// Recovery is the least that must be accepted in a minute that begins
	// RecoverBy after the last change of Allowed, as a share of what it allows.
	Recovery  float64
	RecoverBy time.Duration
	// Slower is the greatest additional time of the well destinations beside
	// the others, as a share of their time alone.
	Slower float64
	// Leaves wants a receiver that punishes to be left alone; see leftAlone.
	Leaves bool
}

// Misses names the goals that a score does not reach, each with the figure
// wanted; nil when it reaches all.
func (g Goals) Misses(s Score) []string {
	var list []string
	miss := func(missed bool, format string, args ...any) {
		if missed {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	miss(g.Refused > 0 && s.Refused > g.Refused, "refused %.2f %%, want <= %.2f %%", 100*s.Refused, 100*g.Refused)
	miss(g.LateRefused > 0 && s.LateRefused > g.LateRefused,
		"refused after the first minute %.2f %%, want <= %.2f %%", 100*s.LateRefused, 100*g.LateRefused)
	miss(g.RefusedTries > 0 && s.RefusedTries > g.RefusedTries, "refused %d tries, want <= %d", s.RefusedTries, g.RefusedTries)
	miss(g.NoneLate && s.LateRefusedTries > 0, "refused %d tries after the first minute, want none", s.LateRefusedTries)
	miss(g.Goodput > 0 && !(s.Goodput >= g.Goodput), "goodput %.3f, want >= %.2f", s.Goodput, g.Goodput)
	miss(g.Recovery > 0 && !(s.Recovery >= g.Recovery), "%.3f of the new limit after %v, want >= %.2f", s.Recovery, g.RecoverBy, g.Recovery)
	miss(g.Slower > 0 && !(s.Slower <= g.Slower), "%.1f %% slower than alone, want <= %.1f %%", 100*s.Slower, 100*g.Slower)
	if g.Leaves {
		list = append(list, s.Left.misses()...)
	}
	return list
}

// String names the goals, "refused <= 1.5 %, late <= 0.5 %, goodput >= 0.95".
func (g Goals) String() string {
	text := ""
	add := func(wanted bool, format string, args ...any) {
		if !wanted {
			return
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, args...)
	}
	add(g.Refused > 0, "refused <= %.4g %%", 100*g.Refused)
	add(g.RefusedTries > 0, "refused <= %d tries", g.RefusedTries)
	add(g.LateRefused > 0, "late <= %g %%", 100*g.LateRefused)
	add(g.NoneLate, "late none")
	add(g.Goodput > 0, "goodput >= %g", g.Goodput)
	add(g.Recovery > 0, "%g %% of the new limit in %v", 100*g.Recovery, g.RecoverBy)
	add(g.Leaves, "bans are left alone")
	add(g.Slower > 0, "others <= %g %% slower", 100*g.Slower)
	return text
}

// Score is the measure of one run, or the worst of several: each figure by
// itself, the worst of all runs.
type Score struct {
	Refused, LateRefused           float64 // shares of all tries
	RefusedTries, LateRefusedTries int     // refused ones
	Goodput                        float64 // share of what was allowed; NaN where nothing tells
	Recovery                       float64 // after the last change; NaN without one
	Slower                         float64 // of the destinations that are well; NaN without others
	Left                           leftAlone
}

// Score plays the scenario once and measures it. It plays Oracle as well where
// goodput is measured against that, and the well destinations alone where
// others are not well.
func (sc Scenario) Score(c Control, seed uint64) (Score, error) {
	r, err := sc.Run(c, seed)
	if err != nil {
		return Score{}, err
	}
	sc = sc.settle()
	s := Score{
		Refused: r.RefusedShare(), LateRefused: r.LateRefusedShare(),
		RefusedTries: r.Refused, LateRefusedTries: r.LateRefused,
		Recovery: sc.recovery(r), Left: r.leftAlone(),
	}
	if s.Goodput, err = sc.goodput(r); err != nil {
		return Score{}, err
	}
	s.Slower, err = sc.slower(r)
	return s, err
}

func (sc *Scenario) goodput(r *Result) (float64, error) {
	if sc.Allowed != nil {
		return float64(r.Accepted-r.Hot) / allowed(sc.Allowed, 0, r.Length), nil
	}
	if !slices.ContainsFunc(sc.Destinations, func(d Destination) bool { return d.Messages == 0 }) {
		return math.NaN(), nil
	}
	if r.Control == Oracle {
		return 1, nil
	}
	best, err := sc.Run(Oracle, r.Seed)
	if err != nil {
		return 0, err
	}
	return share(r.Accepted, best.Accepted), nil
}

// recovery returns the messages accepted in the minute that begins RecoverBy
// after the last change, as a share of those that this minute allowed.
func (sc *Scenario) recovery(r *Result) float64 {
	last := len(sc.Allowed) - 1
	if last < 1 || sc.Goals.Recovery == 0 {
		return math.NaN()
	}
	from := sc.Allowed[last].From + sc.Goals.RecoverBy
	n := 0
	for i := int(from / time.Second); i < min(int((from+time.Minute)/time.Second), len(r.Seconds)); i++ {
		n += r.Seconds[i].Accepted
	}
	return float64(n) / allowed(sc.Allowed, from, from+time.Minute)
}

// slower returns the additional time of the well destinations beside the
// others, as a share of their time alone.
func (sc *Scenario) slower(r *Result) (float64, error) {
	alone := *sc
	alone.Destinations = nil
	for _, d := range sc.Destinations {
		if !d.Unwell {
			alone.Destinations = append(alone.Destinations, d)
		}
	}
	if len(alone.Destinations) == len(sc.Destinations) {
		return math.NaN(), nil
	}
	without, err := alone.Run(r.Control, r.Seed)
	if err != nil {
		return 0, err
	}
	return last(r, sc.Destinations)/last(without, alone.Destinations) - 1, nil
}

// last returns the time at which the last message to a well destination was
// accepted, in seconds; infinite when some never were.
func last(r *Result, list []Destination) (at float64) {
	for i, d := range list {
		got := r.Destinations[i]
		switch {
		case d.Unwell:
		case got.Accepted < got.Created:
			return math.Inf(1)
		default:
			at = max(at, got.Last.Seconds())
		}
	}
	return at
}

// Worse returns the worse of each figure.
func (s Score) Worse(t Score) Score {
	return Score{
		Refused: max(s.Refused, t.Refused), LateRefused: max(s.LateRefused, t.LateRefused),
		RefusedTries: max(s.RefusedTries, t.RefusedTries), LateRefusedTries: max(s.LateRefusedTries, t.LateRefusedTries),
		Goodput: min(s.Goodput, t.Goodput), Recovery: min(s.Recovery, t.Recovery),
		Slower: max(s.Slower, t.Slower), Left: s.Left.worse(t.Left),
	}
}
