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

// TestAnExperimentBegunByChanceFindsTheBackground: strays that came close together
// begin an experiment with a share that is far too high. It finds the background all
// the same, and its share; a limit refuses next to nothing.
func TestAnExperimentBegunByChanceFindsTheBackground(t *testing.T) {
	for _, share := range []float64{0.001, 0.01, 0.02} {
		rng := rand.New(rand.NewPCG(1, 2))
		b := background{anchor: 100}
		b.begin(noon, 4*share)
		now, found := noon, foundNothing
		for found == foundNothing {
			now = now.Add(time.Millisecond)
			if rng.Float64() < share {
				_, found = b.refuse(now, now, true)
			} else {
				found = b.accepted(now, now, 1, true)
			}
		}
		if found != foundBackground || b.share > 3*share {
			t.Errorf("with %v of all refused the experiment finds %v and a share of %v", share, found, b.share)
		}
	}
	b, found := background{anchor: 100}, foundNothing
	b.begin(noon, 0.05)
	for n := 1; found == foundNothing; n++ {
		found = b.accepted(noon.Add(time.Second), noon.Add(time.Second), 1, true)
		if n > 400 {
			t.Fatal("no refusal in 400 of 0.05, and no limit is found")
		}
	}
	if found != foundLimit {
		t.Errorf("nothing is refused below the candidate, and %v is found", found)
	}
}

// TestAFewMessagesDisproveNoBackground: a background that has passed a test is not taken
// for a limit because none of the few messages of a minute were refused; of as many as
// bring some of its refusals, none are.
func TestAFewMessagesDisproveNoBackground(t *testing.T) {
	b := background{anchor: 0.25, passes: 1}
	b.begin(noon, 0.03)
	now, n, found := noon, 0, foundNothing
	for ; found == foundNothing && n < 1000; n++ {
		now = now.Add(4 * time.Second)
		found = b.accepted(now, now, 1, true)
	}
	if found != foundLimit || n < 130 || n > 150 {
		t.Errorf("after %d messages of which none was refused %v is found, want a limit after 134", n, found)
	}
}

// TestStraysThatAreRareHardlySlowMail: an experiment that strays begin which are less
// than one in a hundred goes near the rate, as the test of a known background does.
func TestStraysThatAreRareHardlySlowMail(t *testing.T) {
	for _, tt := range []struct{ tries, part float64 }{{30, leastLowered}, {1000, keptLevel}} {
		p := newRateEstimate(noon, 1, noon)
		p.level, p.reach, p.depth, p.estimates = 100, 1000, margin, wellKnown
		p.background = &background{anchor: 100, strays: 1, tries: tt.tries, refused: 3}
		now := noon.Add(recheckTime)
		p.recent.add(now, 6000)
		p.outage.begin(now, time.Second, 1)
		p.strayed(now, 1, 1)
		if got, want := p.rate(), belowCandidate*tt.part*100; !p.background.testing() || got < want || got > 1.01*want {
			t.Errorf("3 strays of %v: the experiment sends at %.1f/s where 100/s were accepted, want %.1f/s", tt.tries, got, want)
		}
	}
}

// TestARareBackgroundIsKept: one of a thousand is not forgotten at the first that
// passes.
func TestARareBackgroundIsKept(t *testing.T) {
	b := background{share: leastShare, anchor: 10}
	for range averaged {
		b.average(false)
	}
	if !b.tolerant() {
		t.Errorf("a background of %v is forgotten after %d without a refusal", leastShare, averaged)
	}
}

// TestAKnownBackgroundIsTestedNearTheRate: mail that goes far above the last level goes at
// half the rate at least while a background is tested again, and hardly slower where that
// takes long. The level follows when the background passes.
func TestAKnownBackgroundIsTestedNearTheRate(t *testing.T) {
	for _, tt := range []struct{ share, part float64 }{{0.05, leastLowered}, {0.005, keptLevel}} {
		p := newRateEstimate(noon, 1, noon)
		p.level, p.reach, p.depth, p.sent = 1, 20, 0.25, 200
		p.background = &background{share: tt.share, anchor: 1, refused: recheckRefused}
		now := noon.Add(recheckTime)
		p.recent.add(now, 6000)
		p.accept(now, now, 1)
		if !p.background.testing() {
			t.Fatal("the background is not tested again")
		}
		if got, want := p.rate(), belowCandidate*tt.part*100; got < want || got > 1.01*want {
			t.Errorf("a background of %v: the experiment sends at %.1f/s where 100/s were accepted, want %.1f/s", tt.share, got, want)
		}
		if p.raise(now); p.level < 100 {
			t.Errorf("the level is %.1f/s after it, where 100/s were accepted", p.level)
		}
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

// TestAnUnknownLevelHoldsNothing: an outage that a known share of refusals explains ends
// without a level, and nothing waits then.
func TestAnUnknownLevelHoldsNothing(t *testing.T) {
	p := newRateEstimate(noon, 2*averaged, noon.Add(-10*time.Second))
	p.suspected().share = 0.2
	p.outage.begin(noon, blindWait, 1)
	now := noon.Add(time.Second)
	if p.accept(now, now, 1); p.known() || p.outage.lasts() {
		t.Fatalf("the level is %v/s, the outage lasts: %v", p.level, p.outage.lasts())
	}
	if at := p.at(now, 0, 1); at.After(now) {
		t.Errorf("the next message waits for %v", at.Sub(now))
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

// TestAnExperimentWithoutTriesShowsNothing: the time in which nothing was sent, or that
// a clock has left out, ends no experiment.
func TestAnExperimentWithoutTriesShowsNothing(t *testing.T) {
	b := background{anchor: 50}
	b.begin(noon, 0.02)
	if f := b.accepted(noon.Add(time.Second), noon.Add(time.Millisecond), 1, true); f != foundNothing {
		t.Fatalf("after one message: %v", f)
	}
	later := noon.Add(3 * time.Hour)
	if f := b.accepted(later, later.Add(-time.Second), 1, true); f != foundNothing || !b.testing() {
		t.Errorf("three hours later, after two messages: found %v, still testing: %v; want nothing, and true", f, b.testing())
	}
}

// What refusals at random have shown is kept when a test confirms it, and what the test
// counted is not: the next begins anew.
func TestAConfirmedBackgroundBeginsItsNextTestAnew(t *testing.T) {
	b := background{share: 0.1, began: noon, odds: decided, tries: 100, refused: 10, strays: 3, before: 5, beforeIn: 1, passes: 1}
	now := noon.Add(time.Minute)
	if got := b.decide(now); got != foundBackground {
		t.Fatalf("got %v, want a background", got)
	}
	if b.testing() || b.strays != 0 || b.tries != 0 || b.refused != 0 || b.before != 0 || b.beforeIn != 0 {
		t.Errorf("the test goes on with %+v", b)
	}
	if b.share != 0.1 || b.passes != 2 || !b.tested.Equal(now) {
		t.Errorf("a share of %v after %d tests, the last %v after the first", b.share, b.passes, b.tested.Sub(noon))
	}
}

// TestAnExperimentWithoutALevelSlowsNothing: where no refusal has shown a level yet, an
// experiment has nothing to go below.
func TestAnExperimentWithoutALevelSlowsNothing(t *testing.T) {
	p := newRateEstimate(noon, 1, noon)
	p.level, p.reach, p.sent = 10, 100, 100
	p.background = &background{}
	p.background.begin(noon, 0.05)
	if got := p.rate(); got != 10 || !p.background.testing() {
		t.Errorf("got %g/s, want the level of 10/s", got)
	}
	p.background.anchor = 8
	if got, want := p.rate(), belowCandidate*retested*8; got != want {
		t.Errorf("with a level: got %g/s, want %g/s", got, want)
	}
}
