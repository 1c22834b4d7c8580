package throttle

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestALevelThatChanceBroughtDownClimbs: a fifth of all is refused from the first
// message on, so that the first estimates are made of one or two. The rate is found all
// the same, whatever the order of the refusals.
func TestALevelThatChanceBroughtDownClimbs(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 7))
		p := newRateEstimate(noon, 4, noon.Add(-100*time.Millisecond))
		p.refuse(noon, noon, 1)
		refuses := func(time.Time) bool { return rng.Float64() < 0.2 }
		now, _ := send(&p, noon, 1000, refuses)
		from := now
		now, _ = send(&p, now, 3000, refuses)
		if rate := 3000 / now.Sub(from).Seconds(); rate < 20 {
			t.Errorf("seed %d: %.2f/s after 1000 messages of which a fifth was refused, want 20 at least", seed, rate)
		}
	}
}

// TestAClimbThatMeetsALimit: it costs a few refusals, the level stays as it was, and the
// next climb waits for twice as many refusals.
func TestAClimbThatMeetsALimit(t *testing.T) {
	tokens, last, refused := 10.0, noon, 0
	bucket := func(now time.Time) bool {
		tokens = min(10, tokens+2*now.Sub(last).Seconds())
		last = now
		if tokens < 1 {
			refused++
			return true
		}
		tokens--
		return false
	}
	p := newRateEstimate(noon, 10, noon.Add(-time.Second))
	p.level, p.depth, p.reach, p.estimates = 1.9, margin, 100, wellKnown
	p.atFirst, p.firstIn = 10, time.Second
	b := p.suspected()
	b.climb = climb{top: 100, lowered: sunkAfter, tries: 20, refused: 3}
	b.rise(noon, p.burst())
	if got := p.rate(); got != climbFactor*p.level {
		t.Fatalf("%v/s during the climb, want %v", got, climbFactor*p.level)
	}
	now := noon
	for n := 0; b.climbing() || p.outage.lasts(); n++ {
		if now, _ = send(&p, now, 1, bucket); n > 200 {
			t.Fatal("the climb does not end")
		}
		b = p.background
	}
	if refused > 10 || p.level != 1.9 || b.tolerant() || b.climb.needed != 2*sunkAfter {
		t.Errorf("%d refused, level %v, background %v, next after %d; want 10 at most, 1.9, none, %d",
			refused, p.level, b.share, b.climb.needed, 2*sunkAfter)
	}
}

// TestRefusalsAtALimitBeginFewClimbs: a bucket whose burst has made the first estimates
// too high is left with few refusals, although they come in a row.
func TestRefusalsAtALimitBeginFewClimbs(t *testing.T) {
	for _, burst := range []float64{1, 20, 200} {
		tokens, last := burst, noon
		bucket := func(now time.Time) bool {
			tokens = min(burst, tokens+5*now.Sub(last).Seconds())
			last = now
			if tokens < 1 {
				return true
			}
			tokens--
			return false
		}
		p := newRateEstimate(noon, int(burst), noon.Add(-100*time.Millisecond))
		p.refuse(noon, noon, 1)
		tokens = 0
		if _, refused := send(&p, noon, 3000, bucket); refused > 60 {
			t.Errorf("5/s with a burst of %v refuses %d of 3000, want 60 at most", burst, refused)
		}
	}
}

// TestStraysFarBelowTheLevelOnceKnown begin a climb in place of an experiment, whatever was
// refused in between at rates that had not been accepted before; near that level they do not,
// nor where a window is known or a delay asked for.
func TestStraysFarBelowTheLevelOnceKnown(t *testing.T) {
	for name, tt := range map[string]struct {
		level   float64
		between func(p *rateEstimate)
		rises   bool
	}{
		"far below":          {2, func(*rateEstimate) {}, true},
		"of many messages":   {2, func(p *rateEstimate) { p.background.tries = 10 }, false},
		"a quarter of it":    {2.5, func(*rateEstimate) {}, true},
		"near it":            {2.6, func(*rateEstimate) {}, false},
		"refused above":      {2, func(p *rateEstimate) { p.sank(noon, outage{}, 2, 10, false) }, true},
		"over a window":      {2, func(p *rateEstimate) { p.windowEnd = noon; p.sank(noon, outage{}, 2, 10, true) }, false},
		"nothing was lower":  {2, func(p *rateEstimate) { p.background.climb.forget() }, false},
		"delays asked for":   {2, func(p *rateEstimate) { p.outage.asked = 2 * time.Second }, false},
		"a climb that ended": {2, func(p *rateEstimate) { p.background.climb = climb{needed: 6} }, false},
	} {
		p := newRateEstimate(noon, 4, noon.Add(-time.Second))
		p.level, p.reach, p.depth, p.estimates = tt.level, 100, margin, wellKnown
		p.suspected().climb.top = 10
		p.background.tries = 100
		tt.between(&p)
		for range firstStrays {
			p.strayed(noon, 20, 20/tt.level)
		}
		if !p.background.testing() || p.background.climbing() != tt.rises {
			t.Errorf("%s: strays begin an experiment %v, that climbs %v", name, p.background.testing(), p.background.climbing())
		}
	}
}
