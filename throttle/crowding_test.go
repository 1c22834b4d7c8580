package throttle

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// playCrowd plays transactions on so many connections as the limit allows, most at most,
// for a time. takes returns the time of one. It returns the mean number of connections
// in the second half, and the messages a second.
func playCrowd(c *crowding, length time.Duration, most int, takes func(now time.Duration, n int) time.Duration) (connections, rate float64) {
	ends := make([]time.Duration, most) // by connection; 0 is none
	began := make([]time.Duration, most)
	sent, open, samples := 0, 0, 0.0
	for now := time.Duration(0); now < length; now += time.Millisecond {
		allowed := most
		if c.limit > 0 {
			allowed = min(most, int(c.limit))
		}
		busy := 0
		for _, e := range ends {
			if e > 0 {
				busy++
			}
		}
		for i := range ends {
			switch {
			case ends[i] > 0 && ends[i] <= now:
				c.took(noon.Add(now), busy, now-began[i])
				ends[i] = 0
				busy--
				sent++
			}
			if ends[i] == 0 && busy < allowed {
				busy++
				began[i], ends[i] = now, now+max(takes(now, busy), time.Millisecond)
			}
		}
		if now > length/2 {
			open += busy
			samples++
		}
	}
	return float64(open) / samples, float64(sent) / length.Seconds()
}

func TestCrowding(t *testing.T) {
	ms := func(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }
	for _, test := range []struct {
		name     string
		takes    func(rng *rand.Rand) func(now time.Duration, n int) time.Duration
		from, to float64 // connections in the end
	}{
		{"independent, times vary evenly", func(rng *rand.Rand) func(time.Duration, int) time.Duration {
			return func(time.Duration, int) time.Duration { return ms(20 + 20*rng.Float64()) }
		}, 19, 20},
		{"independent, times vary a lot", func(rng *rand.Rand) func(time.Duration, int) time.Duration {
			return func(time.Duration, int) time.Duration { return ms(20 * math.Exp(rng.NormFloat64())) }
		}, 18, 20},
		{"independent, a minute for one of 2,000", func(rng *rand.Rand) func(time.Duration, int) time.Duration {
			return func(time.Duration, int) time.Duration {
				if rng.Float64() < 0.0005 {
					return time.Minute
				}
				return ms(30)
			}
		}, 18, 20},
		{"independent, slower from the half on", func(*rand.Rand) func(time.Duration, int) time.Duration {
			return func(now time.Duration, _ int) time.Duration {
				if now > 5*time.Minute {
					return ms(90)
				}
				return ms(30)
			}
		}, 18, 20},
		{"slower beyond 3", func(*rand.Rand) func(time.Duration, int) time.Duration {
			return func(_ time.Duration, n int) time.Duration {
				f := max(1, float64(n)/3)
				return ms(10 + 20*f*f)
			}
		}, 2, 4},
		{"a tarpit beyond 5", func(*rand.Rand) func(time.Duration, int) time.Duration {
			return func(_ time.Duration, n int) time.Duration {
				if n > 5 {
					return time.Second
				}
				return ms(30)
			}
		}, 3.5, 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(3) {
				var c crowding
				got, _ := playCrowd(&c, 10*time.Minute, 20, test.takes(rand.New(rand.NewPCG(seed, 1))))
				if got < test.from || got > test.to {
					t.Errorf("with seed %d there are %.1f connections in the end, want %g to %g", seed, got, test.from, test.to)
				}
			}
		})
	}
}

// TestShortTransactionsRaiseNoSuspicion has transactions that take longer the more
// connections there are. Where they take less than a millisecond, the machine itself is
// busy, and an experiment would cost what it is to save.
func TestShortTransactionsRaiseNoSuspicion(t *testing.T) {
	for _, test := range []struct {
		alone    time.Duration // of one connection
		suspects bool
	}{
		{20 * time.Microsecond, false},
		{200 * time.Microsecond, false},
		{20 * time.Millisecond, true},
	} {
		c, now, suspected := crowding{}, noon, false
		for n := 1; n <= 4; n++ {
			for range 20 * armSamples {
				took := test.alone * time.Duration(n)
				now = now.Add(took / time.Duration(n))
				c.took(now, n, took)
				suspected = suspected || c.limit > 0
			}
		}
		if suspected != test.suspects {
			t.Errorf("%v a transaction: suspected %v, want %v", test.alone, suspected, test.suspects)
		}
	}
}

// TestTimesTellNothingWhileConnectionsIdle does not let an experiment go on.
func TestTimesTellNothingWhileConnectionsIdle(t *testing.T) {
	c := crowding{phase: withFewer, limit: 3, found: 0, base: measure{8, 0.1, 0.01}}
	c.idles()
	if c.limit != 0 || c.phase != steady {
		t.Errorf("the limit is %d in phase %d, want none", c.limit, c.phase)
	}
}

// TestAStuckTransactionHoldsUpNoExperiment: of two connections one has a transaction
// that does not end. An experiment with one connection has the other leave; mail must
// not wait for the stuck one then.
func TestAStuckTransactionHoldsUpNoExperiment(t *testing.T) {
	r := newRig(t, wide())
	for range 30_000 {
		r.s.Push(r.now, Job[string]{Destination: "d", Path: Through("relay")})
	}
	conns := []*Conn[string]{r.open("relay"), nil}
	widen(10, &r.endpoint("relay").scope, &r.destination("d").scope)
	conns[1] = r.open("relay")
	if g, _ := conns[0].Next(r.now); g == nil { // it stays at its dot
		t.Fatal("nothing goes")
	}
	c, accepted, last := conns[1], 0, r.now
	for end := r.now.Add(10 * time.Minute); r.now.Before(end); {
		var g *Grant[string]
		if c != nil {
			g, _ = c.Next(r.now)
		}
		if g != nil {
			g.Wrote(r.now)
			r.pass(20 * time.Millisecond)
			g.Done(r.now, Outcome{Accepted: 1, Recipients: 1})
			accepted, last = accepted+1, r.now
			continue
		}
		if c != nil {
			c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
			c = nil
		}
		if silent := r.now.Sub(last); silent > 5*time.Second {
			t.Fatalf("after %d messages nothing went for %v", accepted, silent)
		}
		h := new(hands)
		r.s.Tick(r.now, h)
		if len(h.opened) == 0 {
			r.pass(100 * time.Millisecond)
			continue
		}
		for _, o := range h.opened[1:] {
			o.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
		}
		c = h.opened[0]
		c.Established(r.now)
	}
}

// An experiment with fewer connections ends where less is accepted, and goes on to fewer
// still while clearly more than their part is; the last step may have been large.
func TestHowAnExperimentWithFewerEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		part    float64 // of the throughput of the base, with half of its connections
		n       float64
		err     float64
		found   int32
		samples int
		phase   phase
		limit   int32
		decided bool
	}{
		"as much":                     {1, 4, 0, 0, 0, withFewer, 3, true},
		"just equal":                  {equal, 4, 0, 0, 0, withFewer, 3, true},
		"less":                        {equal - 0.01, 4, 0, 0, 0, steady, 0, true},
		"less than fewer have kept":   {equal - 0.01, 4, 0, 8, 0, withMore, 10, true},
		"as much with one":            {1, 1, 0, 0, 0, withMore, 5, true},
		"as much, uncertain":          {1, 4, 0.2, 0, mostSamples - 1, withFewer, 4, false},
		"as much, uncertain for long": {1, 4, 0.2, 0, mostSamples, steady, 0, true},
	} {
		base := measure{n: 8, mean: 1}
		c := &crowding{phase: withFewer, limit: 4, found: tt.found, base: base, known: base, gap: longestTrialGap}
		c.arm.times = make([]float64, tt.samples)
		m := measure{n: tt.n, mean: tt.n / (tt.part * base.rate()), err: tt.err}
		if got := c.judgeFewer(noon, m); got != tt.decided || c.phase != tt.phase || c.limit != tt.limit {
			t.Errorf("%s: decided %v, in the phase %d with the limit %d", name, got, c.phase, c.limit)
		}
		switch {
		case tt.phase == steady && (!c.next.Equal(noon.Add(c.gap)) || c.gap != longestTrialGap):
			t.Errorf("%s: the next experiment is in %v", name, c.next.Sub(noon))
		case tt.decided && tt.part >= equal && tt.err == 0 && (c.found != 4 || c.known != m || c.gap != firstTrialGap):
			t.Errorf("%s: found %d, the gap is %v", name, c.found, c.gap)
		}
	}
}

// The gap between experiments doubles within bounds.
func TestGapsBetweenExperiments(t *testing.T) {
	var c crowding
	for _, want := range []time.Duration{firstTrialGap, 2 * firstTrialGap, 4 * firstTrialGap} {
		if c.postpone(noon); c.gap != want || !c.next.Equal(noon.Add(want)) {
			t.Errorf("got %v, want %v", c.gap, want)
		}
	}
	for range 10 {
		c.postpone(noon)
	}
	if c.gap != longestTrialGap {
		t.Errorf("at last: got %v", c.gap)
	}
	for phase, want := range map[phase]bool{steady: false, certain: true, withFewer: true, withMore: true} {
		if got := (&crowding{phase: phase}).experiments(); got != want {
			t.Errorf("phase %d: an experiment is under way: %v", phase, got)
		}
	}
	if (*crowding)(nil).experiments() {
		t.Error("nothing experiments")
	}
}

// TestFewMessagesOnAConnectionTellNoCrowd: where a connection may carry few messages the times
// of transactions bound no number of connections, and a bound that they have set is dropped.
func TestFewMessagesOnAConnectionTellNoCrowd(t *testing.T) {
	for _, test := range []struct {
		name string
		may  func(r *rig, c *Conn[string])
	}{
		{"announced", func(r *rig, c *Conn[string]) { c.Announced(armSamples-1, 0) }},
		{"set", func(r *rig, _ *Conn[string]) { r.s.endpointLocked("relay").limits.MessagesPerConnection = 3 }},
		{"learned", func(r *rig, _ *Conn[string]) { r.endpoint("relay").learning(r.now, 1).perConnection.most = 3 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, conns, grants := crowd(t, 3)
			e := r.endpoint("relay")
			r.pass(time.Second)
			r.accepted(grants[0])
			if e.crowding == nil {
				t.Fatal("times are measured only where connections carry few messages")
			}
			e.crowding.limit = 3
			test.may(r, conns[1])
			r.accepted(grants[1])
			if e.crowding != nil {
				t.Errorf("there may be %d connections", e.crowding.limit)
			}
		})
	}
}
