package throttle

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func about(got, want float64) bool { return math.Abs(got-want) <= 0.01*want }

// receiver is a model of one, by the time since the start in seconds.
type receiver interface {
	admits(t float64) bool
}

type bucketReceiver struct{ rate, burst, tokens, at float64 }

func (b *bucketReceiver) admits(t float64) bool {
	b.tokens = min(b.burst, b.tokens+(t-b.at)*b.rate)
	b.at = t
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

type fixedReceiver struct {
	count, used int
	per, phase  float64
	window      int
}

func (f *fixedReceiver) admits(t float64) bool {
	if w := int((t + f.phase) / f.per); w != f.window {
		f.window, f.used = w, 0
	}
	if f.used == f.count {
		return false
	}
	f.used++
	return true
}

type slidingReceiver struct {
	count int
	per   float64
	log   []float64
}

func (s *slidingReceiver) admits(t float64) bool {
	for len(s.log) > 0 && s.log[0] <= t-s.per {
		s.log = s.log[1:]
	}
	if len(s.log) == s.count {
		return false
	}
	s.log = append(s.log, t)
	return true
}

// paceRun is a pace that sends to a receiver, three at once at most, each of
// which takes 10 to 30 ms.
type paceRun struct {
	pace                      rateEstimate
	tally                     recentTotals
	now                       time.Time
	tries, refused, unsettled int // those refused in the first minute are unsettled
	accepted                  int
}

func (r *paceRun) run(to receiver, rng *rand.Rand, length time.Duration) {
	type try struct {
		begun, ends time.Time
		ok          bool
	}
	var flying []try
	end := r.now.Add(length)
	for r.now.Before(end) {
		at := r.pace.at(r.now, len(flying), 1)
		if len(flying) < 3 && !at.After(r.now) {
			r.pace.take(r.now, 1)
			flying = append(flying, try{r.now, r.now.Add(10*time.Millisecond + time.Duration(rng.Int64N(int64(20*time.Millisecond)))), to.admits(r.now.Sub(noon).Seconds())})
			r.now = r.now.Add(time.Microsecond)
			continue
		}
		first := 0
		for i := range flying {
			if flying[i].ends.Before(flying[first].ends) {
				first = i
			}
		}
		if len(flying) == 0 || len(flying) < 3 && at.Before(flying[first].ends) {
			r.now = at
			continue
		}
		r.now = flying[first].ends
		r.ended(flying[first].begun, flying[first].ok)
		flying = append(flying[:first], flying[first+1:]...)
	}
}

func (r *paceRun) ended(begun time.Time, ok bool) {
	r.tries++
	if ok {
		r.accepted++
		r.tally.count(r.now, 1)
		if !r.pace.born.IsZero() {
			r.pace.accept(r.now, begun, 1)
		}
		return
	}
	r.refused++
	if r.now.Sub(noon) < time.Minute {
		r.unsettled++
	}
	if r.pace.born.IsZero() {
		r.pace = newRateEstimate(r.now, int(r.tally.messages), r.tally.since())
	}
	r.pace.refuse(r.now, begun, 1)
}

// TestPaceFindsTheRate of receivers of all kinds, within the shares of refused
// tries and of the rate that are stated for them.
func TestPaceFindsTheRate(t *testing.T) {
	bucket := func(rate, burst float64) func(*rand.Rand) receiver {
		return func(*rand.Rand) receiver { return &bucketReceiver{rate: rate, burst: burst, tokens: burst} }
	}
	for _, test := range []struct {
		name    string
		make    func(*rand.Rand) receiver
		allowed float64 // per second
		length  time.Duration
		settled float64 // most of all tries that may be refused after a minute
		goodput float64
	}{
		{"50/s, burst 20", bucket(50, 20), 50, 10 * time.Minute, 0.005, 0.99},
		{"10/s, burst 20", bucket(10, 20), 10, 10 * time.Minute, 0.005, 0.98},
		{"10/s, burst 2", bucket(10, 2), 10, 10 * time.Minute, 0.01, 0.93},
		{"1/s, burst 5", bucket(1, 5), 1, 10 * time.Minute, 0.01, 0.97},
		{"1 in 20 s, burst 3", bucket(0.05, 3), 0.05, 5 * time.Hour, 0.02, 0.95},
		{"100/s, burst 1000", bucket(100, 1000), 100, 10 * time.Minute, 0.005, 0.97},
		{"300 per fixed minute", func(rng *rand.Rand) receiver {
			return &fixedReceiver{count: 300, per: 60, phase: 60 * rng.Float64()}
		}, 5, 10 * time.Minute, 0.01, 0.93},
		{"1000 per fixed hour", func(rng *rand.Rand) receiver {
			return &fixedReceiver{count: 1000, per: 3600, phase: 3600 * rng.Float64()}
		}, 1000.0 / 3600, 24 * time.Hour, 0.02, 0.9},
		{"300 per sliding minute", func(*rand.Rand) receiver { return &slidingReceiver{count: 300, per: 60} }, 5, 10 * time.Minute, 0.01, 0.93},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(10) {
				rng := rand.New(rand.NewPCG(seed, 7))
				r := paceRun{now: noon}
				r.run(test.make(rng), rng, test.length)
				if share := float64(r.refused-r.unsettled) / float64(r.tries); share > test.settled {
					t.Errorf("seed %d: %.2f %% refused after the first minute, want at most %.2f %%", seed, 100*share, 100*test.settled)
				}
				if got := float64(r.accepted) / (test.allowed * test.length.Seconds()); got < test.goodput {
					t.Errorf("seed %d: %.3f of what was allowed was accepted, want %.2f", seed, got, test.goodput)
				}
			}
		})
	}
}

// TestPaceFollowsALimitThatChanges to a half, and to twice as much.
func TestPaceFollowsALimitThatChanges(t *testing.T) {
	for _, test := range []struct {
		name   string
		factor float64
		within time.Duration
	}{
		{"halved", 0.5, 10 * time.Second},
		{"a tenth", 0.1, 20 * time.Second},
		{"doubled", 2, 3 * time.Minute},
		{"fivefold", 5, 5 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 8))
			r, to := paceRun{now: noon}, &bucketReceiver{rate: 20, burst: 20, tokens: 20}
			r.run(to, rng, 5*time.Minute)
			to.rate *= test.factor
			r.run(to, rng, test.within)
			before := r.accepted
			const allowed = 1200 // enough for the bucket's burst not to matter
			r.run(to, rng, time.Duration(allowed/to.rate*float64(time.Second)))
			if got := float64(r.accepted-before) / allowed; got < 0.9 || got > 1.1 {
				t.Errorf("%v later %.2f of the new rate is sent", test.within, got)
			}
		})
	}
}

// TestPaceRisesAsACubic from a cut: by half of its depth soon, hardly at all
// about the level, and fast beyond.
func TestPaceRisesAsACubic(t *testing.T) {
	p := rateEstimate{level: 10, depth: 0.2, reach: 100, next: noon}
	for _, test := range []struct {
		sent float64
		want float64
	}{{0, 8}, {50, 9.75}, {80, 9.984}, {100, 10}, {120, 10.016}, {200, 12}, {300, 26}} {
		p.sent = test.sent
		if got := p.rate(); !about(got, test.want) {
			t.Errorf("after %v the rate is %v a second, want %v", test.sent, got, test.want)
		}
	}
}

func TestPaceRisesOnlyWhenItIsUsed(t *testing.T) {
	p := rateEstimate{level: 10, depth: 0.2, reach: 1000, next: noon}
	now := noon
	for range 100 { // one a second, where eight may go
		p.take(now, 1)
		now = now.Add(time.Second)
	}
	if p.sent > 1 || !about(p.rate(), 8) {
		t.Errorf("after 100 that did not wait the rate is %v a second, want 8", p.rate())
	}
}

func TestPaceSpacesAndGivesBack(t *testing.T) {
	p := rateEstimate{level: 2, depth: 0, reach: 10, next: noon}
	p.take(noon, 1)
	if got := p.next.Sub(noon); got != 500*time.Millisecond {
		t.Errorf("the next goes after %v, want 500ms", got)
	}
	p.take(noon, 3)
	if got := p.next.Sub(noon); got != 2*time.Second {
		t.Errorf("the next goes after %v, want 2s", got)
	}
	p.release(3)
	p.release(1)
	if got := p.next.Sub(noon); got != 0 || p.sent != 0 {
		t.Errorf("the next goes after %v, want 0s; %v count as sent", got, p.sent)
	}
	late := noon.Add(time.Hour)
	p.take(late, 1)
	if got := p.next.Sub(late); got != 500*time.Millisecond {
		t.Errorf("an hour idle lets the next go after %v, want 500ms", got)
	}
}

// TestPaceOneOutageIsOneLesson: what was under way when it began, and what ends
// after it, moves nothing.
func TestPaceOneOutageIsOneLesson(t *testing.T) {
	p := newRateEstimate(noon, 100, noon.Add(-10*time.Second))
	early := noon.Add(-time.Millisecond)
	if !p.refuse(noon, early, 1) || p.refuse(noon.Add(time.Millisecond), early, 1) {
		t.Fatal("want the first refusal alone to begin an outage")
	}
	if p.accept(noon.Add(2*time.Millisecond), early, 1) {
		t.Fatal("the outage is over by what was under way")
	}
	probe := p.outage.until
	if !p.accept(probe.Add(time.Millisecond), probe, 1) || !about(p.level, 10.1) {
		t.Fatalf("after the probe was accepted: %+v, want a level of 10.1", p)
	}
	if p.refuse(probe.Add(2*time.Millisecond), early, 1) {
		t.Error("what had begun before the outage begins another")
	}
	if !p.refuse(probe.Add(3*time.Millisecond), probe.Add(2*time.Millisecond), 1) {
		t.Error("what has begun after the outage begins no other")
	}
}

// TestAnOutageFromTheStartTeachesNoRate: where nothing was accepted before it, nothing is
// known of the rate, however long it lasted. The next outage teaches one.
func TestAnOutageFromTheStartTeachesNoRate(t *testing.T) {
	for _, length := range []time.Duration{time.Second, time.Minute, 10 * time.Minute} {
		p := newRateEstimate(noon, 0, time.Time{})
		p.refuse(noon, noon, 1)
		now := noon
		for end := noon.Add(length); now.Before(end); now = p.at(now, 0, 1) {
			p.take(now, 1)
			p.refuse(now.Add(time.Millisecond), now, 1)
		}
		p.accept(now.Add(time.Millisecond), now, 1)
		for range 100 {
			if at := p.at(now, 0, 1); at.After(now.Add(time.Millisecond)) {
				t.Fatalf("%v: after %v of refusals the next message waits for %v", length, now.Sub(noon), at.Sub(now))
			}
			now = now.Add(10 * time.Millisecond)
			p.take(now, 1)
			p.accept(now, now, 1)
		}
		p.refuse(now, now, 1)
		p.accept(now.Add(time.Second), now.Add(time.Second), 1)
		if p.level < 10 {
			t.Errorf("%v: after 100 messages in a second a refusal teaches %v a second", length, p.level)
		}
	}
}

// TestPaceLearnsTheTurnOfAWindow: from the second outage on a probe goes at the
// turn.
func TestPaceLearnsTheTurnOfAWindow(t *testing.T) {
	p := newRateEstimate(noon, 300, noon.Add(-time.Second))
	p.refuse(noon, noon, 1)
	for p.outage.until.Before(noon.Add(40 * time.Second)) {
		p.refuse(p.outage.until, p.outage.until, 1)
	}
	turn := p.outage.last
	p.accept(p.outage.until, p.outage.until, 1)
	if !p.windowEnd.Equal(turn) {
		t.Fatalf("the turn is at %v, want %v", p.windowEnd, turn)
	}
	second := turn.Add(35 * time.Second)
	p.refuse(second, second, 1)
	probes := 0
	for p.outage.until.Before(turn.Add(time.Minute)) {
		p.refuse(p.outage.until, p.outage.until, 1)
		probes++
	}
	if !p.outage.until.Equal(turn.Add(time.Minute)) || probes > 15 {
		t.Errorf("after %d probes the next goes at %v, want the turn at %v", probes, p.outage.until, turn.Add(time.Minute))
	}
}

// TestALullOfASlidingWindowPasses: the receiver gives back what it accepted a window ago,
// which was slow. The level stays that of the window, and the rate is back at it within
// half of one.
func TestALullOfASlidingWindowPasses(t *testing.T) {
	p := rateEstimate{
		level: 1, depth: margin, reach: 5000, since: noon.Add(-10 * time.Second), accepted: 6, estimates: wellKnown,
		windowEnd: noon.Add(-20 * time.Minute), bans: &bans{window: true},
	}
	p.recent.covers(noon.Add(-20*time.Minute), 10*time.Minute)
	for ago := 599; ago > 0; ago-- { // one a second, but for the last
		if ago > 10 || ago%2 == 0 {
			p.recent.add(noon.Add(-time.Duration(ago)*time.Second), 1)
		}
	}
	p.refuse(noon, noon, 1)
	probe := p.outage.until
	if !p.accept(probe, probe, 1) {
		t.Fatal("the outage is not over")
	}
	if p.level < 0.95 || p.level > 1.05 || p.rate() > 0.7 || p.rate() < 0.45 || p.reach > 300 {
		t.Errorf("the level is %g and the rate %g, back at it after %g; want about 1 and 0.6, 300 at most", p.level, p.rate(), p.reach)
	}
}

// TestAWindowEndsBetweenTwoProbes: the rate of a receiver that turns out to count over a
// window is taken over the time until then.
func TestAWindowEndsBetweenTwoProbes(t *testing.T) {
	p := newRateEstimate(noon, 500, noon.Add(-time.Second))
	over := func(from time.Time, refused, until time.Duration) {
		p.refuse(from, from, 1)
		p.refuse(from.Add(refused), from.Add(refused), 1)
		p.accept(from.Add(until), from.Add(until), 1)
	}
	over(noon, 500*time.Second, 1000*time.Second)
	again := noon.Add(1400 * time.Second)
	p.accepted = 500
	over(again, 300*time.Second, 600*time.Second)
	if want := 500 / 850.0; p.bans.suspects() || !about(p.level, want) {
		t.Errorf("after 500 in 400 s and an outage of 300 to 600 s the level is %g, want %g", p.level, want)
	}
}

// TestPaceStaysWhereConnectionsAreTheLimit: a rate that is not reached does not
// rise to more than about twice what is sent.
func TestPaceStaysWhereConnectionsAreTheLimit(t *testing.T) {
	p, now := rateEstimate{level: 20, depth: 0.02, reach: 100, next: noon}, noon
	for range 20_000 { // at 20/s
		if at := p.at(now, 0, 1); at.After(now) {
			now = at
		}
		p.take(now, 1)
		now = now.Add(50 * time.Millisecond)
	}
	if got := p.rate(); got > 45 {
		t.Errorf("where 20 a second are sent, the rate has risen to %v", got)
	}
}

// TestDownTimeIsNoPartOfARate: while an endpoint is down nothing is tried, so that time
// tells nothing of the rate, however the probe behind it ends.
func TestDownTimeIsNoPartOfARate(t *testing.T) {
	for _, down := range []time.Duration{time.Second, 8 * time.Second, 10 * time.Minute} {
		for _, probe := range []bool{true, false} { // whether the first probe after it is accepted
			p := newRateEstimate(noon, 100, noon.Add(-time.Second))
			now := noon
			sends := func(n int) {
				for range n {
					now = later(p.at(now, 0, 1), now)
					p.take(now, 1)
					p.accept(now.Add(time.Millisecond), now, 1)
				}
			}
			refused := func() {
				now = later(p.at(now, 0, 1), now)
				p.take(now, 1)
				p.refuse(now.Add(time.Millisecond), now, 1)
				now = now.Add(time.Millisecond)
			}
			p.strict = true
			p.refuse(now, now, 1)
			sends(1)
			for range 3 {
				sends(200)
				refused()
				sends(1)
			}
			before := p.level
			sends(20)
			refused()
			now = now.Add(down)
			if !probe {
				refused()
			}
			sends(3)
			refused()
			sends(1)
			if p.level < before/4 {
				t.Errorf("down for %v, then a probe is accepted: %v: the level falls from %.3g to %.3g", down, probe, before, p.level)
			}
		}
	}
}

// TestTheReachOverADelay: a rate that is known is searched for the more slowly, the longer
// the delay that the receiver asks for.
func TestTheReachOverADelay(t *testing.T) {
	for _, test := range []struct {
		was, level float64
		asked      time.Duration
		want       float64
	}{
		{20, 20, 30 * time.Second, 6000},
		{20, 22, 30 * time.Second, 6600},
		{20, 18, 30 * time.Second, 5400},
		{20, 22.1, 30 * time.Second, 0},
		{20, 17.9, 30 * time.Second, 0},
		{0, 20, 30 * time.Second, 0},
		{20, 20, 0, 0},
	} {
		p := rateEstimate{level: test.level}
		p.outage.asked = test.asked
		if got := p.overDelay(test.was); math.Abs(got-test.want) > 1e-6 {
			t.Errorf("%v after %v, asked for %v: %v", test.level, test.was, test.asked, got)
		}
	}
}
