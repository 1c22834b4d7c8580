package simulate

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Asking returns the delay that a refusal asks for; 0 asks for none. rest is the time for
// which the limit refuses from then on if nothing is tried; 0 where the model cannot tell.
type Asking func(rest time.Duration) time.Duration

// rester is a gate that knows for how long it refuses.
type rester interface {
	rest(now time.Duration) time.Duration
}

// answers returns the function that makes the answers of the rule in a run. A delay is
// rounded up to seconds.
func (r Rule) answers(g gate) func(now time.Duration) *answer {
	plain := r.answer()
	if r.Asks == nil {
		return func(time.Duration) *answer { return plain }
	}
	return func(now time.Duration) *answer {
		rest := time.Duration(0)
		if knows, ok := g.(rester); ok {
			rest = knows.rest(now)
		}
		seconds := (r.Asks(rest) + time.Second - 1) / time.Second
		if seconds == 0 {
			return plain
		}
		asking := r
		asking.Reply = fmt.Sprintf("%s, try again in %d seconds", r.Reply, seconds)
		return asking.answer()
	}
}

func (b *bucket) rest(time.Duration) time.Duration {
	return time.Duration((1 - b.tokens) / b.rate * float64(time.Second))
}

func (w *fixedWindow) rest(now time.Duration) time.Duration {
	return w.Per - (now+w.phase)%w.Per
}

func (w *slidingWindow) rest(now time.Duration) time.Duration {
	return w.log[w.first] + w.Per - now
}

// asking returns receivers whose refusals ask for delays: the rest of a window, or too
// much or too little.
func asking() []Scenario {
	row := func(name string, length time.Duration, m Model, perSecond float64, asks Asking, goals Goals) Scenario {
		return Scenario{
			Name: name, Length: length,
			Hosts:  []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: m, Reply: tooMuch, Asks: asks}}}},
			Oracle: Limits{Rate: steady(perSecond * margin)}, Allowed: steady(perSecond), Goals: goals,
		}
	}
	return []Scenario{
		row("5 a fixed minute, says when it ends", 2*time.Hour, FixedWindow{5, time.Minute}, 5.0/60, theRest, fair),
		row("30 a sliding minute, says when it ends", time.Hour, SlidingWindow{30, time.Minute}, 0.5, theRest, fair),
		row("600 a fixed minute, says when it ends", time.Hour, FixedWindow{600, time.Minute}, 10, theRest, fair),
		row("100 a fixed hour, says when it ends", 48*time.Hour, FixedWindow{100, time.Hour}, 100.0/3600, theRest, fair),
		row("500 a sliding 10 min, says half of the rest", 4*time.Hour, SlidingWindow{500, 10 * time.Minute}, 500.0/600, half, fair),
		row("20/s burst 50, says try again in 1 s", 30*time.Minute, perSecond(20, 50), 20, always(time.Second), fair),
		row("10/s burst 50, says try again in 30 s", time.Hour, perSecond(10, 50), 10, always(30*time.Second), fair),
		row("20/s burst 5, says try again in 30 s", time.Hour, perSecond(20, 5), 20, always(30*time.Second), fair),
		row("10 an hour burst 50", 96*time.Hour, Bucket{10, time.Hour, 50}, 10.0/3600, nil, Goals{Refused: 0.05, Goodput: 0.9}),
		row("10 an hour burst 50, says when it has the next", 96*time.Hour, Bucket{10, time.Hour, 50}, 10.0/3600, theRest, Goals{Refused: 0.05, Goodput: 0.9}),
	}
}

func theRest(rest time.Duration) time.Duration { return rest }
func half(rest time.Duration) time.Duration    { return rest / 2 }

func always(d time.Duration) Asking {
	return func(time.Duration) time.Duration { return d }
}
