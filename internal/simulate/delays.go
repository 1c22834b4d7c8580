package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// delays returns receivers that answer late: senders that are too fast, or at random, or
// for a time. Where lateness has other reasons than the rate, as many connections bring
// as much at any rate.
func delays() []Scenario {
	var list []Scenario
	for _, tarpit := range []struct {
		name  string
		free  Model
		rate  float64
		delay time.Duration
	}{
		{"20/s", perSecond(20, 20), 20, 2 * time.Second},
		{"5/s", perSecond(5, 5), 5, 30 * time.Second},
		{"1/s", perSecond(1, 5), 1, 20 * time.Second},
		{"40/s", perSecond(40, 10), 40, 3 * time.Second},
		{"600 a sliding minute", SlidingWindow{600, time.Minute}, 10, 5 * time.Second},
		{"600 a fixed minute", FixedWindow{600, time.Minute}, 10, 10 * time.Second},
	} {
		list = append(list, Scenario{
			Name: fmt.Sprintf("tarpit, %v above %s", tarpit.delay, tarpit.name), Length: time.Hour,
			Hosts:  []Receiver{{Tarpit: Tarpit{Free: tarpit.free, Delay: tarpit.delay}}},
			Oracle: Limits{Rate: steady(tarpit.rate * margin)}, Allowed: steady(tarpit.rate), Goals: fair,
		})
	}
	late := func(name string, takes func(rng *rand.Rand, now time.Duration, open int) time.Duration) {
		list = append(list, Scenario{Name: name, Length: 30 * time.Minute, Goals: fair, Hosts: []Receiver{{
			Takes: func(rng *rand.Rand) func(time.Duration, int) time.Duration {
				return func(now time.Duration, open int) time.Duration {
					return 20*time.Millisecond + takes(rng, now, open)
				}
			},
		}}})
	}
	late("5 % take 5 s at the dot", func(rng *rand.Rand, _ time.Duration, _ int) time.Duration {
		if rng.Float64() < 0.05 {
			return 5 * time.Second
		}
		return 0
	})
	late("a third takes 2 s at the dot", func(rng *rand.Rand, _ time.Duration, _ int) time.Duration {
		if rng.Float64() < 1.0/3 {
			return 2 * time.Second
		}
		return 0
	})
	late("10 s of each minute answer after 3 s", func(_ *rand.Rand, now time.Duration, _ int) time.Duration {
		if now%time.Minute < 10*time.Second {
			return 3 * time.Second
		}
		return 0
	})
	late("answers after 3 s from the fifth minute on", func(_ *rand.Rand, now time.Duration, _ int) time.Duration {
		if now > midway {
			return 3 * time.Second
		}
		return 0
	})
	return list
}
