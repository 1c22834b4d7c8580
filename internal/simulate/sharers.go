package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// shared returns limits that others use too, or that change.
func shared() []Scenario {
	return []Scenario{{
		Name:   "20/s shared with others who use 2 to 18/s",
		Length: time.Hour,
		Hosts: []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, func(rng *rand.Rand) admitter {
			b := perSecond(20, 20).gate(rng)
			last := time.Duration(0)
			return func(q query) bool {
				for ; last < q.now; last += 50 * time.Millisecond {
					if rng.Float64() < (10+8*math.Sin(2*math.Pi*last.Minutes()/10))*0.05 {
						b.admit(query{now: last})
					}
				}
				return b.admit(q)
			}
		})}}},
		Oracle: Limits{Rate: steady(9)}, Allowed: steady(10), Goals: fair,
	}, {
		Name:   "50/s and 5/s in turn, 10 min each",
		Length: 80 * time.Minute,
		Hosts: []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, func(rng *rand.Rand) admitter {
			high, low := perSecond(50, 20).gate(rng), perSecond(5, 20).gate(rng)
			return func(q query) bool {
				if int(q.now/(10*time.Minute))%2 == 1 {
					return low.admit(q)
				}
				low.admit(query{now: q.now})
				return high.admit(q)
			}
		})}}},
		Oracle: Limits{Rate: steady(5)}, Allowed: alternating(80*time.Minute, 50, 5), Goals: Goals{Refused: 0.03, Goodput: 0.87},
	}, {
		Name:   "4 hosts behind one name, each 10/s",
		Length: 20 * time.Minute,
		Hosts:  []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, hidden(4, perSecond(10, 10)))}}},
		Oracle: Limits{Connections: 8, Rate: steady(38)}, Allowed: steady(40), Goals: Goals{Refused: 0.25, Goodput: 0.6},
	}, {
		Name:   "2 hosts behind one name, each 30/s",
		Length: 20 * time.Minute,
		Hosts:  []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, hidden(2, perSecond(30, 20)))}}},
		Oracle: Limits{Connections: 8, Rate: steady(57)}, Allowed: steady(60), Goals: Goals{Refused: 0.06, Goodput: 0.8},
	}, {
		Name:   "burst 5000, then 2/s",
		Length: 2 * time.Hour,
		Hosts:  []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: perSecond(2, 5000), Reply: tooMuch}}}},
		Oracle: Limits{Rate: steady(2 * margin)}, Allowed: steady(2 + 5000.0/7200), Goals: fair,
	}}
}

// hidden has hosts behind one name, each with a limit of its own, to which connections
// come at random.
func hidden(hosts int, each Model) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		var of []gate
		for range hosts {
			of = append(of, each.gate(rng))
		}
		at := map[*line]gate{}
		return func(q query) bool {
			if at[q.line] == nil {
				at[q.line] = of[rng.IntN(hosts)]
			}
			return at[q.line].admit(q)
		}
	}
}

func alternating(length time.Duration, first, then float64) (list []Stretch) {
	for t := time.Duration(0); t < length; t += 20 * time.Minute {
		list = append(list, Stretch{t, first}, Stretch{t + 10*time.Minute, then})
	}
	return list
}
