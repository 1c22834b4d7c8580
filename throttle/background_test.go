package throttle

import (
	"math/rand/v2"
	"testing"
	"time"
)

// send plays so many messages through an estimate, one at a time, each refused as
// refuses tells, and returns the time that they took.
func send(p *rateEstimate, now time.Time, n int, refuses func(now time.Time) bool) (end time.Time, refused int) {
	for range n {
		if at := p.at(now, 0, 1); at.After(now) {
			now = at
		}
		p.take(now, 1)
		begun := now.Add(time.Nanosecond)
		now = now.Add(time.Millisecond)
		if refuses(now) {
			refused++
			p.refuse(now, begun, 1)
		} else {
			p.accept(now, begun, 1)
		}
	}
	return now, refused
}

// TestBackgroundMovesNoRate: refusals at random do not bring down a rate, for no
// rate would have fewer.
func TestBackgroundMovesNoRate(t *testing.T) {
	for _, share := range []float64{0.005, 0.02, 0.1} {
		rng := rand.New(rand.NewPCG(1, 2))
		p := newRateEstimate(noon, 100, noon.Add(-time.Second))
		p.refuse(noon, noon, 1)
		now, _ := send(&p, noon, 20_000, func(time.Time) bool { return rng.Float64() < share })
		from := now
		now, _ = send(&p, now, 20_000, func(time.Time) bool { return rng.Float64() < share })
		if rate := 20_000 / now.Sub(from).Seconds(); rate < 50 {
			t.Errorf("with %v of all refused the rate is %.1f/s, from 100/s", share, rate)
		}
		if !p.background.tolerant() {
			t.Errorf("with %v of all refused no background is known", share)
		}
	}
}

// TestBackgroundIsNoCloakForALimit: where a bucket refuses too, its rate is found,
// and where the random refusals end they are forgotten.
func TestBackgroundIsNoCloakForALimit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tokens, last := 20.0, noon
	bucket := func(now time.Time) bool {
		tokens = min(20, tokens+50*now.Sub(last).Seconds())
		last = now
		if tokens < 1 {
			return true
		}
		tokens--
		return false
	}
	p := newRateEstimate(noon, 100, noon.Add(-time.Second))
	p.refuse(noon, noon, 1)
	now, _ := send(&p, noon, 20_000, func(now time.Time) bool { return rng.Float64() < 0.05 || bucket(now) })
	from := now
	now, refused := send(&p, now, 20_000, func(now time.Time) bool { return rng.Float64() < 0.05 || bucket(now) })
	if rate := float64(20_000-refused) / now.Sub(from).Seconds(); rate < 43 || refused > 2_400 {
		t.Errorf("%.1f/s are accepted and %d of 20000 refused, want 50/s and about 1000", rate, refused)
	}
	now, _ = send(&p, now, 5_000, bucket)
	from = now
	now, refused = send(&p, now, 20_000, bucket)
	if rate := float64(20_000-refused) / now.Sub(from).Seconds(); rate < 44 || refused > 300 {
		t.Errorf("without random refusals %.1f/s are accepted and %d of 20000 refused, want 50/s and about 60", rate, refused)
	}
}

// TestWhoRefusesMuchIsNotTolerated: a quarter of all is more than a background.
func TestWhoRefusesMuchIsNotTolerated(t *testing.T) {
	b := background{share: 0.2, anchor: 10}
	for range 4 * averaged {
		if b.average(true); b.tolerant() {
			b.average(false)
		}
		if !b.tolerant() {
			break
		}
	}
	if b.tolerant() {
		t.Errorf("half of all is refused and tolerated: %+v", b)
	}
	b = background{share: 0.01, anchor: 10}
	for range 4 * averaged {
		b.average(false)
	}
	if b.tolerant() {
		t.Errorf("nothing is refused any more, and the background is not forgotten: %+v", b)
	}
}

// TestARestoredRateIsHeldWithoutRefusals: what comes out of a snapshot has a level
// to hold on to.
func TestARestoredRateIsHeldWithoutRefusals(t *testing.T) {
	r := estimateRecord{Level: 10, Depth: 0.1, Reach: 100}
	p := r.estimate(noon, time.Minute)
	if got := p.suspected().anchor; got != 10 {
		t.Errorf("the anchor is %v, want 10", got)
	}
	p.background.share, p.background.began = 0.1, noon
	if got := p.rate(); got <= 0 {
		t.Errorf("an experiment would send at %v/s", got)
	}
}

// TestASlowProbeIsNotWaitedFor longer than longProbe, then twice as long, for it may
// be slow for reasons of its own.
func TestASlowProbeIsNotWaitedFor(t *testing.T) {
	p := newRateEstimate(noon, 100, noon.Add(-time.Second))
	p.refuse(noon, noon, 1)
	now := p.at(noon, 1, 1)
	for _, wait := range []time.Duration{longProbe, 2 * longProbe, 4 * longProbe} {
		p.take(now, 1)
		if got := p.at(now, 1, 1).Sub(now); got != wait {
			t.Fatalf("the next probe goes after %v, want %v", got, wait)
		}
		now = now.Add(wait)
	}
	if p.accept(now, now.Add(-4*longProbe), 1); p.outage.lasts() {
		t.Error("the outage lasts after the slow probe was accepted")
	}
}
