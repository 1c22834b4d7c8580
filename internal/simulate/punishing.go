package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// punishing block whoever has passed a limit.
func punishing() []Scenario {
	minute := SlidingWindow{300, time.Minute}
	return []Scenario{{
		Name: "300 a minute, then 10 min of 450", Length: 24 * time.Hour,
		Hosts:  []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, penalty(minute, 10*time.Minute, false))}}},
		Oracle: Limits{Rate: steady(5 * 0.99)}, Allowed: steady(5), Goals: Goals{Refused: 0.03, Goodput: 0.5},
	}, {
		Name: "300 a minute, then 421 at the banner for 30 min, extended by each try", Length: 24 * time.Hour,
		Hosts:  []Receiver{{Rules: ban(minute, 30*time.Minute)}},
		Oracle: Limits{Rate: steady(5 * 0.99)}, Allowed: steady(5), Goals: Goals{Refused: 0.03, Goodput: 0.5},
	}, {
		Name: "50/s, each try over it blocks for 60 s", Length: 24 * time.Hour,
		Hosts:  []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, penalty(perSecond(50, 20), time.Minute, true))}}},
		Oracle: Limits{Rate: steady(50 * 0.99)}, Allowed: steady(50), Goals: Goals{Refused: 0.03, Goodput: 0.5},
	}}
}

// penalty refuses everything for a time once a limit was passed; with extend,
// each try begins that time anew.
func penalty(limit Model, block time.Duration, extend bool) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		g, until := limit.gate(rng), time.Duration(-1)
		return func(q query) bool {
			if q.now < until {
				if extend {
					until = q.now + block
				}
				return false
			}
			if !g.admit(q) {
				until = q.now + block
				return false
			}
			return true
		}
	}
}

// ban refuses connections for a time once a limit was passed; each try begins
// that time anew.
func ban(limit Model, block time.Duration) []Rule {
	return []Rule{
		by(classify.StageBanner, tooMuchAndClose, func(q query) bool {
			h := q.line.host
			if q.now >= h.banned {
				return true
			}
			h.banned = q.now + block
			return false
		}),
		at(classify.StageMail, tooMuchAndClose, func(rng *rand.Rand) admitter {
			g := limit.gate(rng)
			return func(q query) bool {
				h := q.line.host
				if q.now < h.banned || !g.admit(q) {
					h.banned = q.now + block
					return false
				}
				return true
			}
		}),
	}
}
