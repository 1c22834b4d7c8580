package throttle

import (
	"testing"
	"time"
)

// TestDelaysAreSuspected: only those that take up half of the time, over several of
// them, and not before the next trial is due.
func TestDelaysAreSuspected(t *testing.T) {
	play := func(w *tarpit, late, of int, delay time.Duration) bool {
		now := noon
		for i := range 400 {
			took := 30 * time.Millisecond
			if i%of < late {
				took = delay
			}
			now = now.Add(took)
			if w.watches(now, 1, took) {
				return true
			}
		}
		return false
	}
	fresh := func() *tarpit { return &tarpit{quick: 30 * time.Millisecond, usual: 0.03} }
	if !play(fresh(), 1, 2, 5*time.Second) {
		t.Error("every other message takes 5 s, and no trial begins")
	}
	if play(fresh(), 1, 20, 300*time.Millisecond) {
		t.Error("a trial begins although delays take up a third of the time")
	}
	early := fresh()
	early.next = noon.Add(time.Hour)
	if play(early, 1, 4, 5*time.Second) {
		t.Error("a trial begins before it is due")
	}
}

// TestWatchEndsWhenAConnectionIdles: what was counted until then says nothing.
func TestWatchEndsWhenAConnectionIdles(t *testing.T) {
	w := &tarpit{quick: 30 * time.Millisecond}
	now := noon
	for range 40 {
		now = now.Add(5 * time.Second)
		w.idles()
		if w.watches(now, 1, 5*time.Second) {
			t.Fatal("a trial begins although connections have nothing to do")
		}
	}
}

// triedRig returns a rig with an endpoint that has just begun a trial at 3 a second, and a
// connection that carries one message after the other.
func triedRig(t *testing.T) (*rig, *Conn[string], *tarpit) {
	r := newRig(t, wide())
	for range 5000 {
		r.push("d", "")
	}
	c := r.open("relay")
	e := r.endpoint("relay")
	e.tarpit = &tarpit{quick: 30 * time.Millisecond, usual: 0.03, before: 3, longest: 5 * time.Second, since: r.now}
	e.tarpit.rate = newDelayRate(r.now, &e.scope, e.tarpit)
	e.fit(e.tarpit.rate, learnedDelaysKind, r.s.newGeneration())
	return r, c, e.tarpit
}

// send has a connection carry a message that takes so long, as soon as it may go.
func (r *rig) send(c *Conn[string], took time.Duration) []Change {
	r.Helper()
	g, _ := c.Next(r.now)
	for latest := r.now.Add(time.Hour); g == nil; g, _ = c.Next(r.now) {
		if r.pass(10 * time.Millisecond); r.now.After(latest) {
			r.Fatal("for an hour nothing goes")
		}
	}
	g.Wrote(r.now)
	r.pass(took)
	changes, _ := g.Done(r.now, Outcome{Accepted: 1, Recipients: 1})
	return changes
}

// TestATrialIsEvenAndRises from the throughput before it.
func TestATrialIsEvenAndRises(t *testing.T) {
	r, c, _ := triedRig(t)
	r.send(c, 30*time.Millisecond)
	began := r.now
	r.send(c, 30*time.Millisecond)
	if gap := r.now.Sub(began); gap < 250*time.Millisecond || gap > 400*time.Millisecond {
		t.Errorf("the second message goes %v after the first, want a third of a second", gap)
	}
	for range 40 {
		r.send(c, 30*time.Millisecond)
	}
	if rate := r.endpoint("relay").tarpit.rate.rateEstimate.rate(); rate < 9 {
		t.Errorf("after 42 messages without a delay the rate is %g a second, want more than 9", rate)
	}
}

// TestATrialThatBringsNothingEnds, and the next comes twice as late each time.
func TestATrialThatBringsNothingEnds(t *testing.T) {
	r, c, w := triedRig(t)
	for want := firstTrialGap; want <= 4*firstTrialGap; want *= 2 {
		for range 10 {
			r.send(c, 5*time.Second)
		}
		e := r.endpoint("relay")
		if w.rate != nil || e.meter(learnedDelaysKind) != nil {
			t.Fatal("ten delayed messages have not ended a trial")
		}
		if w.gap != want {
			t.Errorf("the next trial comes after %v, want %v", w.gap, want)
		}
		w.before, w.since, w.quick, w.usual = 3, r.now, 30*time.Millisecond, 0.03
		w.count, w.late = 0, 0
		w.rate = newDelayRate(r.now, &e.scope, w)
		e.fit(w.rate, learnedDelaysKind, r.s.newGeneration())
	}
}

// TestARateWithoutDelaysEnds when it brings no more than there was before it.
func TestARateWithoutDelaysEnds(t *testing.T) {
	r, c, w := triedRig(t)
	w.proven, w.rate.estimates = true, wellKnown
	w.rate.level, w.before = 3, 2
	w.rate.setReach(margin, 1e6) // it stays where it is
	w.rate.sent = w.rate.reach
	for range 200 {
		if len(r.send(c, 30*time.Millisecond)) > 0 {
			t.Fatal("the rate has changed although it brings half as much again")
		}
	}
	w.before = 3
	for range 200 {
		if changes := r.send(c, 30*time.Millisecond); len(changes) > 0 {
			if changes[0].To != 0 || w.rate != nil {
				t.Errorf("the rate has become %g, want none", changes[0].To)
			}
			return
		}
	}
	t.Error("the rate is kept although it brings no more than was accepted without it")
}

// TestAProvenRateThatIsLowForAWhileStays: where nothing is delayed and its level promises
// more, it will rise.
func TestAProvenRateThatIsLowForAWhileStays(t *testing.T) {
	r, c, w := triedRig(t)
	w.proven, w.rate.estimates = true, wellKnown
	w.rate.level, w.before = 6, 4
	w.rate.depth, w.rate.reach, w.rate.sent = 0.5, 1e6, 0
	for range 200 {
		if r.send(c, 30*time.Millisecond); w.rate == nil {
			t.Fatalf("a rate ends that is %v for a while, and nothing was delayed", 3)
		}
	}
}

// TestManyUnderWayAreDelayed: the rate does not wait for their answers.
func TestManyUnderWayAreDelayed(t *testing.T) {
	s := scope{inUse: 10}
	w := &tarpit{usual: 0.03, before: 10}
	d := newDelayRate(noon, &s, w)
	now := noon
	for range freeUnderWay + 1 {
		s.inFlight++
		d.take(now, 1)
		now = now.Add(100 * time.Millisecond)
	}
	if d.outage.lasts() {
		t.Fatalf("%d under way are taken for delayed", s.inFlight)
	}
	s.inFlight++
	d.take(now, 1)
	if !d.outage.lasts() {
		t.Fatalf("%d under way at 10 a second of 30 ms are not taken for delayed", s.inFlight)
	}
	d.accept(now.Add(time.Second), now.Add(time.Second), 1)
	d.stuck = int(s.inFlight)
	s.inFlight++
	d.take(now.Add(2*time.Second), 1)
	if d.outage.lasts() {
		t.Error("those that were delayed before count again")
	}
}

// TestForgetEndsATrial as it does all that was learned.
func TestForgetEndsATrial(t *testing.T) {
	r, _, _ := triedRig(t)
	r.s.Forget(r.now, "relay")
	if e := r.endpoint("relay"); e.tarpit != nil || e.meter(learnedDelaysKind) != nil {
		t.Error("the trial goes on")
	}
}

// TestWhatIsWatchedBeginsAnew when the number of busy connections changes by more than a
// quarter.
func TestWhatIsWatchedBeginsAnew(t *testing.T) {
	for conns, want := range map[int]int{8: 6, 10: 6, 11: 1, 6: 6, 5: 1} {
		p := &tarpit{conns: 8, since: noon, count: 5, quick: time.Second}
		if p.watches(noon, conns, time.Second) || p.count != want || p.conns != map[int]int{6: 8, 1: conns}[want] {
			t.Errorf("%d connections after 8: %d are counted with %d, want %d", conns, p.count, p.conns, want)
		}
	}
	p := &tarpit{quick: time.Second}
	if p.watches(noon, 3, time.Second); p.conns != 3 || p.count != 1 || !p.since.Equal(noon) {
		t.Errorf("the first: %d counted with %d since %v", p.count, p.conns, p.since)
	}
}

// TestWhenATrialIsDue: enough were delayed, they are a large part of the time, it was
// watched for long enough, and the last trial is long ago.
func TestWhenATrialIsDue(t *testing.T) {
	due := func() *tarpit {
		return &tarpit{conns: 8, since: noon.Add(-day), count: 100, late: fewDelayed, all: 100, bad: 90, quick: time.Second, next: noon}
	}
	for name, tt := range map[string]struct {
		change func(*tarpit)
		due    bool
		conns  int // 0 where it watches anew
	}{
		"due":                {func(*tarpit) {}, true, 8},
		"few were delayed":   {func(p *tarpit) { p.late = fewDelayed - 1 }, false, 8},
		"too short":          {func(p *tarpit) { p.since = noon.Add(-p.watched()).Add(1) }, false, 8},
		"long enough":        {func(p *tarpit) { p.since = noon.Add(-p.watched()) }, true, 8},
		"a trial was lately": {func(p *tarpit) { p.next = noon.Add(1) }, false, 0},
		"a small part":       {func(p *tarpit) { p.bad = delayedPart * p.all / 2 }, false, 0},
	} {
		p := due()
		tt.change(p)
		if got := p.watches(noon, 8, time.Second); got != tt.due || p.conns != tt.conns {
			t.Errorf("%s: due %v, %d connections are watched; want %v, %d", name, got, p.conns, tt.due, tt.conns)
		}
	}
}

// TestTrialsInVain: a trial ends when more than half of its messages are delayed, from the
// fourth delayed one on, and when all connections are busy for long without need. An outage
// ends it after a while, which is longer where the rate promises more than there was before.
func TestTrialsInVain(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *tarpit, r *delayRate)
		want   bool
	}{
		"nothing yet":            {func(*tarpit, *delayRate) {}, false},
		"three of three delayed": {func(w *tarpit, _ *delayRate) { w.late, w.count = 3, 3 }, false},
		"four of seven delayed":  {func(w *tarpit, _ *delayRate) { w.late, w.count = 4, 7 }, true},
		"four of eight delayed":  {func(w *tarpit, _ *delayRate) { w.late, w.count = 4, 8 }, false},
		"proven":                 {func(w *tarpit, _ *delayRate) { w.late, w.count, w.proven = 9, 9, true }, false},
		"199 unhindered":         {func(w *tarpit, _ *delayRate) { w.free = 199 }, false},
		"200 unhindered":         {func(w *tarpit, _ *delayRate) { w.free = 200 }, true},
		"an outage of 5 s":       {func(_ *tarpit, r *delayRate) { r.outage.begin(noon.Add(-5*time.Second), time.Second, 1) }, false},
		"an outage beyond 5 s":   {func(_ *tarpit, r *delayRate) { r.outage.begin(noon.Add(-5001*time.Millisecond), time.Second, 1) }, true},
		"one where more is likely": {func(_ *tarpit, r *delayRate) {
			r.level = 2.3
			r.outage.begin(noon.Add(-10*time.Second), time.Second, 1)
		}, false},
		"one beyond 10 s": {func(_ *tarpit, r *delayRate) {
			r.level = 2.3
			r.outage.begin(noon.Add(-10001*time.Millisecond), time.Second, 1)
		}, true},
		"one of two delays": {func(w *tarpit, r *delayRate) {
			w.longest, r.level = 6*time.Second, 2.3
			r.outage.begin(noon.Add(-12*time.Second), time.Second, 1)
		}, false},
		"one beyond two delays": {func(w *tarpit, r *delayRate) {
			w.longest, r.level = 6*time.Second, 2.3
			r.outage.begin(noon.Add(-12001*time.Millisecond), time.Second, 1)
		}, true},
	} {
		w := &tarpit{before: 2}
		w.rate = newDelayRate(noon.Add(-time.Hour), new(scope), w)
		tt.change(w, w.rate)
		if got := w.isVain(noon); got != tt.want {
			t.Errorf("%s: in vain: %v", name, got)
		}
	}
}
