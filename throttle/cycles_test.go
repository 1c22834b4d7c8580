package throttle

import (
	"testing"
	"time"
)

// TestCyclesBoundTheLevel: what two cycles have accepted bounds the level after a short
// outage, and is the least after a long one. A limit that was lowered is found after two.
func TestCyclesBoundTheLevel(t *testing.T) {
	b := &bans{window: true, cycles: cycles{from: noon}}
	now := noon
	cycle := func(n int, level float64, long bool) float64 {
		b.counts(n)
		now = now.Add(100 * time.Second)
		return b.within(now, level, long)
	}
	for _, step := range []struct {
		n     int
		level float64
		long  bool
		want  float64
	}{
		{1000, 2, true, 10}, {1000, 20, true, 20}, // a long outage never lowers it below
		{0, 1, false, 8.5}, {0, 30, false, 15}, {0, 9, false, 9},
		{10, 0.1, true, 1010.0 / 500}, {10, 0.01, true, 20.0 / 500},
	} {
		if got := cycle(step.n, step.level, step.long); got < 0.99*step.want || got > 1.01*step.want {
			t.Errorf("after %d at a level of %v (long %v) it is %v, want %v", step.n, step.level, step.long, got, step.want)
		}
	}
	if got := (*bans)(nil).within(noon, 3, true); got != 3 {
		t.Errorf("without a long outage the level is %v, want 3", got)
	}
}

// TestNoCycleHasEnded: then nothing bounds the level.
func TestNoCycleHasEnded(t *testing.T) {
	b := &bans{window: true}
	if got := b.cycles.rate(noon); got != 0 {
		t.Errorf("it has accepted %v a second", got)
	}
	b.counts(1000)
	for _, level := range []float64{0.25, 30} {
		if got := b.within(noon.Add(time.Hour), level, false); got != level {
			t.Errorf("after a short outage the level %v becomes %v", level, got)
		}
	}
	if got := b.within(noon.Add(time.Hour), 0.25, true); got != 0.25 {
		t.Errorf("after the first long outage it is %v", got)
	}
}

// TestCyclesGrowOld: where less was accepted in the cycle under way, for longer than the
// last two took, they raise no level any more. Else those of a bucket that was full would
// do so for good.
func TestCyclesGrowOld(t *testing.T) {
	b := &bans{window: true, cycles: cycles{from: noon}}
	now := noon
	for range 2 {
		now = now.Add(time.Minute)
		b.counts(600)
		b.within(now, 10, true)
	}
	for _, minutes := range []int{1, 10} {
		b.cycles.n = 0
		b.counts(minutes)
		want := 1.0 / 60
		if minutes == 1 {
			want = leastOfCycle * 10
		}
		if got := b.within(now.Add(time.Duration(minutes)*time.Minute), 1.0/60, false); got < 0.99*want || got > 1.01*want {
			t.Errorf("%d accepted in %d minutes after two cycles of 600 a minute: the level is %.3f/s, want %.3f/s", minutes, minutes, got, want)
		}
	}
}
