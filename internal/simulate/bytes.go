package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// What receivers say of octets.
const (
	tooManyBytes = "452 4.7.1 bandwidth limit of 6000000 bytes per minute exceeded"
	tooMuchData  = "450 4.7.1 data volume limit exceeded, try again later"
)

// byBytes returns receivers that count octets, or claim to.
func byBytes() []Scenario {
	told := func(name, reply string) Scenario {
		sc := setBytes()
		sc.Name, sc.Length, sc.Set, sc.Goals = "6 MB a minute, messages of 5 KB to 2 MB, "+name, 2*time.Hour, throttle.Limits{}, fair
		sc.Hosts[0].Rules[0].Reply = reply
		return sc
	}
	window := func(name, reply string) Scenario {
		sc := told(name, reply)
		sc.Name, sc.Length = "60 MB a fixed 10 min, messages of 5 KB to 2 MB, "+name, 4*time.Hour
		sc.Hosts[0].Rules[0].Model = custom(bytesInFixed(60_000_000, 10*time.Minute))
		return sc
	}
	messages := Scenario{
		Name: "50/s, said to be of octets, messages of 5 to 200 KB", Length: 30 * time.Minute, Sizes: Sizes{5_000, 200_000},
		Hosts:  []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: perSecond(50, 20), Reply: tooMuchData}}}},
		Oracle: Limits{Rate: steady(50 * margin)}, Allowed: steady(50), Goals: Goals{Refused: 0.03, Goodput: 0.9},
	}
	return []Scenario{told("told with the number", tooManyBytes), told("told without", tooMuchData), messages,
		window("told as data", tooMuchData), window("told as too much mail", tooMuch)}
}

// bytesInFixed allows so many bytes in each period of a length.
func bytesInFixed(most int, per time.Duration) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		phase, period, taken := time.Duration(rng.Int64N(int64(per))), time.Duration(-1), 0
		return func(q query) bool {
			if p := (q.now + phase) / per; p != period {
				period, taken = p, 0
			}
			if taken+q.bytes > most {
				return false
			}
			taken += q.bytes
			return true
		}
	}
}
