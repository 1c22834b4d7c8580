package throttle

import (
	"testing"
	"time"
)

// TestCatchUpIsTightenedAndLoosened: refusals of early messages shorten the delay that is
// made good to nothing, and delays that are not made good lengthen it again, ever later.
func TestCatchUpIsTightenedAndLoosened(t *testing.T) {
	var c catchUp
	want := time.Second
	for i := range mostTightened {
		if got := c.within(time.Second); got != want {
			t.Errorf("after %d refusals %v are made good, want %v", i, got, want)
		}
		c.tighten()
		want /= tightened
	}
	if got := c.within(time.Second); got != 0 || !c.even() {
		t.Errorf("at last %v are made good, and it is even: %v; want nothing, and true", got, c.even())
	}
	lost := 0
	for c.times == mostTightened {
		c.lost()
		lost++
	}
	if want := firstEven << (mostTightened - 1); lost != want {
		t.Errorf("more is tried after %d delays, want %d", lost, want)
	}
	c.tighten()
	if c.wait != 2*firstEven<<(mostTightened-1) {
		t.Errorf("the next time it is tried after %d delays, want twice as many", c.wait)
	}
}

// TestOnlyEarlyMessagesAreHurried: those that keep their interval are not, nor those
// behind several at once.
func TestOnlyEarlyMessagesAreHurried(t *testing.T) {
	const gap = 50 * time.Millisecond
	var c catchUp
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	for _, step := range []struct {
		ms, n int
		early bool
	}{{0, 1, false}, {50, 1, false}, {90, 1, true}, {100, 1, true}, {150, 1, false}, {200, 5, false}, {210, 1, false}, {260, 1, false}} {
		c.goes(at(step.ms), gap, step.n)
		if got := c.hurried(at(step.ms)); got != step.early {
			t.Errorf("the message at %d ms is hurried: %v", step.ms, got)
		}
	}
}

// TestEarlyRefusalsTeachNoRate: at a receiver without a burst a delay now and then costs
// the rate next to nothing, and few refusals.
func TestEarlyRefusalsTeachNoRate(t *testing.T) {
	p := newRateEstimate(noon, 2, noon.Add(-100*time.Millisecond))
	p.refuse(noon, noon, 1)
	to := bucketReceiver{rate: 20, burst: 1}
	now, refused, n := noon, 0, 0
	for ; now.Sub(noon) < 10*time.Minute; n++ {
		if at := p.at(now, 0, 1); at.After(now) {
			now = at
		}
		if n%20 == 0 { // a connection is opened
			now = now.Add(40 * time.Millisecond)
		}
		p.take(now, 1)
		begun, ok := now, to.admits(now.Sub(noon).Seconds())
		now = now.Add(time.Millisecond)
		if ok {
			p.accept(now, begun.Add(time.Nanosecond), 1)
			continue
		}
		refused++
		p.refuse(now, begun, 1)
	}
	if rate := float64(n-refused) / 600; rate < 17.5 || refused > n/100 {
		t.Errorf("%.1f/s were accepted of 20, and %d of %d refused", rate, refused, n)
	}
}
