package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// timed returns receivers that tell nothing but by the time that they take.
func timed() []Scenario {
	return []Scenario{{
		Name: "shaped to 10/s by delays",
		Hosts: []Receiver{{Takes: func(*rand.Rand) func(time.Duration, int) time.Duration {
			free := time.Duration(0)
			return func(now time.Duration, _ int) time.Duration {
				free = max(free, now) + 100*time.Millisecond
				return free - now
			}
		}}},
		Allowed: steady(10), Goals: fair,
	}, {
		Name: "thrashes beyond 3 connections",
		Hosts: []Receiver{{Takes: func(*rand.Rand) func(time.Duration, int) time.Duration {
			return func(_ time.Duration, open int) time.Duration {
				f := max(1, float64(open)/3)
				return time.Duration(20e6 * f * f)
			}
		}}},
		Oracle: Limits{Connections: 3}, Goals: fair,
	}, {
		Name: "a second late to each beyond 5 connections",
		Hosts: []Receiver{{Takes: func(rng *rand.Rand) func(time.Duration, int) time.Duration {
			return func(_ time.Duration, open int) time.Duration {
				if open > 5 {
					return time.Second
				}
				return time.Duration(10e6 + 20e6*rng.Float64())
			}
		}}},
		Oracle: Limits{Connections: 5}, Goals: fair,
	}, {
		Name: "thrashes beyond 3 connections in the first 5 min of an hour", Length: time.Hour,
		Hosts: []Receiver{{Takes: func(*rand.Rand) func(time.Duration, int) time.Duration {
			return func(now time.Duration, open int) time.Duration {
				if now > midway {
					return 20 * time.Millisecond
				}
				f := max(1, float64(open)/3)
				return time.Duration(20e6 * f * f)
			}
		}}},
		Oracle: Limits{Connections: 10}, Goals: fair,
	}, {
		Name: "times that vary a lot, and one of 2,000 takes a minute", Length: time.Hour,
		Hosts: []Receiver{{Takes: func(rng *rand.Rand) func(time.Duration, int) time.Duration {
			return func(time.Duration, int) time.Duration {
				if rng.Float64() < 1.0/2000 {
					return time.Minute
				}
				return time.Duration(20e6 * math.Exp(rng.NormFloat64()))
			}
		}}},
		Oracle: Limits{Connections: 10}, Goals: fair,
	}}
}

// troubles returns troubles that are no limits at all.
func troubles() []Scenario {
	during := func(from, to time.Duration) admitter {
		return func(q query) bool { return q.now < from || q.now > to }
	}
	rest := func(reply string, stage classify.Stage, from, to time.Duration, more ...Rule) []Receiver {
		return []Receiver{{Rules: append([]Rule{by(stage, reply, during(from, to))}, more...)}}
	}
	return []Scenario{{
		Name: "421 at the banner for the first 10 min, then 3 connections", Length: 30 * time.Minute,
		Hosts:  rest(tryLater, classify.StageBanner, 0, 10*time.Minute, connections(3)),
		Oracle: Limits{Connections: 3}, Goals: fair,
	}, {
		Name: "too much mail, said once for 1 s", Length: 30 * time.Minute,
		Hosts: rest(tooMuch, classify.StageMail, 5*time.Minute, 5*time.Minute+time.Second), Goals: fair,
	}, {
		Name: "too much mail, said for 3 min", Length: 30 * time.Minute,
		Hosts: rest(tooMuch, classify.StageMail, 5*time.Minute, 8*time.Minute), Goals: fair,
	}, {
		Name: "too much mail, said for the first 3 min", Length: 30 * time.Minute,
		Hosts: rest(tooMuch, classify.StageMail, 0, 3*time.Minute), Goals: fair,
	}}
}
