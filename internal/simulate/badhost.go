package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// badHost returns receivers of several hosts behind one name, of which one refuses
// everything in the words of a rate, for ever or for a time. Each connection is with one
// host, by chance. The others take what they are given, or have a rate together. Beside
// them are receivers whose limits look alike: of connections, and of all where a
// connection carries one message.
func badHost() []Scenario {
	of := func(name string, hosts int, stage classify.Stage, reply string, from, until time.Duration, more ...Rule) Scenario {
		return Scenario{
			Name: name, Length: 30 * time.Minute,
			Hosts:  []Receiver{{Rules: append([]Rule{at(stage, reply, oneRefuses(hosts, from, until))}, more...)}},
			Oracle: Limits{Connections: 10}, Goals: Goals{Refused: 0.03, Goodput: 0.9},
		}
	}
	const ever = time.Hour
	limited := of("1 host of 3 refuses all, the others 20/s", 3, classify.StageMail, tooMuch, 0, ever,
		Rule{At: classify.StageMail, Model: perSecond(20, 20), Reply: tooMuch})
	limited.Oracle.Rate, limited.Allowed = steady(20*margin), steady(20)
	return []Scenario{
		of("1 host of 3 refuses all as too much mail", 3, classify.StageMail, tooMuch, 0, ever),
		of("1 host of 2 refuses all as too much mail", 2, classify.StageMail, tooMuch, 0, ever),
		of("1 host of 3 refuses all at RCPT", 3, classify.StageRcpt, rateLimited, 0, ever),
		of("1 host of 3 refuses all from minute 5", 3, classify.StageMail, tooMuch, 5*time.Minute, ever),
		of("1 host of 3 refuses all for 15 min", 3, classify.StageMail, rateLimited, 5*time.Minute, 20*time.Minute),
		of("1 host of 2 refuses all at RCPT for 15 min", 2, classify.StageRcpt, tooMuch, 5*time.Minute, 20*time.Minute),
		limited,
		{
			Name: "beyond 3 connections told as too much mail", Length: 30 * time.Minute,
			Hosts:  []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, newestRefused(3))}}},
			Oracle: Limits{Connections: 3}, Goals: fair,
		},
		{
			Name: "20/s, one message a connection", Length: 20 * time.Minute,
			Hosts: []Receiver{{Rules: []Rule{
				{At: classify.StageMail, Model: perSecond(20, 20), Reply: tooMuch},
				{At: classify.StageMail, Model: PerConnection{1}, Reply: enoughHere}}}},
			Oracle: Limits{PerConnection: 1, Rate: steady(20 * margin)}, Allowed: steady(20), Goals: fair,
		},
	}
}

const rateLimited = "451 4.7.1 your server is rate limited"

// oneRefuses returns a model of so many hosts, of which the first refuses everything from
// a time until another.
func oneRefuses(hosts int, from, until time.Duration) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		of := map[*line]int{}
		return func(q query) bool {
			host, known := of[q.line]
			if !known {
				host = rng.IntN(hosts)
				of[q.line] = host
			}
			return host > 0 || q.now < from || q.now >= until
		}
	}
}

// newestRefused returns a model that serves so many of the connections that are open, the
// oldest first.
func newestRefused(most int) func(*rand.Rand) admitter {
	return func(*rand.Rand) admitter {
		var served []*line
		return func(q query) bool {
			still := served[:0]
			here := false
			for _, l := range served {
				if l.counted {
					still = append(still, l)
					here = here || l == q.line
				}
			}
			served = still
			if !here && len(served) < most {
				served = append(served, q.line)
				here = true
			}
			return here
		}
	}
}
