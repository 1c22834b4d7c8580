package simulate

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	goneForGood  = "550 5.7.1 Message rate limit exceeded, please try again later"
	refusedTries = "450 4.7.1 Error: too many messages"
	ofAccount    = "450 4.7.1 rate limited, reduce your sending rate"
)

// unthought returns receivers for which no real system is known: their limits are told in
// the wrong words, kept by connection, count what they refuse, or come and go.
func unthought() []Scenario {
	list := slices.Concat(toldOddly(), ofEachConnection(), comingAndGoing())
	return append(list, greylisting(20*time.Second), greylisting(20*time.Minute))
}

// toldOddly returns limits in the wrong words or that count what they refuse, and receivers
// that turn away every second connection or slow down.
func toldOddly() []Scenario {
	twenty := Limits{Rate: steady(20 * margin)}
	return []Scenario{{
		Name:  "every second connection is told to come later",
		Hosts: []Receiver{{Rules: []Rule{at(classify.StageBanner, tryLater, everySecond)}}},
		Goals: Goals{Goodput: 0.9},
	}, {
		Name: "slower with each message of the hour", Length: 2 * time.Hour,
		Hosts: []Receiver{{Takes: growing}}, Goals: fair,
	}, {
		Name: "20/s told as too many connections at MAIL", Length: 20 * time.Minute, // paces of connections are tried after 10
		Hosts:  []Receiver{one(classify.StageMail, tooConcurrent, perSecond(20, 20))},
		Oracle: twenty, Allowed: steady(20), Goals: fair,
	}, {
		Name: "20/s told as too many recipients of a message", Length: 20 * time.Minute,
		Hosts:  []Receiver{one(classify.StageRcpt, tooManyAtOnce, perSecond(20, 20))},
		Oracle: twenty, Allowed: steady(20), Goals: fair,
	}, {
		Name: "20/s for the account, refused at RCPT", Length: 20 * time.Minute,
		Hosts:  []Receiver{one(classify.StageRcpt, ofAccount, perSecond(20, 20))},
		Oracle: twenty, Allowed: steady(20), Goals: fair,
	}, {
		Name:   "20/s told by a 550 that means later",
		Hosts:  []Receiver{one(classify.StageMail, goneForGood, perSecond(20, 20))},
		Oracle: twenty, Allowed: steady(20), Goals: fair,
	}, {
		Name:   "20/s, and what is refused counts as well",
		Hosts:  []Receiver{one(classify.StageMail, refusedTries, custom(countsRefused))},
		Oracle: twenty, Allowed: steady(20), Goals: fair,
	}}
}

// ofEachConnection returns limits that are kept by connection.
func ofEachConnection() []Scenario {
	return []Scenario{{
		Name:   "2/s on each connection",
		Hosts:  []Receiver{one(classify.StageMail, tooMuch, custom(byConnection(2, 2)))},
		Oracle: Limits{Connections: 10, Rate: steady(19.5)}, Allowed: steady(20), Goals: fair,
	}, {
		Name:   "1/s on each connection, refused at RCPT",
		Length: 20 * time.Minute,
		Hosts:  []Receiver{one(classify.StageRcpt, tooMuch, custom(byConnection(1, 3)))},
		Oracle: Limits{Connections: 10, Rate: steady(9.7)}, Allowed: steady(10), Goals: fair,
	}, {
		Name:   "5/s on each connection, told without a reason",
		Hosts:  []Receiver{one(classify.StageMail, noReason, custom(byConnection(5, 5)))},
		Oracle: Limits{Connections: 10, Rate: steady(48)}, Allowed: steady(50), Goals: fair,
	}, {
		Name:  "connections end in silence after 20 s",
		Hosts: []Receiver{one(classify.StageMail, "", custom(func(*rand.Rand) admitter { return func(q query) bool { return q.now-q.line.born < 20*time.Second } }))},
		Goals: fair,
	}}
}

// comingAndGoing returns limits that change with the time.
func comingAndGoing() []Scenario {
	return []Scenario{{
		Name: "a minute of each ten refuses without a reason", Length: time.Hour,
		Hosts: []Receiver{one(classify.StageMail, noReason, custom(func(*rand.Rand) admitter {
			return func(q query) bool { return q.now%(10*time.Minute) < 9*time.Minute }
		}))}, Goals: Goals{Refused: 0.03, Goodput: 0.85},
	}, {
		Name: "1/s, doubled every 5 min up to 64/s", Length: time.Hour,
		Hosts: []Receiver{one(classify.StageMail, tooMuch, custom(doubling))}, Allowed: doubled(), Goals: Goals{Refused: 0.03, Goodput: 0.85},
	}, {
		Name:   "5/s by day and 20/s by night",
		Length: 24 * time.Hour,
		Hosts:  []Receiver{one(classify.StageMail, tooMuch, Changing{At: 12 * time.Hour, First: perSecond(5, 20), Then: perSecond(20, 20)})},
		Oracle: Limits{Rate: []Stretch{{0, 5 * margin}, {12 * time.Hour, 20 * margin}}}, Allowed: []Stretch{{0, 5}, {12 * time.Hour, 20}}, Goals: fair,
	}}
}

// greylisting has a rate beside, in whose words it does not speak.
func greylisting(delay time.Duration) Scenario {
	return Scenario{
		Name:         "greylisting of " + delay.String() + ", and 20/s",
		Length:       3 * time.Hour,
		Destinations: []Destination{{Name: "example.com", Messages: 20_000}},
		Hosts: []Receiver{{Rules: []Rule{
			{At: classify.StageMail, Model: perSecond(20, 20), Reply: tooMuch},
			{At: classify.StageRcpt, Model: Greylist{delay}, Reply: greylisted},
		}}},
		Goals: Goals{Refused: 0.7},
	}
}

func everySecond(*rand.Rand) admitter {
	n := 0
	return func(query) bool { n++; return n%2 == 0 }
}

// growing takes a third longer for each thousand messages of the hour.
func growing(*rand.Rand) func(time.Duration, int) time.Duration {
	hour, n := time.Duration(0), 0
	return func(now time.Duration, _ int) time.Duration {
		if now/time.Hour != hour {
			hour, n = now/time.Hour, 0
		}
		n++
		return 20*time.Millisecond + time.Duration(n)*7*time.Microsecond
	}
}

// countsRefused returns a bucket from which refused messages take as well.
func countsRefused(*rand.Rand) admitter {
	tokens, last := 20.0, time.Duration(0)
	return func(q query) bool {
		tokens = min(20, tokens+20*(q.now-last).Seconds())
		last = q.now
		tokens = max(tokens-1, -20)
		return tokens >= 0
	}
}

// byConnection has a bucket for each connection.
func byConnection(n, burst int) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		of := map[*line]gate{}
		return func(q query) bool {
			if of[q.line] == nil {
				of[q.line] = perSecond(n, burst).gate(rng)
			}
			return of[q.line].admit(q)
		}
	}
}

// doubling begins at one a second.
func doubling(*rand.Rand) admitter {
	tokens, last := 5.0, time.Duration(0)
	return func(q query) bool {
		rate := float64(int(1) << min(q.now/(5*time.Minute), 6))
		tokens = min(20, tokens+rate*(q.now-last).Seconds())
		last = q.now
		if tokens < 1 {
			return false
		}
		tokens--
		return true
	}
}

// doubled returns the rates of doubling.
func doubled() (list []Stretch) {
	for i := range 7 {
		list = append(list, Stretch{time.Duration(i) * 5 * time.Minute, float64(int(1) << i)})
	}
	return list
}
