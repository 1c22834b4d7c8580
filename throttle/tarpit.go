package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Constants of the search for a rate at which nothing is delayed.
const (
	// slowFactor and slowBeyond tell a delayed transaction: it takes more than slowFactor
	// times as long as the shortest, and slowBeyond more.
	slowFactor = 4
	slowBeyond = 50 * time.Millisecond
	// Delayed transactions raise a suspicion when they take up delayedPart of the time
	// of all connections. fewDelayed is their least number. delaysWatched is the time
	// that is watched, in multiples of the longest delay, and leastWatched its least.
	delayedPart   = 0.5
	fewDelayed    = 8
	delaysWatched = 3
	leastWatched  = 10 * time.Second
	// moreUndelayed is the throughput that a trial must reach, in multiples of that
	// before it, and stillUndelayed the one that the rate must keep. lessAtFirst is the
	// one of the first estimates of the rate, which may be too low.
	moreUndelayed  = 1.15
	stillUndelayed = 1.05
	lessAtFirst    = 0.8
	// mostReach is the most messages after which the rate is back at its level. What is
	// spilled while connections wait makes estimates low, and a delay costs less than a
	// refusal.
	mostReach = 100
	// inVain is the number of delayed transactions in a trial after which it ends, if they
	// are most.
	inVain = 4
	// trialOutage is the longest outage in intervals of the throughput before the trial,
	// and longerOutage that of a rate that promises more, unless twice the longest delay is
	// longer.
	trialOutage  = 10
	longerOutage = 10 * time.Second
	// unhindered is the number of messages in a row that found the rate above what all
	// connections carry, after which it ends.
	unhindered = 200
	// averagedOver is the number of transactions that their usual time is averaged over.
	averagedOver = 16
)

// tarpit finds the rate beyond which a receiver delays its answers rather than refuses.
// All connections wait then, and are let go at about the same time, so that the next
// messages come too fast again: the receiver accepts less than of evenly spaced mail.
//
// Delays alone prove nothing. They begin a trial: mail goes evenly, at first as fast as
// it went before, which costs nothing. The rate rises from there, and a delayed
// transaction counts as a refusal. The rate is kept if much more is accepted at it than
// was before, and for as long as that is so.
type tarpit struct {
	quick   time.Duration // the shortest transaction
	usual   float64       // the mean time of those that are not delayed, in seconds
	longest time.Duration // the longest since the watch began

	conns       int       // connections that are watched; 0 when the watch has not begun
	since       time.Time // the beginning of the watch, or of the trial
	count, late int       // transactions since, and delayed ones of them
	all, bad    float64   // the seconds that they took

	rate     *delayRate // nil outside of a trial and of a rate that it has proven
	crowding *crowding  // the endpoint's before the trial
	before   float64    // the throughput before the trial, per second
	proven   bool
	free     int       // messages in a row that did not wait although all connections were busy
	next     time.Time // the earliest time of the next trial
	gap      time.Duration
}

// isSlow reports whether a transaction was delayed, where the shortest took so long.
func isSlow(took, quick time.Duration) bool { return took > slowFactor*quick+slowBeyond }

// timedLocked learns from the time that an accepted transaction took.
func (g *Grant[T]) timedLocked(now time.Time, took time.Duration) []Change {
	e, t := g.c.e, g.c.e.tarpit
	took = max(took, time.Microsecond)
	if t == nil {
		if e.quickest == 0 || took < e.quickest {
			e.quickest = took
		}
		if !isSlow(took, e.quickest) {
			return nil
		}
		t = &tarpit{quick: e.quickest, usual: e.quickest.Seconds()}
		e.tarpit = t
	}
	switch {
	case t.rate == nil && e.crowding.experiments():
		t.conns = 0
	case t.rate == nil:
		if t.watches(now, int(e.established-e.leaving), took) {
			g.spacesLocked(now)
		}
	case e.meter(learnedDelaysKind) != meter(t.rate): // it was forgotten
		e.tarpit = nil
	default:
		t.rate.answered(g.begun)
		if g.begun.After(t.since) {
			return g.delayedLocked(now, took)
		}
	}
	return nil
}

// spacesLocked begins a trial.
func (g *Grant[T]) spacesLocked(now time.Time) {
	e, t := g.c.e, g.c.e.tarpit
	t.before = float64(t.count) / now.Sub(t.since).Seconds()
	t.conns = 0
	t.recount(now)
	t.crowding, e.crowding = e.crowding, nil // delays have taught it
	t.rate = newDelayRate(now, &e.scope, t)
	e.fit(t.rate, learnedDelaysKind, g.c.s.newGeneration())
}

// notes counts a transaction, and reports whether it was delayed.
func (t *tarpit) notes(took time.Duration) bool {
	t.quick = min(t.quick, took)
	t.longest = max(t.longest, took)
	t.count++
	t.all += took.Seconds()
	if isSlow(took, t.quick) {
		t.late++
		t.bad += took.Seconds()
		return true
	}
	t.usual += (took.Seconds() - t.usual) / averagedOver
	return false
}

// watches counts a transaction while a number of connections are busy, and reports
// whether a trial is due.
func (t *tarpit) watches(now time.Time, conns int, took time.Duration) bool {
	if t.conns == 0 || 4*max(conns-t.conns, t.conns-conns) > t.conns {
		t.conns, t.longest = conns, 0
		t.recount(now)
	}
	t.notes(took)
	if t.late < fewDelayed || now.Sub(t.since) < t.watched() {
		return false
	}
	due := t.bad >= delayedPart*t.all && !now.Before(t.next)
	if !due {
		t.conns = 0
	}
	return due
}

// recount begins a count of what comes from now on.
func (t *tarpit) recount(now time.Time) {
	t.since, t.count, t.late, t.all, t.bad, t.free = now, 0, 0, 0, 0, 0
	if t.rate != nil {
		t.rate.idle = 0
	}
}

// idles notes that a connection has nothing to do: the watched times tell nothing then.
func (t *tarpit) idles() {
	if t != nil {
		t.conns, t.free = 0, 0
	}
}

// delayedLocked learns from the time of a transaction that went at the rate.
func (g *Grant[T]) delayedLocked(now time.Time, took time.Duration) []Change {
	e, t := g.c.e, g.c.e.tarpit
	r := t.rate
	if len(e.idle) == 0 && r.spare {
		t.free++
	} else {
		t.free = 0
	}
	was, most, over := r.level, r.rateEstimate.rate(), false
	if t.notes(took) {
		r.refuse(now, g.begun, 1)
	} else if over = r.accept(now, g.begun, 1); over {
		r.level = min(r.level, most)
		r.setReach(max(r.depth, 2*margin), min(r.reach, mostReach))
		if r.estimates < wellKnown {
			r.setReach(deepest/2, leastReach)
		}
		r.stuck = int(e.inFlight) - 1
	}
	switch {
	case t.isVain(now) || over && !t.proven && r.level < lessAtFirst*t.before:
		return g.undelayLocked(now, took)
	case over && !t.proven && r.estimates < wellKnown:
		t.recount(now)
	case r.estimates >= wellKnown && now.Sub(t.since)-r.idle >= t.watched():
		return g.checkDelaysLocked(now, took)
	case over && t.proven:
		return []Change{e.delayChange(now, was, r.level)}
	}
	return nil
}

// checkDelaysLocked keeps the rate if more is accepted than was before the trial. A
// proven one also stays where its level promises more and nothing was delayed: it is only
// lower for a while, after a refusal or for an experiment with its background.
func (g *Grant[T]) checkDelaysLocked(now time.Time, took time.Duration) []Change {
	e, t := g.c.e, g.c.e.tarpit
	rises := t.proven && t.late == 0 && t.rate.level >= t.least()
	if !rises && float64(t.count) < t.least()*(now.Sub(t.since)-t.rate.idle).Seconds() {
		return g.undelayLocked(now, took)
	}
	t.recount(now)
	if t.proven {
		return nil
	}
	t.proven, t.rate.strict = true, false
	return []Change{e.delayChange(now, 0, t.rate.level)}
}

// watched returns the time for which is counted before the count is judged.
func (t *tarpit) watched() time.Duration { return max(delaysWatched*t.longest, leastWatched) }

// least returns the least throughput that is worth to go on with.
func (t *tarpit) least() float64 {
	if t.proven {
		return stillUndelayed * t.before
	}
	return moreUndelayed * t.before
}

// isVain reports whether to go evenly has brought nothing.
func (t *tarpit) isVain(now time.Time) bool {
	o := &t.rate.outage
	most := max(longerOutage, 2*t.longest)
	if t.rate.level < moreUndelayed*t.before {
		most = spacing(trialOutage, t.before)
	}
	return o.lasts() && now.Sub(o.began) > most || t.free >= unhindered || !t.proven && t.late >= inVain && 2*t.late > t.count
}

// undelayLocked ends a trial, or the rate that it has proven. The next trial comes later
// than this one did.
func (g *Grant[T]) undelayLocked(now time.Time, took time.Duration) (changes []Change) {
	e, t := g.c.e, g.c.e.tarpit
	if t.proven {
		changes = append(changes, e.delayChange(now, t.rate.level, 0))
	}
	e.crowding = t.crowding
	e.scope.drop(func(m fitted) bool { return m.kind == learnedDelaysKind })
	t.rate, t.crowding, t.proven, t.quick, t.conns = nil, nil, false, took, 0
	t.gap = min(max(2*t.gap, firstTrialGap), longestTrialGap)
	t.next = now.Add(t.gap)
	g.c.s.stirLocked(e)
	return changes
}

func (e *endpoint[T]) delayChange(now time.Time, from, to float64) Change {
	return Change{Time: now, Scope: e.kind.String(), Name: e.name, Limit: classify.LimitMessageRate, From: from, To: to}
}
