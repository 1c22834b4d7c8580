package throttle

import (
	"testing"
	"time"
)

// windowed returns the estimate of a receiver that allows 300 messages in each minute, and
// has accepted so many in this one.
func windowed(accepted int) rateEstimate {
	p := newRateEstimate(noon.Add(-time.Hour), 300, noon.Add(-time.Hour))
	p.level, p.depth, p.reach, p.estimates = 5, margin, 100, wellKnown
	p.windowEnd, p.since, p.ended = noon, noon, noon
	p.recent.add(noon.Add(30*time.Second), accepted)
	p.accepted = accepted
	return p
}

// once refuses one message at a time and accepts the next.
func once(p *rateEstimate, now time.Time) {
	p.next = now
	p.take(now, 1)
	p.refuse(now, now, 1)
	now = later(now, p.at(now, 0, 1))
	p.take(now, 1)
	p.accept(now.Add(time.Millisecond), now, 1)
}

// TestARefusalLongBeforeTheEndOfAWindowIsAStray: a receiver that counts over a window
// refuses all when it is used up. One that refuses a message before, and takes the next,
// does so for another reason, at whatever rate.
func TestARefusalLongBeforeTheEndOfAWindowIsAStray(t *testing.T) {
	for _, sent := range []float64{10, 150} {
		p := windowed(60)
		p.sent = sent
		if once(&p, noon.Add(31*time.Second)); p.level < keptLevel*5 {
			t.Errorf("%v messages after the estimate, 60 of 300 accepted: the level falls to %.2f/s, want %.2f/s at least", sent, p.level, keptLevel*5)
		}
	}
	p := windowed(290)
	if p.refuse(noon.Add(31*time.Second), noon.Add(31*time.Second), 1); p.isolated() {
		t.Error("a refusal after 290 of 300 is a stray")
	}
}

// TestABackgroundHidesNoWindow: few messages were accepted since the last stray, but many
// of late, when a window is used up. So it is recognised.
func TestABackgroundHidesNoWindow(t *testing.T) {
	p := newRateEstimate(noon, 20, noon.Add(-time.Second))
	p.level, p.depth, p.reach, p.estimates = 100, margin, 1000, wellKnown
	p.atFirst, p.firstIn = 20, time.Second
	now := noon.Add(3 * time.Second)
	p.recent.add(now, 280)
	p.accepted, p.since, p.ended = 1, now, now
	now = now.Add(10 * time.Millisecond)
	p.next = now
	for end := noon.Add(50 * time.Second); now.Before(end); now = later(now.Add(time.Millisecond), p.at(now, 0, 1)) {
		p.take(now, 1)
		p.refuse(now, now, 1)
	}
	p.take(now, 1)
	p.accept(now.Add(time.Millisecond), now, 1)
	if p.windowEnd.IsZero() {
		t.Errorf("all was refused for 47 s after 280 messages in 3 s, and no window is known; the level is %.2f/s", p.level)
	}
}

// TestAWindowKeepsItsLevelBesideABackground: neither an alarm nor a test of the background
// takes the place of what a receiver accepts over its window.
func TestAWindowKeepsItsLevelBesideABackground(t *testing.T) {
	p := windowed(295)
	p.background = &background{share: 0.05, anchor: 5, passes: 1, passedThen: 20, passedIn: 10 * time.Second}
	p.sent = 150
	now := noon.Add(time.Minute)
	p.outage.begin(now, time.Second, 1)
	p.outage.refused(now.Add(time.Second), now.Add(500*time.Millisecond), 1, time.Second)
	if p.estimate(now.Add(2 * time.Second)); p.level < 4.5 {
		t.Errorf("after an alarm the level is %.2f/s where 295 a minute were accepted", p.level)
	}
	depth, reach := p.depth, p.reach
	if p.heed(now, foundBackground); p.depth != depth || p.reach != reach {
		t.Errorf("after a test the rate rises by %v in %v messages, before by %v in %v", p.depth, p.reach, depth, reach)
	}
}

// TestAWindowCountsWhatIsAccepted: where a tenth is refused at any rate, other messages go
// in its place if the receiver counts over a window.
func TestAWindowCountsWhatIsAccepted(t *testing.T) {
	for _, tt := range []struct {
		windowEnd time.Time
		want      time.Duration
	}{{noon, 18 * time.Second}, {time.Time{}, 20 * time.Second}} {
		p := newRateEstimate(noon, 20, noon)
		p.level, p.depth, p.reach, p.estimates, p.atFirst = 50, 0, 5000, wellKnown, 20
		p.since, p.ended, p.next, p.windowEnd = noon, noon, noon, tt.windowEnd
		p.background = &background{share: 0.1, anchor: 50, tested: noon, passes: 8}
		n := 0
		end, refused := send(&p, noon, 1000, func(time.Time) bool { n++; return n%10 == 0 })
		if took := end.Sub(noon); refused != 100 || took < tt.want-time.Second/2 || took > tt.want+time.Second/2 {
			t.Errorf("window %v: 1000 messages, %d refused, took %v at 50/s, want %v", !tt.windowEnd.IsZero(), refused, took, tt.want)
		}
	}
}

// TestADelayThatIsAskedForProvesNoLimit: a refusal that asks for one may be a stray as well
// as another, and a known background explains it. A server that sheds a part of its load
// asks for delays too, at any rate.
func TestADelayThatIsAskedForProvesNoLimit(t *testing.T) {
	now := noon.Add(31 * time.Second)
	for _, asked := range []time.Duration{0, time.Second, 30 * time.Second, time.Hour} {
		r := learnedRate{rateEstimate: windowed(60)}
		if r.refusedFor(now, now, 1, false, asked); !r.isolated() {
			t.Errorf("a refusal that asks for %v is no stray", asked)
		}
		r = learnedRate{rateEstimate: windowed(60)}
		r.suspected().share = 0.2
		if r.refusedFor(now, now, 1, false, asked) {
			t.Errorf("one that asks for %v beside a background begins an outage", asked)
		}
	}
}
