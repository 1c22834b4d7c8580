package simulate

import (
	"fmt"
	"time"
)

// Goals are the shares that are measured against; zero is none.
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
	// Slower is by how much longer the destinations that are well may take,
	// beside those that are not, than the time they take without them.
	Slower float64
}

// Misses names the goals that a score does not reach, each with what was
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
	add(g.Refused > 0, "refused <= %g %%", 100*g.Refused)
	add(g.RefusedTries > 0, "refused <= %d tries", g.RefusedTries)
	add(g.LateRefused > 0, "late <= %g %%", 100*g.LateRefused)
	add(g.NoneLate, "late none")
	add(g.Goodput > 0, "goodput >= %g", g.Goodput)
	add(g.Recovery > 0, "%g %% of the new limit in %v", 100*g.Recovery, g.RecoverBy)
	add(g.Slower > 0, "others <= %g %% slower", 100*g.Slower)
	return text
}
