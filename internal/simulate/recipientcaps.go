package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
)

const tooManyAtOnce = "452 4.5.3 Error: too many recipients"

// capsOfRecipients returns receivers that take a few recipients of a message and refuse
// the others, with and without words, and receivers that look like those.
func capsOfRecipients() []Scenario {
	toMany := func(name string, n int, m Model, reply string, oracle Limits, goals Goals) Scenario {
		return Scenario{
			Name: name, Length: 20 * time.Minute, Waiting: 2000,
			Hosts:        []Receiver{{Rules: []Rule{{At: classify.StageRcpt, Model: m, Reply: reply}}}},
			Destinations: []Destination{{Name: "example.com", Recipients: n}},
			Oracle:       oracle, Goals: goals,
		}
	}
	ten, bucket := Limits{Recipients: 10}, Bucket{Count: 200, Per: time.Minute, Burst: 30}
	list := []Scenario{
		toMany("10 recipients a message, 20 each", 20, ofEach(10, 0), tooManyAtOnce, ten, fair),
		toMany("10 recipients a message, 451, 20 each", 20, ofEach(10, 0), noReason, ten, fair),
		toMany("10 recipients a message, 451, 11 each", 11, ofEach(10, 0), noReason, ten, fair),
		toMany("10 recipients a message, 421, 20 each", 20, ofEach(10, 0), noReasonEnds, ten, fair),
		toMany("10 recipients a message, told as too many connections, 20 each", 20, ofEach(10, 0), tooConcurrent, ten, fair),
		toMany("1 recipient a message, 451, 20 each", 20, ofEach(1, 0), noReason, Limits{Recipients: 1}, fair),
		toMany("10 recipients a message, 451, and 5 % of RCPT, 20 each", 20, ofEach(10, 0.05), noReason, ten, Goals{Refused: 0.075, Goodput: 0.9}),
		toMany("2 % of RCPT at random, 20 recipients each", 20, custom(random(0.02)), tooMuch, Limits{}, Goals{Refused: 0.04, Goodput: 0.95}),
		toMany("2 % of RCPT at random, 451, 20 recipients each", 20, custom(random(0.02)), noReason, Limits{}, Goals{Refused: 0.04, Goodput: 0.95}),
	}
	for _, reply := range []string{tooManyAtOnce, noReason} {
		sc := toMany("20 recipients a message, 1 for half an hour", 20, custom(oneFor(20)), reply, Limits{Recipients: 20}, fair)
		sc.Length, sc.Hosts[0].Service = 5*time.Hour, time.Second
		if reply == noReason {
			sc.Name += ", 451"
		}
		list = append(list, sc)
	}
	return append(list,
		toSeveral(5, "200 recipients a minute burst 30, 451", bucket, noReason),
		toSeveral(20, "200 recipients a minute burst 30, 451", bucket, noReason),
		toSeveral(20, "200 recipients a minute burst 30, told by no more than 421", bucket, noReasonEnds))
}

// ofEach takes so many recipients of each message, and refuses a share of them besides.
func ofEach(most int, share float64) Model {
	return custom(func(rng *rand.Rand) admitter {
		var on *line
		carried, n := 0, 0
		return func(q query) bool {
			if q.line != on || q.carried != carried {
				on, carried, n = q.line, q.carried, 0
			}
			if n >= most || rng.Float64() < share {
				return false
			}
			n++
			return true
		}
	})
}

// oneFor takes so many recipients of each message, but one from minute 30 to minute 60.
func oneFor(most int) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		usual, low := ofEach(most, 0).gate(rng), ofEach(1, 0).gate(rng)
		return func(q query) bool {
			if q.now >= 30*time.Minute && q.now < time.Hour {
				return low.admit(q)
			}
			return usual.admit(q)
		}
	}
}

// beside returns limits beside another cause of refusals: chance, other senders who take
// all for a time, domains behind the same relay.
func beside() []Scenario {
	rules := func(r ...Rule) []Receiver { return []Receiver{{Rules: r}} }
	relay := Scenario{
		Name: "relay, 6 of 20 domains at 2/s, 451", Length: 20 * time.Minute, Hosts: rules(connections(5)),
		Oracle: Limits{Connections: 5}, Goals: fair,
	}
	relay.limitDomains(6, perSecond(2, 5), noReason, 2*margin)
	hour := 1000.0 / 3600
	return []Scenario{{
		Name: "3 % of MAIL, and 1000 a fixed hour", Length: 24 * time.Hour,
		Hosts: rules(at(classify.StageMail, tooMuch, random(0.03)),
			Rule{At: classify.StageMail, Model: FixedWindow{1000, time.Hour}, Reply: tooMuch}),
		Oracle: Limits{Rate: steady(hour)}, Allowed: steady(hour), Goals: Goals{Refused: 0.075, Goodput: 0.9},
	}, {
		Name: "20/s, others take all for 10 s of each 60 s", Length: time.Hour,
		Hosts:  rules(at(classify.StageMail, tooMuch, emptied)),
		Oracle: Limits{Rate: steady(20 * margin)}, Allowed: steady(20 * 50.0 / 60), Goals: Goals{Refused: 0.05, Goodput: 0.8},
	}, relay}
}

// emptied returns a bucket of 20 a second that others empty for the first 10 s of each
// minute.
func emptied(rng *rand.Rand) admitter {
	b := perSecond(20, 20).gate(rng)
	return func(q query) bool { return q.now%time.Minute >= 10*time.Second && b.admit(q) }
}
