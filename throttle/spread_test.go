package throttle

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestAnOwnPaceKeepsToItsLimit: a connection with a limit of its own uses most of it, and
// is seldom refused.
func TestAnOwnPaceKeepsToItsLimit(t *testing.T) {
	const limit, began, length = 5.0, 20.0, time.Hour
	p := &ownPace{rate: began}
	tokens, last, accepted, refused := 5.0, noon, 0, 0
	for now := noon; now.Sub(noon) < length; now = later(now.Add(time.Millisecond), p.at()) {
		tokens = math.Min(5, tokens+limit*now.Sub(last).Seconds())
		last = now
		p.goes(now)
		if tokens >= 1 {
			tokens--
			accepted++
			p.accepted(0)
		} else {
			refused++
			p.refused(now, now)
		}
	}
	if share := float64(accepted) / (limit * length.Seconds()); share < 0.9 {
		t.Errorf("%.2f of the limit was accepted, want 0.9", share)
	}
	if share := float64(refused) / float64(accepted+refused); share > 0.03 {
		t.Errorf("%.3f of the messages were refused, want at most 0.03", share)
	}
}

// TestRefusalsOfOneMomentCutAnOwnPaceOnce, and those that follow a pause each wait longer.
func TestRefusalsOfOneMomentCutAnOwnPaceOnce(t *testing.T) {
	p := &ownPace{rate: 10}
	p.refused(noon, noon.Add(-time.Second))
	once := p.rate
	p.refused(noon.Add(time.Millisecond), noon.Add(-time.Second))
	if once >= 10 || p.rate != once || p.row != 1 {
		t.Errorf("two refusals of one moment leave %v of 10, after one %v, and count as %d", p.rate, once, p.row)
	}
	wait := p.at().Sub(noon)
	again := p.at()
	p.refused(again, again)
	if got := p.at().Sub(again); got < 3*wait/2 {
		t.Errorf("after a second refusal in a row it waits %v, after the first %v", got, wait)
	}
	for range 20 {
		again = p.at()
		p.refused(again, again)
	}
	if got := p.at().Sub(again); got > longestOwnPause {
		t.Errorf("it waits %v, want at most %v", got, longestOwnPause)
	}
}

// TestAnExperimentThatIsRefusedEnds after few refusals, and the rate for all counts again
// as if nothing had been sent meanwhile.
func TestAnExperimentThatIsRefusedEnds(t *testing.T) {
	r, e, c := newSpread(t)
	sp := e.spread
	before := *sp.rate
	sp.begin(r.now, compares)
	if !e.scope.meters()[len(e.scope.meters())-1].lifted {
		t.Fatal("the rate for all binds while each connection has a pace")
	}
	for i := range vainRefusals {
		r.pass(10 * time.Millisecond)
		c.goesLocked(r.now)
		sp.rate.take(r.now, 1)
		o := Outcome{Stage: classify.StageMail, Verdict: throttled(classify.LimitMessageRate, 0), Err: errRefused}
		if !e.refusedApart(r.now, c, &e.scope, o, refusal{begun: r.now}) {
			t.Fatalf("refusal %d is taken for one of all connections", i+1)
		}
	}
	if sp.spreads() || sp.fails != 1 || !sp.next.After(r.now) {
		t.Errorf("after %d refusals the phase is %d, %d experiments were in vain and the next is at %v", vainRefusals, sp.phase, sp.fails, sp.next)
	}
	if sp.rate.level != before.level || sp.rate.sent != before.sent {
		t.Errorf("the level is %v after %v were sent, before it was %v after %v", sp.rate.level, sp.rate.sent, before.level, before.sent)
	}
	if at := e.at(r.now, message(1, 1)); !at.After(r.now) {
		t.Error("the rate for all does not bind again")
	}
}

// TestAnExperimentIsControlled: where as few connections as before can send as much, the
// level was too low, and no connection gets a pace of its own.
func TestAnExperimentIsControlled(t *testing.T) {
	r, e, c := newSpread(t)
	sp := e.spread
	sp.begin(r.now, compares)
	accept := func() {
		for phase := sp.phase; sp.phase == phase && sp.accepted < 1000; {
			r.pass(10 * time.Millisecond)
			c.goesLocked(r.now)
			e.acceptedApart(r.now, c, r.now)
		}
	}
	if accept(); sp.phase != controls || sp.n != 1 {
		t.Fatalf("after much more was accepted the phase is %d with %d connections, want the control with 1", sp.phase, sp.n)
	}
	if accept(); sp.spreads() || sp.confirmed {
		t.Errorf("after one connection did the same the phase is %d, confirmed %v", sp.phase, sp.confirmed)
	}
}

// TestAnOwnPaceFindsALimitThatHasRisen: a connection whose host has lost half of its others
// goes twice as fast after few messages.
func TestAnOwnPaceFindsALimitThatHasRisen(t *testing.T) {
	p := &ownPace{rate: 5}
	n := 0
	for ; p.rate < 10; n++ {
		p.accepted(0)
	}
	if n > 150 {
		t.Errorf("the pace has doubled after %d messages, want 150 at most", n)
	}
}

// TestForgettingARateEndsPacesOfConnections at once.
func TestForgettingARateEndsPacesOfConnections(t *testing.T) {
	r, e, c := newSpread(t)
	e.spread.begin(r.now, apart)
	r.s.Forget(r.now, e.name)
	if e.spread != nil {
		t.Error("paces of connections outlive what was learned")
	}
	if at := c.turnAt(r.now); at.After(r.now) {
		t.Errorf("a connection waits until %v", at)
	}
}

// TestAConnectionThatIsRefusedApartHasDriveLook, whose pace and number of connections have
// changed.
func TestAConnectionThatIsRefusedApartHasDriveLook(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt} {
		r, e, c := newSpread(t)
		if stage == classify.StageRcpt {
			d := r.destination("a")
			e.spread = spreadOf(r, &d.scope)
		}
		r.pass(time.Second)
		g := r.grant(c, "1")
		e.spread.begin(r.now, compares)
		c.goesLocked(r.now)
		r.settled()
		if e.stirred {
			t.Fatal("Drive looks already")
		}
		r.refused(g, stage, classify.LimitMessageRate, 0)
		if e.spread.refused != 1 {
			t.Fatalf("%v: the refusal is not one of the connection alone", stage)
		}
		if !e.stirred {
			t.Errorf("%v: Drive does not look at the endpoint", stage)
		}
	}
}

// TestAnOwnPaceHeedsARefusalInOtherWords: whatever a refusal that counts as one of the rate
// speaks of, it slows the connection down while the rate for all does not count.
func TestAnOwnPaceHeedsARefusalInOtherWords(t *testing.T) {
	for limit, meant := range map[classify.Limit]bool{
		classify.LimitMessageRate: true, classify.LimitConnectionRate: true, classify.LimitConnections: true,
		classify.LimitMessagesPerConnection: true, classify.LimitRecipientsPerMessage: true,
		classify.LimitQuota: false, classify.LimitRecipientRate: false,
	} {
		r, e, c := newSpread(t)
		r.pass(time.Second)
		g := r.grant(c, "1")
		e.spread.begin(r.now, compares)
		c.goesLocked(r.now)
		r.refused(g, classify.StageMail, limit, 0)
		if slowed := e.spread.refused == 1; slowed != meant {
			t.Errorf("%v: a connection slows down for it: %v, want %v", limit, slowed, meant)
		}
	}
	crowded := refusal{ordinal: 3, atOnce: 2}
	for _, l := range []classify.Limit{classify.LimitConnections, classify.LimitMessagesPerConnection, classify.LimitRecipientsPerMessage} {
		if meansRate(Outcome{Verdict: throttled(l, 0), Recipients: 1}, crowded) {
			t.Errorf("%v of several is taken for one of the rate", l)
		}
	}
}

// TestProbesTakeTurns: after two probes that were refused the next goes on the connection
// that has been idle longest. One of several hosts that refuses everything would prolong the
// outage else.
func TestProbesTakeTurns(t *testing.T) {
	r, e, c := newSpread(t)
	o := &e.spread.rate.outage
	e.spread.hinted = true
	o.begin(r.now, time.Second, 1)
	e.refusedTogether(r.now, c, &e.scope)
	a, b := &Conn[string]{e: e, s: r.s}, &Conn[string]{e: e, s: r.s}
	e.idle = []*Conn[string]{a, b, c}
	for i, want := range []*Conn[string]{c, c, a, b, c, a} {
		r.pass(time.Second)
		got, _ := e.nextIdle(r.now)
		if got != want {
			t.Errorf("probe %d goes on another connection than it should", i+1)
		}
		e.idle = append(slices.DeleteFunc(e.idle, func(c *Conn[string]) bool { return c == got }), got)
		o.refused(r.now, r.now, 1, time.Second)
		e.refusedTogether(r.now, got, &e.scope)
	}
}

// TestARefusalOfAnotherScopeEndsTheExperiment: connections have paces of their own in place
// of the rate of one scope. Where the rate of another is refused, the first counts again.
func TestARefusalOfAnotherScopeEndsTheExperiment(t *testing.T) {
	r, e, c := newSpread(t)
	first := e.spread.rate
	e.spread.begin(r.now, compares)
	d := r.destination("a")
	d.learning(r.now, r.s.newGeneration())
	second := d.learnRate(r.now, learnedMessagesKind, 10, r.now.Add(-time.Second), r.s.newGeneration())
	second.refuse(r.now, r.now, 1)
	e.refusedTogether(r.now, c, &d.scope)
	if e.spread.rate != second || first.apart || e.spread.spreads() {
		t.Errorf("the first rate counts: %v, the next probe heeds that of the second: %v", !first.apart, e.spread.rate == second)
	}
	for _, m := range e.meters() {
		if m.lifted {
			t.Errorf("the limit of %v is lifted yet", m.kind.limit)
		}
	}
}

// newSpread returns an endpoint with a rate of 10 a second and an experiment of 4
// connections that could begin.
func newSpread(t *testing.T) (*rig, *endpoint[string], *Conn[string]) {
	r := newRig(t, Config{})
	r.push("a", "1")
	c := r.open("relay")
	c.e.spread = spreadOf(r, &c.e.scope)
	return r, c.e, c
}

// spreadOf returns the experiment that could begin with the rate of a scope.
func spreadOf(r *rig, s *scope) *spread[string] {
	s.learning(r.now, r.s.newGeneration())
	rate := s.learnRate(r.now, learnedMessagesKind, 10, r.now.Add(-time.Second), r.s.newGeneration())
	rate.level, rate.depth, rate.reach, rate.next = 10, margin, 100, r.now.Add(time.Second)
	return &spread[string]{of: s, rate: rate, level: 10, each: 10, few: 1, n: 4}
}
