package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Constants of the spreading of messages over connections.
const (
	// surplus is a number of messages accepted beyond the level. So many show that more
	// connections bring more. The known burst of the receiver and the messages of
	// surplusTime are not counted. A receiver that was just refusing has little in
	// hand.
	surplus     = 10
	surplusTime = 500 * time.Millisecond
	mostBurst   = time.Second // worth of the level that counts of the burst
	// byChance is the part of the level by which it may be too low.
	byChance = 0.1
	// vainRefusals is the number of refusals that end an experiment which has not brought
	// expected times the level. vainControl is that number for a control.
	vainRefusals = 5
	vainControl  = 3
	expected     = 1.3
	// mostRefused is the number of refusals that end an experiment without a result;
	// mostPromising is that number where it has brought more than expected. longestArm is
	// the time that ends it, unless armCount messages at the level take longer.
	mostRefused   = 12
	mostPromising = 30
	longestArm    = 15 * time.Second
	armCount      = 15
	// firstSpreadGap and firstSpreadCount are the time and the number of messages after the
	// first experiment until the next. The time doubles with each, up to longestTrialGap, and
	// the number grows eightfold.
	firstSpreadGap   = 30 * time.Second
	firstSpreadCount = 1000
	// allRefused is the number of refusals of connections that had waited after one, while
	// nothing is accepted on any: they are for no single connection.
	allRefused = 4
	// spreadChecked and spreadSpan are the number of messages and the time over which
	// paces of single connections are compared with the level that all had together.
	// Where they bring less than worthSpreading times as much they end.
	spreadChecked         = 40
	firstSpan, spreadSpan = 3 * time.Second, 30 * time.Second
	worthSpreading        = 1.1
	// apartRefusing is the part of the messages refused from which on they must bring
	// worthRefusals times as much.
	apartRefusing = 0.05
	worthRefusals = 2.0
	// fallenApart is the part of the best rate so far below which they end where more
	// than fallingApart of the messages are refused. A limit of each connection refuses
	// less: what refuses so much whatever the pace lowers all paces for ever.
	fallenApart  = 0.7
	fallingApart = 0.02
	// stillMore is the factor by which all paces together exceed the level when they are
	// halved as all connections are refused together.
	stillMore = 2
)

// acceptedApart learns from a message that was accepted on a connection, before the rate
// for all does.
func (e *endpoint[T]) acceptedApart(now time.Time, c *Conn[T], begun time.Time) {
	sp := e.spread
	sp.count++
	sp.triedAgain(c, false)
	if e.spreadIsOver(now) {
		return
	}
	if !sp.spreads() {
		if o := &sp.rate.outage; o.lasts() && sp.rate.estimates == 0 && o.probes == 0 && begun.After(o.began) && sp.met != c {
			sp.hinted = true
		}
		return
	}
	if p := sp.ownOf(c); p != nil {
		sp.quiet++
		p.accepted(sp.quiet)
		sp.follow(p)
	}
	sp.vain = 0
	sp.hears(now)
	sp.accepted++
	switch {
	case sp.phase == compares && sp.brings(now):
		sp.n, sp.each = sp.few, sp.each*float64(sp.n)/float64(sp.few)
		sp.begin(now, controls)
	case sp.phase == controls && sp.brings(now):
		count, fails := sp.count, sp.fails
		e.gather(now)
		sp.rate.raise(now)
		sp.count, sp.fails, sp.next = count, fails, now.Add(firstSpreadGap)
	case sp.phase == apart:
		e.checkApart(now)
	}
}

// spreadIsOver ends all of it when the rate was forgotten, or when that of a destination
// would bind others. It reports whether it has.
func (e *endpoint[T]) spreadIsOver(now time.Time) bool {
	sp := e.spread
	forgotten := sp.of.rate(learnedMessagesKind) != sp.rate
	if !forgotten && (sp.of == &e.scope || e.carriesOne()) {
		return false
	}
	if !forgotten && sp.spreads() {
		e.gather(now)
	}
	e.spread = nil
	return true
}

// follow has new connections begin at the mean pace of those that there are.
func (sp *spread[T]) follow(p *ownPace) {
	sp.each += (p.rate - sp.each) / float64(2*max(sp.members, 2))
}

// hears notes an outcome. What came long before tells nothing.
func (sp *spread[T]) hears(now time.Time) {
	if now.Sub(sp.heard) > time.Second+time.Duration(4/sp.level*float64(time.Second)) {
		sp.recount(now)
	}
	sp.heard = now
}

// alone returns the number that the rate for all would have brought since the count began.
func (sp *spread[T]) alone(now time.Time) float64 { return sp.level * now.Sub(sp.since).Seconds() }

// brings reports whether an experiment has brought much more than the rate for all.
func (sp *spread[T]) brings(now time.Time) bool {
	in := surplusTime.Seconds() * sp.level
	return sp.accepted-(1+byChance)*sp.alone(now) >= surplus+in+min(sp.rate.burst(), mostBurst.Seconds()*sp.level)
}

// isVain reports whether an experiment has brought no more than the rate for all, after so
// many refusals.
func (sp *spread[T]) isVain(now time.Time, refusals float64) bool {
	return sp.refused >= refusals && sp.accepted < expected*sp.alone(now)+2
}

// isUnclear reports whether an experiment has cost too much.
func (sp *spread[T]) isUnclear(now time.Time) bool {
	most := float64(mostRefused)
	if sp.accepted >= expected*sp.alone(now)+2 {
		most = mostPromising
	}
	return sp.refused >= most || now.Sub(sp.began) > sp.longest()
}

// longest returns the time after which an experiment without a result ends.
func (sp *spread[T]) longest() time.Duration { return max(longestArm, spacing(armCount, sp.level)) }

// checkApart ends the paces of connections when they bring no more than the rate for all.
func (e *endpoint[T]) checkApart(now time.Time) {
	sp := e.spread
	if sp.accepted+sp.refused < spreadChecked || now.Sub(sp.since) < sp.span {
		return
	}
	got, share := sp.accepted/now.Sub(sp.since).Seconds(), sp.refused/(sp.accepted+sp.refused)
	least := worthSpreading * sp.level
	if sp.span == spreadSpan && share > apartRefusing {
		least = worthRefusals * sp.level
	}
	if sp.span == spreadSpan && share > fallingApart {
		least = max(least, fallenApart*sp.best)
	}
	if got < least {
		sp.confirmed = false
		e.gather(now)
		return
	}
	sp.best = max(sp.best, got)
	sp.held, sp.span = sp.each, min(2*sp.span, spreadSpan)
	sp.recount(now)
}

// refusedApart learns from a refusal on a connection that has a pace of its own. It reports
// false when the refusal is for the scope to learn from.
func (e *endpoint[T]) refusedApart(now time.Time, c *Conn[T], of *scope, o Outcome, r refusal) bool {
	sp, begun := e.spread, r.begun
	if !meansRate(o, r) || !sp.spreads() || sp.of != of || e.spreadIsOver(now) {
		return false
	}
	p := sp.ownOf(c)
	if p == nil {
		return false
	}
	if o.Verdict.RetryAfter > 0 {
		e.gather(now)
		return false
	}
	sp.hears(now)
	sp.refused++
	sp.quiet = 0
	sp.triedAgain(c, true)
	if p.refused(now, begun); (p.row > 1 || p.gone == 1) && begun.After(sp.halved.Add(spacing(1, sp.each))) {
		sp.vain++
	}
	p.goesOn = o.Verdict.Connection > classify.ConnKeep
	sp.follow(p)
	if l := sp.of.learned(); l != nil {
		l.note(now, classify.LimitMessageRate, o.Err)
	}
	return e.judgeSpread(now)
}

// judgeSpread goes on after a refusal. It reports false when the refusal is for the scope
// to learn from.
func (e *endpoint[T]) judgeSpread(now time.Time) bool {
	sp := e.spread
	switch {
	case sp.phase == compares && (sp.isVain(now, vainRefusals) || sp.isUnclear(now)):
		e.gather(now)
	case sp.phase == controls && sp.isVain(now, vainControl):
		sp.each = sp.level / float64(sp.few)
		sp.confirmed, sp.held = true, sp.each
		sp.begin(now, apart)
	case sp.phase == controls && sp.isUnclear(now):
		e.gather(now)
	case sp.phase == apart && sp.vain >= allRefused && sp.each*float64(sp.members) > stillMore*sp.level:
		sp.halve(now)
	case sp.phase == apart && sp.vain >= allRefused:
		e.gather(now)
		return false
	}
	return true
}

// halve has all connections go half as fast.
func (sp *spread[T]) halve(now time.Time) {
	sp.vain, sp.halved, sp.span = 0, now, firstSpan
	sp.recount(now)
	sp.each /= 2
	sp.halvings++
}

// ownOf returns the own pace of a connection, as it is now; nil when it has none.
func (sp *spread[T]) ownOf(c *Conn[T]) *ownPace {
	p := c.own
	if p == nil || p.epoch != sp.epoch {
		return nil
	}
	for p.halvings < sp.halvings {
		p.halvings++
		p.rate /= 2
	}
	return p
}

// begin has connections go at paces of their own.
func (sp *spread[T]) begin(now time.Time, phase spreadPhase) {
	sp.members, sp.vacant, sp.vain, sp.best, sp.span, sp.began = 0, nil, 0, 0, firstSpan, now
	sp.epoch++
	sp.recount(now)
	if sp.phase < compares {
		sp.lifted = now
		sp.rate.apart = true
		sp.of.lift(sp.rate, true)
	}
	sp.phase = phase
}

// gather has the rate for all count again.
func (e *endpoint[T]) gather(now time.Time) {
	sp := e.spread
	if !sp.confirmed {
		sp.postpone(now)
	}
	sp.phase = together
	sp.epoch++
	sp.rate.apart = false
	sp.of.lift(sp.rate, false)
	sp.rate.resume(now, sp.lifted)
}

// postpone puts the next experiment off for longer than the last.
func (sp *spread[T]) postpone(now time.Time) {
	sp.next = now.Add(min(firstSpreadGap<<sp.fails, longestTrialGap))
	sp.fails = min(sp.fails+1, 7)
	sp.count = 0
}
