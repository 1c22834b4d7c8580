package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// badHost returns receivers of several hosts behind one name, of which one refuses
// everything in the words of a rate, for ever or for a time. Each connection is with one
// host, by chance. The others take what they are given, or have a rate together. Beside
// them are receivers whose limits look alike: of connections, of all where a connection
// carries one message, and receivers that refuse the first message of each connection.
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
	slow := of("1 host of 2 refuses all, the others 1/s", 2, classify.StageMail, tooMuch, 0, ever,
		Rule{At: classify.StageMail, Model: perSecond(1, 5), Reply: tooMuch})
	slow.Oracle.Rate, slow.Allowed = steady(margin), steady(1)
	list := []Scenario{
		of("1 host of 3 refuses all as too much mail", 3, classify.StageMail, tooMuch, 0, ever),
		of("1 host of 2 refuses all as too much mail", 2, classify.StageMail, tooMuch, 0, ever),
		of("1 host of 3 refuses all at RCPT", 3, classify.StageRcpt, rateLimited, 0, ever),
		of("1 host of 3 refuses all from minute 5", 3, classify.StageMail, tooMuch, 5*time.Minute, ever),
		of("1 host of 3 refuses all for 15 min", 3, classify.StageMail, rateLimited, 5*time.Minute, 20*time.Minute),
		of("1 host of 2 refuses all at RCPT for 15 min", 2, classify.StageRcpt, tooMuch, 5*time.Minute, 20*time.Minute),
		limited,
		of("1 host of 3 refuses all with 421", 3, classify.StageMail, tooMuchAndClose, 0, ever),
		slow,
		of("1 host of 3 refuses all without a reason", 3, classify.StageMail, noReason, 0, ever),
		of("1 host of 2 refuses all without a reason from minute 5", 2, classify.StageMail, noReason, 5*time.Minute, ever),
		of("1 host of 3 refuses all at RCPT without a reason", 3, classify.StageRcpt, noReason, 0, ever),
		of("1 host of 3 refuses all with 421 without a reason", 3, classify.StageMail, noReasonEnds, 0, ever),
		of("1 host of 3 refuses all at RCPT with 421 without a reason", 3, classify.StageRcpt, noReasonEnds, 0, ever),
		of("1 host of 3 ends at MAIL without a word", 3, classify.StageMail, noWord, 0, ever),
		of("1 host of 3 ends at RCPT without a word", 3, classify.StageRcpt, noWord, 0, ever),
	}
	return append(list, alikeBadHost()...)
}

// alikeBadHost returns receivers without a bad host that refuse some connections as well.
func alikeBadHost() []Scenario {
	const length = 30 * time.Minute
	twenty := Rule{At: classify.StageMail, Model: perSecond(20, 20), Reply: tooMuch}
	third := at(classify.StageMail, tooMuch, newestRefused(3))
	first := at(classify.StageMail, tooMuch, firstRefused)
	rules := func(r ...Rule) []Receiver { return []Receiver{{Rules: r}} }
	return []Scenario{
		{
			Name: "beyond 3 connections told as too much mail", Length: length, Hosts: rules(third),
			Oracle: Limits{Connections: 3}, Goals: fair,
		},
		{
			Name: "beyond 3 connections told as too much mail at RCPT", Length: length,
			Hosts:  rules(at(classify.StageRcpt, tooMuch, newestRefused(3))),
			Oracle: Limits{Connections: 3}, Goals: fair,
		},
		{
			Name: "beyond 3 connections, and 20/s, told alike", Length: length, Hosts: rules(third, twenty),
			Oracle: Limits{Connections: 3, Rate: steady(20 * margin)}, Allowed: steady(20), Goals: fair,
		},
		{
			Name: "the first message of each connection is refused", Length: length, Hosts: rules(first),
			Oracle: Limits{Connections: 10}, Goals: fair,
		},
		{
			Name: "the first message of each connection is refused, and 20/s", Length: length, Hosts: rules(first, twenty),
			Oracle: Limits{Connections: 10, Rate: steady(20 * margin)}, Allowed: steady(20), Goals: fair,
		},
		{
			Name: "20/s, one message a connection", Length: 20 * time.Minute,
			Hosts: []Receiver{{Rules: []Rule{
				twenty,
				{At: classify.StageMail, Model: PerConnection{1}, Reply: enoughHere}}}},
			Oracle: Limits{PerConnection: 1, Rate: steady(20 * margin)}, Allowed: steady(20), Goals: fair,
		},
		toldAsRate("one message a connection", 1), toldAsRate("5 messages a connection", 5), toldAsRate("15 messages a connection", 15),
	}
}

// toldAsRate returns a receiver that ends a connection after so many messages in the
// words of a rate.
func toldAsRate(name string, each int) Scenario {
	return Scenario{
		Name: name + ", the next told as too much mail by 421", Length: 20 * time.Minute,
		Hosts:  []Receiver{{Service: 300 * time.Millisecond, Rules: []Rule{{At: classify.StageMail, Model: PerConnection{each}, Reply: tooMuchAndClose}}}},
		Oracle: Limits{Connections: 10, PerConnection: each}, Goals: fair,
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

// newestRefused returns a model that serves so many of the open connections, the oldest
// first.
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

// firstRefused returns a model that refuses the first message of each connection.
func firstRefused(*rand.Rand) admitter {
	seen := map[*line]bool{}
	return func(q query) bool {
		again := seen[q.line]
		seen[q.line] = true
		return again
	}
}
