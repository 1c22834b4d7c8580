package throttle

import (
	"math"
	"testing"
	"time"
)

// TestARushThatAWindowRefuses: one that is refused after as many messages as a window
// accepts leaves ever more outages alone, and one that is refused later goes slower.
func TestARushThatAWindowRefuses(t *testing.T) {
	r := &rush{part: 1}
	for _, want := range []int{4, 8, 16, 32, 64, 64} {
		r.rate, r.count, r.passed, r.rests = 10, 300, 389, 0
		if r.ends(); r.goes() || r.rests != want || r.part != 1 {
			t.Errorf("%+v, want %d rests", r, want)
		}
	}
	for _, want := range []float64{0.8, 0.64} {
		r.rate, r.passed, r.rests = 10, 390, 0
		if r.ends(); r.goes() || r.rests != 0 || math.Abs(r.part-want) > 1e-9 {
			t.Errorf("%+v, want a part of %v", r, want)
		}
	}
	r.ends()
	if r.rests != 0 || math.Abs(r.part-0.64) > 1e-9 {
		t.Errorf("%+v after the end of none", r)
	}
	(*rush)(nil).ends()
}

// window returns an estimate for a receiver that seems to accept 300 in windows of so
// long, after its last outage.
func window(span time.Duration) *rateEstimate {
	p := &rateEstimate{
		level: 300 / span.Seconds(), depth: margin, reach: 100, estimates: wellKnown,
		windowEnd: noon, ended: noon.Add(2 * time.Second), born: noon.Add(-time.Hour), since: noon,
	}
	p.recent.width = span / recentSlots
	return p
}

// TestWhatARushShows: more than windows can let pass in the time is accepted from a
// receiver that punishes.
func TestWhatARushShows(t *testing.T) {
	for _, test := range []struct {
		name   string
		span   time.Duration
		after  time.Duration
		passed int
		want   bool
	}{
		{"one window", time.Minute, 30 * time.Second, 495, false},
		{"more than that", time.Minute, 30 * time.Second, 496, true},
		{"two windows", time.Minute, 60 * time.Second, 660, false},
		{"more than those", time.Minute, 60 * time.Second, 661, true},
		{"of ten minutes", 10 * time.Minute, 5 * time.Minute, 496, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := window(test.span)
			p.sent = 7
			p.rush = &rush{rate: 9, began: noon, count: 300, passed: 100, length: 40 * time.Second, gap: 3 * time.Second, part: 0.8}
			if got := p.rate(); got != 9 || p.settled() {
				t.Errorf("%v a second during the rush, settled: %v", got, p.settled())
			}
			if got := p.rushed(noon.Add(test.after), test.passed-100); got != test.want {
				t.Fatalf("got %v after %d", got, test.passed)
			}
			if !test.want {
				return
			}
			b := p.bans
			if b.short != 40*time.Second || b.length != 40*time.Second || b.gap != 3*time.Second || b.passed != 300 || math.Abs(b.mean-300/test.span.Seconds()) > 1e-9 || !b.ended.Equal(p.ended) {
				t.Errorf("%+v", b)
			}
			if p.rush.goes() || p.rush.part != 1 || !p.windowEnd.IsZero() || p.level != 9 || p.sent != 0 {
				t.Errorf("goes on: %+v", p)
			}
			if long := test.span > time.Minute; b.searching() != long || (b.many == 1) == long {
				t.Errorf("searching %v after %d", b.searching(), b.many)
			}
			if p.bans.searching() {
				return
			}
			if p.depth != margin || p.reach != 9*40*60 {
				t.Errorf("depth %v, reach %v", p.depth, p.reach)
			}
		})
	}
	p := window(time.Minute)
	if p.rushed(noon, 1000) {
		t.Error("shown without a rush")
	}
}

// TestARushThatTellsNothing: with little demand one ends after a while, and so it does when
// an experiment begins.
func TestARushThatTellsNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		after  time.Duration
		change func(p *rateEstimate)
		goes   bool
	}{
		{"goes on", 12 * time.Minute, func(*rateEstimate) {}, true},
		{"too long", 12*time.Minute + time.Second, func(*rateEstimate) {}, false},
		{"experiment", time.Second, func(p *rateEstimate) { p.suspected().begin(noon, 0.1) }, false},
	} {
		p := window(time.Minute)
		p.rush = &rush{rate: 9, began: noon, count: 300, length: 20 * time.Second, part: 1}
		if test.change(p); p.rushed(noon.Add(test.after), 1) || p.rush.goes() != test.goes || p.rush.rests != 0 {
			t.Errorf("%s: %+v", test.name, p.rush)
		}
	}
}

// TestWhenARushBegins: after an outage of a receiver that seems to count over a window and
// has refused at a rate far above its mean.
func TestWhenARushBegins(t *testing.T) {
	for _, test := range []struct {
		name      string
		refusedAt float64
		change    func(p *rateEstimate)
		want      float64
	}{
		{"far above the level", 10, func(*rateEstimate) {}, 9},
		{"just above the level", 6.9, func(*rateEstimate) {}, 0},
		{"above it", 7, func(*rateEstimate) {}, 6.3},
		{"slower after a late refusal", 10, func(p *rateEstimate) { p.rush = &rush{part: 0.8} }, 7.2},
		{"too slow then", 8, func(p *rateEstimate) { p.rush = &rush{part: 0.8} }, 0},
		{"window known", 10, func(p *rateEstimate) { p.bans = &bans{window: true} }, 9},
		{"punishes", 10, func(p *rateEstimate) { p.bans = &bans{} }, 0},
		{"no window", 10, func(p *rateEstimate) { p.windowEnd = time.Time{} }, 0},
		{"little known", 10, func(p *rateEstimate) { p.estimates = wellKnown - 1 }, 0},
		{"on trial", 10, func(p *rateEstimate) { p.strict = true }, 0},
		{"experiment", 10, func(p *rateEstimate) { p.suspected().begin(noon, 0.1) }, 0},
		{"over two minutes, just above", 8.3, func(p *rateEstimate) { p.recent.width = 2 * minuteSlot }, 0},
		{"over two minutes", 8.4, func(p *rateEstimate) { p.recent.width = 2 * minuteSlot }, 7.56},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := window(time.Minute)
			p.outage = outage{began: noon, last: noon.Add(30 * time.Second)}
			test.change(p)
			p.rushes(noon.Add(40*time.Second), &p.outage, test.refusedAt)
			if test.want == 0 {
				if p.rush.goes() {
					t.Errorf("begins: %+v", p.rush)
				}
				return
			}
			r := p.rush
			if !r.goes() || math.Abs(r.rate-test.want) > 1e-9 || math.Abs(r.count-p.level*p.recent.span().Seconds()) > 1e-9 {
				t.Fatalf("%+v", r)
			}
			if r.length != 30*time.Second || r.gap != 10*time.Second || !r.began.Equal(p.outage.last) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestARushRests: those that a window has refused leave some outages alone.
func TestARushRests(t *testing.T) {
	p := window(time.Minute)
	p.outage = outage{began: noon, last: noon.Add(30 * time.Second)}
	p.rush = &rush{part: 1, rests: 2}
	for range 2 {
		p.rushes(noon.Add(40*time.Second), &p.outage, 10)
		if p.rush.goes() {
			t.Fatal("begins while it rests")
		}
	}
	if p.rushes(noon.Add(40*time.Second), &p.outage, 10); !p.rush.goes() {
		t.Error("begins no more")
	}
}

// TestAtWhichRateWasRefused: the mean of the window, or what was accepted last where the rate
// had risen.
func TestAtWhichRateWasRefused(t *testing.T) {
	p := window(time.Minute)
	for i := range 12 { // 2/s, and 10/s in the last ten seconds
		n := 10
		if i >= 10 {
			n = 50
		}
		p.recent.add(noon.Add(time.Duration(i)*minuteSlot), n)
	}
	p.outage.began = noon.Add(time.Minute)
	if got := p.refusedAt(); math.Abs(got-200.0/60) > 1e-9 {
		t.Errorf("%v a second at a known rate", got)
	}
	p.depth, p.sent = deepest, 400
	if got := p.refusedAt(); math.Abs(got-10) > 1e-9 {
		t.Errorf("%v a second above it", got)
	}
	p.sent = 150
	if got := p.refusedAt(); math.Abs(got-p.crossed()) > 1e-9 || got >= 10 {
		t.Errorf("%v a second little above it, where it was crossed at %v", got, p.crossed())
	}
	p.rush = &rush{rate: 20}
	if got := p.refusedAt(); math.Abs(got-200.0/60) > 1e-9 {
		t.Errorf("%v a second during a rush", got)
	}
}

// TestHowLongAPunishmentIs: where a rush has shown short ones, half of that may be one.
func TestHowLongAPunishmentIs(t *testing.T) {
	for _, test := range []struct {
		b    *bans
		want time.Duration
	}{
		{nil, banLength},
		{&bans{}, banLength},
		{&bans{short: 10 * time.Second}, 5 * time.Second},
	} {
		if got := test.b.least(); got != test.want {
			t.Errorf("%+v: %v", test.b, got)
		}
	}
}

// TestSingleRefusalsOfARush: a rush goes on after few of them, whatever their reason.
func TestSingleRefusalsOfARush(t *testing.T) {
	if (*rush)(nil).strayed() || (&rush{}).strayed() {
		t.Error("goes on without a rush")
	}
	r := &rush{rate: 10}
	for range 3 {
		if !r.strayed() {
			t.Error("ends at one of the first")
		}
	}
	if r.passed = 14; r.strayed() {
		t.Error("goes on after four of 18")
	}
	if r.passed = 30; !r.strayed() {
		t.Error("ends after five of 35")
	}
}

// TestSingleRefusalsBesidePunishments: they say nothing of the level, unless they are
// frequent.
func TestSingleRefusalsBesidePunishments(t *testing.T) {
	if (*bans)(nil).strayed(1000) || (&bans{}).strayed(1000) {
		t.Error("dismissed before short punishments were shown")
	}
	dismissed := func(between int) (n int) {
		b := &bans{short: time.Second}
		for ; n < 1000 && b.strayed(between); n++ {
		}
		return n
	}
	for between, want := range map[int]int{0: 3, 10: 9, 14: 45, 15: 1000, 1000: 1000} {
		if got := dismissed(between); got != want {
			t.Errorf("%d are dismissed with %d accepted between them, want %d", got, between, want)
		}
	}
	b := &bans{short: time.Second}
	b.strayed(1_000_000)
	n := 0
	for ; n < 1000 && b.strayed(0); n++ {
	}
	if n != 8 {
		t.Errorf("%d in a row are dismissed after many were accepted", n)
	}
}

// TestASingleRefusalEndsNoRush: the outage ends without a new level, and beside punishments
// the rate stays.
func TestASingleRefusalEndsNoRush(t *testing.T) {
	for _, rushing := range []bool{true, false} {
		p := window(time.Minute)
		p.sent, p.accepted, p.next = 50, 100, noon
		if rushing {
			p.rush = &rush{rate: 9, began: noon, count: 300, part: 1}
		} else {
			p.bans, p.windowEnd = &bans{short: time.Second, many: 1}, time.Time{}
		}
		level, now := p.level, noon.Add(10*time.Second)
		p.refuse(now, now, 1)
		now = now.Add(time.Second)
		p.take(now, 1)
		p.accept(now, now, 1)
		if p.outage.lasts() || p.level != level || p.sent != 50 || p.rush.goes() != rushing {
			t.Errorf("rushing %v: %+v", rushing, p)
		}
	}
}

// TestABackgroundRaisesNoRateBesidePunishments: a rate that rises fast ends in the next one.
func TestABackgroundRaisesNoRateBesidePunishments(t *testing.T) {
	for _, short := range []time.Duration{0, time.Second} {
		p := window(time.Minute)
		p.bans, p.windowEnd = &bans{short: short}, time.Time{}
		p.heed(noon, foundBackground)
		if raised := p.depth > margin; raised == (short > 0) {
			t.Errorf("raised: %v, where short punishments last %v", raised, short)
		}
	}
}
