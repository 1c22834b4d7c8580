package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// More of what receivers say.
const (
	tooMuchOfLate   = "421 4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP address"
	tooMuchThisHour = "452 4.7.1 hourly limit exceeded for this account"
	tooMuchToday    = "452 4.7.1 daily sending quota exceeded"
	domainThisHour  = "452 4.7.1 hourly limit for this domain exceeded"
	tooMuchForHour  = "450 4.7.1 too much mail, try again in 1 hour"
	tooConcurrent   = "421 4.7.0 mx.example Error: too many concurrent SMTP connections"
	tryLater        = "421 4.7.0 Try again later, closing connection"
)

// Unforeseen returns receivers that behave as no textbook says: they refuse at
// random, punish, share their limits with others, or change them.
func Unforeseen() []Scenario {
	var list []Scenario
	for _, part := range [][]Scenario{noise(), caps(), slow(), shared(), others(), senders(), byBytes(), windowsAndQuotas(), timed(), troubles(), punishing(), severalRecipients(), recipientsInOtherWords(), even(), unthought(), delays(), badHost(), capsOfRecipients(), beside(), asking()} {
		list = append(list, part...)
	}
	return single(list)
}

// fair are the goals of a receiver that can be learned.
var fair = Goals{Refused: 0.03, Goodput: 0.9}

// at returns a rule with a model that is made by a function for each run.
func at(stage classify.Stage, reply string, made func(rng *rand.Rand) admitter) Rule {
	return Rule{At: stage, Model: custom(made), Reply: reply}
}

// by returns a rule with a model that has no state.
func by(stage classify.Stage, reply string, f admitter) Rule {
	return at(stage, reply, func(*rand.Rand) admitter { return f })
}

func perSecond(n, burst int) Bucket { return Bucket{Count: n, Per: time.Second, Burst: burst} }

// random refuses a share of what it is asked.
func random(share float64) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		return func(query) bool { return rng.Float64() >= share }
	}
}

// noise refuses at random in the words of a limit. Goodput counts what an
// oracle that is refused as often delivers.
func noise() []Scenario {
	var list []Scenario
	for _, n := range []struct{ share, goodput float64 }{{0.001, 0.95}, {0.005, 0.95}, {0.02, 0.95}, {0.1, 0.85}} {
		list = append(list, Scenario{
			Name:  fmt.Sprintf("noise: %g %% of MAIL", 100*n.share),
			Hosts: []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuchOfLate, random(n.share))}}},
			Goals: Goals{Refused: 1.5*n.share + 0.01, Goodput: n.goodput},
		})
	}
	bucket := Rule{At: classify.StageMail, Model: perSecond(50, 20), Reply: tooMuch}
	return append(list, Scenario{
		Name:  "noise: 20 % of RCPT",
		Hosts: []Receiver{{Rules: []Rule{at(classify.StageRcpt, tooMuch, random(0.2))}}},
		Goals: Goals{Refused: 0.25, Goodput: 0.8},
	}, Scenario{
		Name:   "noise: 5 % of MAIL, and 300 a fixed minute",
		Length: 24 * time.Minute,
		Hosts: []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, random(0.05)),
			{At: classify.StageMail, Model: FixedWindow{300, time.Minute}, Reply: tooMuch}}}},
		Oracle: Limits{Rate: steady(5)}, Allowed: steady(5),
		Goals: Goals{Refused: 0.1, Goodput: 0.9},
	}, Scenario{
		Name:  "noise: 2 % of RCPT",
		Hosts: []Receiver{{Rules: []Rule{at(classify.StageRcpt, tooMuch, random(0.02))}}},
		Goals: Goals{Refused: 0.04, Goodput: 0.95},
	}, Scenario{
		Name:   "noise: 2 % of MAIL, and 50/s",
		Hosts:  []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, random(0.02)), bucket}}},
		Oracle: Limits{Rate: steady(50)}, Allowed: steady(50),
		Goals: Goals{Refused: 0.06, Goodput: 0.9},
	}, Scenario{
		Name:   "noise: 10 % of MAIL, and 50/s",
		Hosts:  []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, random(0.1)), bucket}}},
		Oracle: Limits{Rate: steady(50)}, Allowed: steady(50),
		Goals: Goals{Refused: 0.16, Goodput: 0.9},
	})
}

// caps returns limits of connections, and of messages on one.
func caps() []Scenario {
	ending := Rule{At: classify.StageMail, Model: PerConnection{20}, Reply: enoughHere}
	return []Scenario{{
		Name:   "2 % of banners too many connections, 20 messages each",
		Hosts:  []Receiver{{Rules: []Rule{at(classify.StageBanner, tooManyConnections, random(0.02)), ending}}},
		Oracle: Limits{Connections: 10, PerConnection: 20}, Goals: fair,
	}, {
		Name:  "connections end at random, 2 % of MAIL",
		Hosts: []Receiver{{Rules: []Rule{at(classify.StageMail, enoughHere, random(0.02))}}},
		Goals: Goals{Refused: 0.04, Goodput: 0.9},
	}, {
		Name: "connections end after 30 s",
		Hosts: []Receiver{{Rules: []Rule{by(classify.StageMail, enoughHere, func(q query) bool {
			return q.now-q.line.born < 30*time.Second
		})}}},
		Goals: fair,
	}, {
		Name:   "40 messages per connection, 15 after 5 min",
		Length: 15 * time.Minute,
		Hosts: []Receiver{{Service: 100 * time.Millisecond, Rules: []Rule{{At: classify.StageMail, Reply: enoughHere,
			Model: Changing{At: midway, First: PerConnection{40}, Then: PerConnection{15}}}}}},
		Oracle: Limits{PerConnection: 15}, Goals: fair,
	}, {
		Name:   "15 messages per connection, 40 after 5 min",
		Length: 30 * time.Minute,
		Hosts: []Receiver{{Service: 100 * time.Millisecond, Rules: []Rule{{At: classify.StageMail, Reply: enoughHere,
			Model: Changing{At: midway, First: PerConnection{15}, Then: PerConnection{40}}}}}},
		Oracle: Limits{PerConnection: 15}, Goals: fair,
	}, {
		Name:   "6 connections a minute (reset), 20 messages each",
		Length: time.Hour,
		Hosts:  []Receiver{{Rules: []Rule{{At: classify.StageConnect, Model: SlidingWindow{6, time.Minute}}, ending}}},
		Oracle: Limits{Connections: 1, PerConnection: 20, Rate: steady(1.95)}, Allowed: steady(2), Goals: fair,
	}, {
		Name:   "5 connections, each counts for a minute after its end, 50 messages each",
		Length: time.Hour,
		Hosts: []Receiver{{Service: 100 * time.Millisecond, Rules: []Rule{at(classify.StageBanner, tooManyConnections, lagging(5, time.Minute)),
			{At: classify.StageMail, Model: PerConnection{50}, Reply: enoughHere}}}},
		Oracle: Limits{Connections: 5, PerConnection: 50, Rate: steady(50.0 / 65.5 * 5 * 0.97)},
		Goals:  fair,
	}, {
		Name:   "2 to 10 connections, another number every 2 min",
		Length: time.Hour,
		Hosts: []Receiver{{Service: 200 * time.Millisecond, Rules: []Rule{by(classify.StageBanner, tooManyConnections, func(q query) bool {
			return q.open < capAt(q.now)
		})}}},
		Oracle: Limits{Connections: 2}, Allowed: capsAllow(time.Hour, 0.21), Goals: Goals{Refused: 0.03, Goodput: 0.6},
	}, {
		Name:   "3 transactions at once, 421 at MAIL after a free banner",
		Hosts:  []Receiver{{Rules: []Rule{by(classify.StageMail, tooConcurrent, func(q query) bool { return q.open <= 3 })}}},
		Oracle: Limits{Connections: 3}, Goals: fair,
	}}
}

// lagging allows so many connections, each of which counts for a time after its
// end.
func lagging(most int, lag time.Duration) func(*rand.Rand) admitter {
	return func(*rand.Rand) admitter {
		var open []*line
		var ended []time.Duration
		return func(q query) bool {
			still := open[:0]
			for _, l := range open {
				if l.counted {
					still = append(still, l)
				} else {
					ended = append(ended, q.now)
				}
			}
			open = still
			n := len(open)
			for _, e := range ended {
				if q.now-e < lag {
					n++
				}
			}
			if n >= most {
				return false
			}
			open = append(open, q.line)
			return true
		}
	}
}

// capAt returns a number of connections from 2 to 10 that changes every 2 min.
func capAt(now time.Duration) int { return 2 + int(now/(2*time.Minute))*7%9 }

// capsAllow returns the rates that the caps of capAt come to, when a message
// takes so many seconds of a connection.
func capsAllow(length time.Duration, seconds float64) (list []Stretch) {
	for t := time.Duration(0); t < length; t += 2 * time.Minute {
		list = append(list, Stretch{t, float64(capAt(t)) / seconds})
	}
	return list
}

// slow has a rate, and messages that take a minute at the dot. Where one in a hundred
// does, ten connections carry a third of the rate and twenty two thirds, whoever sends,
// so goodput is measured against an oracle with as many.
func slow() []Scenario {
	slow := func(share float64, connections int, more string) Scenario {
		return Scenario{
			Name:   fmt.Sprintf("50/s, %g %% of messages take a minute at the dot%s", 100*share, more),
			Length: 30 * time.Minute,
			Hosts: []Receiver{{
				Takes: sometimes(share, time.Minute, 20*time.Millisecond),
				Rules: []Rule{{At: classify.StageMail, Model: perSecond(50, 20), Reply: tooMuch}},
			}},
			Oracle: Limits{Connections: connections, Rate: steady(50 * margin)}, Goals: fair,
		}
	}
	list := []Scenario{slow(0.002, 20, ""), slow(0.01, 10, ""), slow(0.01, 20, ", 20 connections set")}
	list[0].Allowed = steady(50)
	list[2].Set = throttle.Limits{Connections: 20}
	return list
}

// sometimes returns the time between a dot and its reply of a host where a share of the
// messages takes long.
func sometimes(share float64, long, usual time.Duration) func(*rand.Rand) func(time.Duration, int) time.Duration {
	return func(rng *rand.Rand) func(time.Duration, int) time.Duration {
		return func(time.Duration, int) time.Duration {
			if rng.Float64() < share {
				return long
			}
			return usual
		}
	}
}

// others returns limits for a part of the mail through one endpoint.
func others() []Scenario {
	behind := func(name string, length time.Duration, limited int, model Model, reply string, perSecond float64) Scenario {
		sc := Scenario{
			Name: name, Length: length, Hosts: []Receiver{{Rules: []Rule{connections(5)}}},
			Oracle: Limits{Connections: 5}, Goals: fair,
		}
		sc.limitDomains(limited, model, reply, perSecond)
		return sc
	}
	twoASecond := perSecond(2, 5)
	list := []Scenario{
		behind("relay, 3 of 20 domains at 2/s", 20*time.Minute, 3, twoASecond, tooMuchForDomain, 2*margin),
		behind("relay, 8 of 20 domains at 2/s", 20*time.Minute, 8, twoASecond, tooMuchForDomain, 2*margin),
		behind("relay, 3 of 20 domains at 100 an hour", 24*time.Hour, 3, SlidingWindow{100, time.Hour}, domainThisHour, 100.0/3600*margin),
	}
	list[2].Hosts[0].Service = 2 * time.Second // a day of it is played
	relay := relay()
	relay.Name = "relay at 50/s that refuses at RCPT, 20 domains"
	relay.Hosts = []Receiver{{Rules: []Rule{{At: classify.StageRcpt, Model: perSecond(50, 20), Reply: tooMuch}}}}
	relay.Goals = fair
	return append(list, relay)
}

// limitDomains gives a scenario 20 destinations behind its first host, and so many of them a
// limit of their own, to which its oracle keeps at a rate.
func (sc *Scenario) limitDomains(limited int, model Model, reply string, perSecond float64) {
	sc.Oracle.Domains = map[string]float64{}
	for i := range 20 {
		sc.Destinations = append(sc.Destinations, Destination{Name: domain(i)})
		if i < limited {
			sc.Hosts[0].Rules = append(sc.Hosts[0].Rules, Rule{At: classify.StageRcpt, Domain: domain(i), Model: model, Reply: reply})
			sc.Oracle.Domains[domain(i)] = perSecond
		}
	}
}

func windowsAndQuotas() []Scenario {
	mail := func(m Model, reply string) []Receiver {
		return []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: m, Reply: reply}}}}
	}
	window := func(name string, length time.Duration, w FixedWindow, reply string) Scenario {
		r := rate(w.Count, w.Per)
		return Scenario{Name: name, Length: length, Hosts: mail(w, reply), Oracle: Limits{Rate: steady(r * 0.99)}, Allowed: steady(r), Goals: fair}
	}
	sliding := func(name string, length time.Duration, w SlidingWindow) Scenario {
		r := rate(w.Count, w.Per)
		return Scenario{Name: name, Length: length, Hosts: mail(w, tooMuch), Oracle: Limits{Rate: steady(r * 0.99)}, Allowed: steady(r), Goals: fair}
	}
	return []Scenario{
		window("3600 a fixed hour, told as a quota", 24*time.Hour, FixedWindow{3600, time.Hour}, tooMuchThisHour),
		window("5000 a fixed day, told as a quota", 240*time.Hour, FixedWindow{5000, 24 * time.Hour}, tooMuchToday),
		window("500 a fixed hour, told as a rate", 24*time.Hour, FixedWindow{500, time.Hour}, tooMuch),
		window("500 a fixed 10 min", 4*time.Hour, FixedWindow{500, 10 * time.Minute}, tooMuch),
		window("500 a fixed 20 min", 8*time.Hour, FixedWindow{500, 20 * time.Minute}, tooMuch),
		sliding("200 a sliding 2 min", time.Hour, SlidingWindow{200, 2 * time.Minute}),
		sliding("500 a sliding 10 min", 4*time.Hour, SlidingWindow{500, 10 * time.Minute}),
		sliding("2000 a sliding 6 h", 144*time.Hour, SlidingWindow{2000, 6 * time.Hour}),
		{Name: "10/s, says try again in 1 hour", Length: 24 * time.Hour, Hosts: mail(perSecond(10, 10), tooMuchForHour),
			Oracle: Limits{Rate: steady(10 * margin)}, Allowed: steady(10), Goals: Goals{Refused: 0.03, Goodput: 0.5}},
	}
}
