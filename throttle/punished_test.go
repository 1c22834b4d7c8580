package throttle

import (
	"math"
	"testing"
	"time"
)

// punisher lets most pass in a minute, and refuses everything for block from the next
// one on; with extend, each try begins that time anew.
type punisher struct {
	most   int
	block  time.Duration
	extend bool

	log   []time.Time
	until time.Time
	bans  []time.Time
	tries []int // refused, of each ban
}

func (r *punisher) admits(now time.Time) bool {
	for len(r.log) > 0 && now.Sub(r.log[0]) >= time.Minute {
		r.log = r.log[1:]
	}
	blocked := now.Before(r.until)
	if !blocked && len(r.log) < r.most {
		r.log = append(r.log, now)
		return true
	}
	if !blocked {
		r.bans, r.tries = append(r.bans, now), append(r.tries, 0)
	}
	r.tries[len(r.tries)-1]++
	if !blocked || r.extend {
		r.until = now.Add(r.block)
	}
	return false
}

// TestAReceiverThatPunishesIsLeftAlone: over a day each ban is met by few tries, they
// become rare, and at least half of what is allowed is accepted.
func TestAReceiverThatPunishesIsLeftAlone(t *testing.T) {
	for _, test := range []struct {
		name string
		punisher
	}{
		{"10 min", punisher{most: 300, block: 10 * time.Minute}},
		{"30 min, extended", punisher{most: 300, block: 30 * time.Minute, extend: true}},
		{"2 h, extended, of 30 a minute", punisher{most: 30, block: 2 * time.Hour, extend: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := test.punisher
			n, _ := sends(day, r.admits)
			if got := float64(n) / (float64(r.most) * day.Minutes()); got < 0.5 {
				t.Errorf("%.2f of what is allowed was accepted, want 0.50", got)
			}
			for i, tries := range r.tries {
				if tries > 14 || i > 0 && tries > 8 {
					t.Errorf("%d tries in ban %d", tries, i+1)
				}
				if i >= 2 && r.bans[i].Sub(r.bans[i-1]) < 3*time.Hour {
					t.Errorf("ban %d comes %v after the one before", i+1, r.bans[i].Sub(r.bans[i-1]))
				}
			}
		})
	}
}

// TestASearchBeginsAtTheMeanRate until the end of the outage, which lies between the last
// refused probe and the first accepted one.
func TestASearchBeginsAtTheMeanRate(t *testing.T) {
	p := newRateEstimate(noon, 6000, noon.Add(-time.Minute))
	p.refuse(noon, noon, 1)
	last := noon.Add(60 * time.Second)
	p.refuse(last, last, 1)
	p.accept(last.Add(time.Minute), last.Add(time.Minute), 1)
	if want := 6000.0 / 150; !p.bans.searching() || p.level < 0.99*want || p.level > 1.01*want {
		t.Errorf("after 6000 in a minute, and 60 to 120 s without mail, the search begins at %.1f/s, want %.1f/s", p.level, want)
	}
}

// TestASearchEndsAtTheFirstRefusal: the rate that was reached is the level, and is not
// multiplied any further.
func TestASearchEndsAtTheFirstRefusal(t *testing.T) {
	p := newRateEstimate(noon, 20, noon.Add(-time.Second))
	p.refuse(noon, noon, 1)
	now, _ := send(&p, noon, 12, func(now time.Time) bool { return now.Sub(noon) < 30*time.Minute })
	if !p.bans.searching() {
		t.Fatal("no rate is searched for after half an hour")
	}
	for p.rate() < 5 {
		now, _ = send(&p, now, 1, func(time.Time) bool { return false })
	}
	was := p.rate()
	now, _ = send(&p, now, 1, func(time.Time) bool { return true })
	send(&p, now, 1, func(time.Time) bool { return false })
	if got := p.rate(); got < was/2 || got > was {
		t.Errorf("%.3g a second after a refusal at %.3g", got, was)
	}
}

// TestAWindowIsDisproved by far more that was accepted before a long outage than at the
// rate that the window has shown. Less than two windows at once disprove nothing.
func TestAWindowIsDisproved(t *testing.T) {
	for _, tt := range []struct {
		perSecond float64
		punishes  bool
	}{{1.5, false}, {3, true}} {
		p := newRateEstimate(noon, 300, noon.Add(-10*time.Minute))
		p.level, p.depth, p.reach, p.sent, p.estimates = 1, deepest, 100, 300, wellKnown
		p.bans, p.windowEnd = &bans{window: true}, noon
		p.recent = recentCounts{width: 10 * time.Minute / recentSlots}
		now := noon
		for now.Sub(noon) < 20*time.Minute {
			p.recent.add(now, 1)
			now = now.Add(time.Duration(float64(time.Second) / tt.perSecond))
		}
		p.refuse(now, now, 1)
		if got := p.disprovesWindow(); got != tt.punishes {
			t.Errorf("%g a second before the outage, of 1: a punishment: %v", tt.perSecond, got)
		}
	}
}

// TestBansTellsWindows: where as much is let pass as the last time, and nothing for the
// rest of the window, the receiver does not punish.
func TestBansTellsWindows(t *testing.T) {
	b := bans{length: 10 * time.Minute, passed: 300}
	for _, tt := range []struct {
		name          string
		length, since time.Duration
		passed        float64
		many          int
		want          bool
	}{
		{"a ban", 10 * time.Minute, time.Hour, 900, 0, true},
		{"the rest of a window", 3 * time.Minute, 7 * time.Minute, 900, 0, false},
		{"the same number", 10 * time.Minute, 5 * time.Minute, 300, 0, false},
		{"two windows", 10 * time.Minute, 12 * time.Minute, 600, 0, false},
		{"known to punish, long after", 10 * time.Minute, 9 * time.Hour, 300, 1, true},
		{"thought to punish, soon after", 10 * time.Minute, 5 * time.Minute, 300, 1, false},
	} {
		b.many = tt.many
		if got := b.punishes(tt.length, tt.since, tt.passed); got != tt.want {
			t.Errorf("%s: a punishment: %v", tt.name, got)
		}
	}
}

// TestAHintOfAnHourCutsDeeper than the refusal alone.
func TestAHintOfAnHourCutsDeeper(t *testing.T) {
	level := func(hint time.Duration) float64 {
		r := learnedRate{rateEstimate: newRateEstimate(noon, 20, noon.Add(-time.Second))}
		r.refusedFor(noon, noon, 1, false, hint)
		again := noon.Add(max(hint, time.Second))
		r.take(again, 1)
		r.accept(again, again, 1)
		return r.level
	}
	if deep, usual := level(time.Hour), level(0); deep > usual/100 {
		t.Errorf("%.3g a second after a hint of an hour, %.3g without one", deep, usual)
	}
}

// TestIdleTimeIsNoRateThatWasAccepted: where nothing was sent before an outage, the
// rate before it is the one that was known.
func TestIdleTimeIsNoRateThatWasAccepted(t *testing.T) {
	p := newRateEstimate(noon, 100, noon.Add(-10*time.Second))
	p.refuse(noon, noon, 1)
	now, _ := send(&p, noon, 2000, func(time.Time) bool { return false })
	send(&p, now.Add(5*time.Hour), 1, func(time.Time) bool { return true })
	if p.outage.before < p.level/2 {
		t.Errorf("the rate before the outage is %.5f a second, of a level of %.3f", p.outage.before, p.level)
	}
}

// TestASearchTakesMessages: few messages an hour tell nothing of a rate that doubles
// between two of them.
func TestASearchTakesMessages(t *testing.T) {
	r := learnedRate{rateEstimate: newRateEstimate(noon, 1, noon.Add(-time.Second))}
	r.refusedFor(noon, noon, 1, false, 6*time.Minute)
	send(&r.rateEstimate, noon.Add(6*time.Minute), 2*leastDoubled, func(time.Time) bool { return false })
	if got := r.rateEstimate.rate() / r.level; !r.bans.searching() || got > 4.01 {
		t.Errorf("after %d messages that were searched with, the rate is %.3g times as high, want 4", 2*leastDoubled, got)
	}
}

// After a punishment mail goes at nine tenths of what was accepted before it, less than
// that at further ones, and half where it comes soon after the last.
func TestHowFarAPunishmentCuts(t *testing.T) {
	for name, tt := range map[string]struct {
		many          int
		after         time.Duration // the end of the last
		level, before float64
		want          float64
	}{
		"the first":                 {0, time.Minute, 1, 10, 9},
		"another, long after":       {1, soonAfter, 10, 20, 9},
		"another, fewer before":     {1, soonAfter, 10, 5, 4.5},
		"another, soon after":       {1, soonAfter - 1, 10, 20, 5},
		"soon after, fewer before":  {1, soonAfter - 1, 10, 2, 1.8},
		"nothing was sent":          {0, time.Minute, 1, 0, 1 / longestSpace.Seconds()},
		"another, at a lower level": {2, 2 * soonAfter, 1, 20, 0.9},
	} {
		p := rateEstimate{level: tt.level, bans: &bans{many: tt.many, ended: noon.Add(-tt.after)}}
		p.outage = outage{began: noon}
		p.punish(noon, time.Minute, tt.before)
		if math.Abs(p.level-tt.want) > 1e-9 || p.bans.many != tt.many+1 || p.depth != margin {
			t.Errorf("%s: got %v after %d punishments, want %v", name, p.level, p.bans.many, tt.want)
		}
		if want := max(p.level*leastCaution.Seconds(), leastReach); p.reach != want {
			t.Errorf("%s: got a reach of %v, want %v", name, p.reach, want)
		}
	}
	long := rateEstimate{level: 1, bans: &bans{}}
	if long.punish(noon, time.Hour, 10); long.reach != 9*caution*time.Hour.Seconds() {
		t.Errorf("after a long one: got a reach of %v", long.reach)
	}
}

// An outage keeps mail out for as long as the receiver asks for, and where it may punish,
// for as long as no probe was made.
func TestHowLongAnOutageKeepsMailOut(t *testing.T) {
	for name, tt := range map[string]struct {
		lasted, asked, since time.Duration
		probes               int
		bans                 *bans
		want                 time.Duration
		long                 bool
	}{
		"short":                        {time.Second, 0, time.Hour, 9, nil, time.Second, false},
		"a minute":                     {banLength, 0, time.Hour, 9, nil, banLength, true},
		"nearly":                       {banLength - 1, 0, time.Hour, 9, nil, banLength - 1, false},
		"asked":                        {time.Second, time.Hour, time.Hour, 9, nil, time.Hour, true},
		"suspected, after many probes": {time.Second, 0, time.Hour, quickProbes + 1, &bans{}, time.Hour, true},
		"suspected, after few":         {time.Second, 0, time.Hour, quickProbes, &bans{}, time.Second, false},
		"a window":                     {time.Second, 0, time.Hour, quickProbes + 1, &bans{window: true}, time.Second, false},
	} {
		p := rateEstimate{bans: tt.bans}
		p.outage = outage{began: noon.Add(-tt.since), last: noon.Add(tt.lasted - tt.since), asked: tt.asked, probes: tt.probes}
		if got, long := p.shutOut(noon); got != tt.want || long != tt.long {
			t.Errorf("%s: got %v, %v, want %v, %v", name, got, long, tt.want, tt.long)
		}
	}
}

// The time in which a rate doubles while it is searched for is a part of the outage,
// within bounds.
func TestHowFastARateIsSearchedFor(t *testing.T) {
	for outage, want := range map[time.Duration]time.Duration{
		time.Minute: shortestDoubling, doublingPart * shortestDoubling: shortestDoubling, doublingPart * 3 * time.Minute: 3 * time.Minute, 24 * time.Hour: longestDoubling,
	} {
		b := bans{climbed: time.Hour}
		b.search(outage)
		if b.doubling != want || b.factor() != 1 || !b.searching() {
			t.Errorf("after %v: got %v, want %v", outage, b.doubling, want)
		}
		for range 2 * leastDoubled {
			b.climbs(want / leastDoubled)
		}
		if b.factor() != 4 {
			t.Errorf("after twice the time: got %v, want 4", b.factor())
		}
	}
	var none *bans
	if none.climbs(time.Hour); none.searching() || none.suspects() || (&bans{}).searching() {
		t.Error("nothing is searched for")
	}
}
