package simulate

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestARefusalAsksForTheRest: what a limit asks for is over when it says, and no second
// before; where it asks for nothing the reply is plain.
func TestARefusalAsksForTheRest(t *testing.T) {
	for name, m := range map[string]Model{
		"bucket": Bucket{1, time.Minute, 1}, "fixed": FixedWindow{1, time.Minute}, "sliding": SlidingWindow{1, time.Minute},
	} {
		g := m.gate(rand.New(rand.NewPCG(1, 2)))
		g.admit(query{now: time.Second})
		now := 2 * time.Second
		if g.admit(query{now: now}) {
			t.Errorf("%s: admits two", name)
			continue
		}
		a := Rule{At: classify.StageMail, Model: m, Reply: tooMuch, Asks: theRest}.answers(g)(now)
		asked := a.verdict.RetryAfter
		if asked < time.Second || g.admit(query{now: now + asked - time.Second - time.Millisecond}) || !g.admit(query{now: now + asked}) {
			t.Errorf("%s: asks for %v, which is not the time for which it refuses", name, asked)
		}
	}
	a := Rule{At: classify.StageMail, Model: Outage{}, Reply: tooMuch, Asks: always(0)}.answers(Outage{})(0)
	if a.verdict.RetryAfter != 0 || a.verdict.Limit != classify.LimitMessageRate {
		t.Errorf("one that asks for no delay: %+v", a.verdict)
	}
}

// TestARateIsFoundBetweenDelays: a bucket that asks for a delay of many times what it
// needs leaves few messages between two refusals, and yet its rate is found.
func TestARateIsFoundBetweenDelays(t *testing.T) {
	for _, test := range []struct {
		name  string
		model Bucket
		asks  time.Duration
	}{
		{"117 a minute burst 5, 39 s", Bucket{117, time.Minute, 5}, 39 * time.Second},
		{"300 a minute burst 20, 50 s", Bucket{300, time.Minute, 20}, 50 * time.Second},
		{"40 a minute burst 3, 30 s", Bucket{40, time.Minute, 3}, 30 * time.Second},
		{"1200 a minute burst 10, 20 s", Bucket{1200, time.Minute, 10}, 20 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sc := Scenario{
				Name: test.name, Length: 20 * time.Minute, Destinations: []Destination{{Name: "example.com"}},
				Hosts: []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: test.model, Reply: tooMuch, Asks: always(test.asks)}}}},
			}
			r, err := sc.Run(Paced, 1)
			if err != nil {
				t.Fatal(err)
			}
			allowed := float64(test.model.Count) / test.model.Per.Seconds() * sc.Length.Seconds()
			if float64(r.Accepted) < 0.4*allowed || r.Refused > 40 {
				t.Errorf("%d of %.0f are accepted and %d refused", r.Accepted, allowed, r.Refused)
			}
		})
	}
}

// TestDelaysBecomeRare: where the rate is known, each refusal costs the delay that it asks
// for, so the next one comes the later.
func TestDelaysBecomeRare(t *testing.T) {
	for _, test := range []struct {
		name  string
		model Bucket
	}{
		{"20/s burst 5", perSecond(20, 5)}, {"10/s burst 50", perSecond(10, 50)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sc := Scenario{
				Name: test.name, Length: 2 * time.Hour, Destinations: []Destination{{Name: "example.com"}},
				Hosts: []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: test.model, Reply: tooMuch, Asks: always(30 * time.Second)}}}},
			}
			r, err := sc.Run(Paced, 1)
			if err != nil {
				t.Fatal(err)
			}
			allowed := float64(test.model.Count) * sc.Length.Seconds()
			if float64(r.Accepted) < 0.75*allowed || r.Refused > 60 {
				t.Errorf("%d of %.0f are accepted and %d refused", r.Accepted, allowed, r.Refused)
			}
		})
	}
}
