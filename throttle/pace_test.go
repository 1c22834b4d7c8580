package throttle

import (
	"math"
	"testing"
	"time"
)

// accepted has a pace count n messages, evenly over so long.
func accepted(p *pace, from time.Time, n int, over time.Duration) time.Time {
	for i := range n {
		p.counted(from.Add(over*time.Duration(i)/time.Duration(n)), 1)
	}
	return from.Add(over)
}

func about(got, want float64) bool { return math.Abs(got-want) <= 0.01*want }

func TestPaceEstimates(t *testing.T) {
	for _, test := range []struct {
		name string
		feed func(p *pace) time.Time // returns when it is refused
		want float64                 // 0: nothing is learned
	}{
		{"nothing accepted", func(p *pace) time.Time { return noon }, 0},
		{"20 in 2 s", func(p *pace) time.Time { return accepted(p, noon, 20, 2*time.Second) }, 9},
		{"a burst within a second", func(p *pace) time.Time { return accepted(p, noon, 20, time.Millisecond) }, 18},
		{"50/s for an hour", func(p *pace) time.Time { return accepted(p, noon, 180_000, time.Hour) }, 45},
		{"slow, and 50/s lately", func(p *pace) time.Time {
			return accepted(p, accepted(p, noon, 60, time.Hour), 6000, 2*time.Minute)
		}, 45},
		{"long ago", func(p *pace) time.Time { return accepted(p, noon, 100, time.Second).Add(time.Hour) }, 0},
		{"one a minute", func(p *pace) time.Time { return accepted(p, noon, 10, 10*time.Minute) }, 0.9 / 60},
		{"one in two minutes", func(p *pace) time.Time { return accepted(p, noon, 1, 2*time.Minute) }, slowest},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p pace
			at := test.feed(&p)
			p.refused(at)
			if got := p.rate(at); !about(got, test.want) {
				t.Errorf("the rate is %v a second, want %v", got, test.want)
			}
		})
	}
}

// TestPaceRises from a cut: fast below what has failed, slowly near it, and
// ever slower in time where the rate is low.
func TestPaceRises(t *testing.T) {
	var p pace
	at := accepted(&p, noon, 100, time.Second) // 90/s
	p.refused(at)
	p.counted(at, 10)
	p.refused(at.Add(time.Second)) // 9/s, where 107/s has failed
	at = at.Add(time.Second)
	failed := 90 * math.Exp2(1.0/4)
	for _, test := range []struct {
		after time.Duration
		want  float64
	}{
		{0, 9}, {4 * time.Second, 18}, {8 * time.Second, 36}, {12 * time.Second, 72},
		{time.Minute, near * failed * (1 + growth*(60-4*math.Log2(near*failed/9)))},
	} {
		if got := p.rate(at.Add(test.after)); !about(got, test.want) {
			t.Errorf("%v after the cut the rate is %v a second, want %v", test.after, got, test.want)
		}
	}
	p.refused(at.Add(8 * time.Second)) // nothing was accepted since
	if got := p.rate(at.Add(8 * time.Second)); !about(got, 9) {
		t.Errorf("while nothing is accepted the rate rises to %v a second, want 9", got)
	}
	var slow pace
	at = accepted(&slow, noon, 2, 2*time.Minute)
	slow.refused(at)
	if got, was := slow.rate(at.Add(time.Minute)), slow.rate(at); got > 1.3*was {
		t.Errorf("a rate of %v a second rises to %v within one message", was, got)
	}
}

func TestPaceSpacesAndGivesBack(t *testing.T) {
	p := pace{base: 2, cut: noon}
	p.take(noon, 1)
	if got := p.at().Sub(noon); got != 500*time.Millisecond {
		t.Errorf("the next goes after %v, want 500ms", got)
	}
	p.take(noon, 3)
	if got := p.at().Sub(noon); got != 2*time.Second {
		t.Errorf("the next goes after %v, want 2s", got)
	}
	p.back(noon, 3)
	p.back(noon, 1)
	if got := p.at().Sub(noon); got != 0 {
		t.Errorf("the next goes after %v, want 0s", got)
	}
	late := noon.Add(time.Hour)
	p = pace{base: 2, cut: late, next: noon}
	p.take(late, 1)
	if got := p.at().Sub(late); got != 500*time.Millisecond {
		t.Errorf("an hour idle lets the next go after %v, want 500ms", got)
	}
}
