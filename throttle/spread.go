package throttle

import "time"

// manyProbes is the number of refused probes from which on the next goes on another
// connection.
const manyProbes = 2

// spreadPhase says whose pace counts.
type spreadPhase uint8

const (
	together  spreadPhase = iota // the scope has a rate
	opensMore                    // connections are opened for an experiment
	compares                     // in an experiment more connections than before have a pace of their own each
	controls                     // as few connections as before send as much as these
	apart                        // each has, because that brings more
)

// spread tells a limit of a receiver for all mail from one for each connection, or for
// each of several hosts behind one name, to which connections come by chance. Such a
// limit refuses some connections while others are accepted. A rate for all is then that
// of a single connection.
//
// An experiment decides. Right after an outage, when a receiver has nothing in hand, more connections
// send side by side, together at rateOver times the rate for all. If the limit is for all, most
// is refused, and after a few refusals the rate is as before. If much more is accepted,
// as few connections as before send as much. If that is accepted too, the rate for all
// was too low, and it rises. If it is refused, more connections bring more: each has a pace
// of its own from then on.
//
// That is harmless where it is wrong: a connection that is refused slows down as all did,
// and new ones begin at the pace of the others. It ends when all connections are refused
// together, when a larger part is refused than apartRefusing, or when it brings no more
// than the rate for all did.
//
// It exists once a rate was refused.
type spread[T any] struct {
	phase     spreadPhase
	of        *scope       // the scope of the rate
	rate      *learnedRate // the rate for all
	met       *Conn[T]     // the connection that was refused when the outage began, or the last probe
	hinted    bool         // whether another connection was accepted soon after the first refusal
	confirmed bool         // whether an experiment has brought more, and paces of connections have since

	level    float64    // of the rate when the experiment began, per second
	each     float64    // the pace with which a connection begins, per second
	n        int        // the number of connections of the experiment
	few      int        // the number of connections that carry the level
	epoch    int32      // of the paces of connections; those of an earlier one have ended
	members  int        // connections that have a pace
	vacant   []*ownPace // paces of connections that a refusal has ended while each has one, for those in their place
	halvings int32      // of all paces
	halved   time.Time  // the time of the last: what began before it tells nothing of the paces since
	held     float64    // the pace with which a connection began when more was last seen to be accepted so
	best     float64    // the most that all paces together have brought over a span, per second

	lifted   time.Time     // the time since which the rate for all does not count
	since    time.Time     // the time since which is counted
	began    time.Time     // the time at which the phase began
	span     time.Duration // over which is counted when each connection has a pace
	heard    time.Time     // the time of the last outcome
	accepted float64
	refused  float64
	vain     int // refusals since a message was accepted
	quiet    int // messages accepted since the last refusal

	again tally // the last tries that followed a refusal on the same connection, while there is a rate for all

	next  time.Time // the earliest time of the next experiment
	tried float64   // the level at the last
	count int       // messages accepted since the last
	fails int       // experiments in a row that brought nothing
}

// spreads reports whether connections have paces of their own.
func (sp *spread[T]) spreads() bool { return sp != nil && sp.phase >= compares }

// refusedTogether notes a refusal on a connection that has taught a scope. Where it has
// begun an outage of the rate, or prolongs it, the next probe may go on another connection.
func (e *endpoint[T]) refusedTogether(now time.Time, c *Conn[T], of *scope) {
	r := of.rate(learnedMessagesKind)
	if r == nil {
		return
	}
	if sp := e.spread; sp != nil && sp.of == of {
		sp.triedAgain(c, true)
	}
	c.rebuffed = true
	if !r.outage.began.Equal(now) && r.outage.probes < manyProbes || of != &e.scope && !e.carriesOne() {
		return
	}
	sp := e.spread
	if sp == nil || sp.rate != r {
		if sp.spreads() {
			e.gather(now)
		}
		sp = &spread[T]{of: of, rate: r}
		e.spread = sp
	}
	sp.met = c
}

// carriesOne reports whether the endpoint is the only one of one destination, and
// carries nothing else.
func (e *endpoint[T]) carriesOne() bool {
	return len(e.paths) == 1 && e.paths[0].members == 1 && len(e.paths[0].endpoints) == 1
}

// avoids reports whether a probe goes on another connection than this one, which was
// refused last: the first of an outage until one was accepted so, and each that follows
// several refused ones. A host that refuses everything would prolong the outage.
func (sp *spread[T]) avoids(c *Conn[T]) bool {
	return sp != nil && sp.met == c && sp.rate.outage.lasts() && (sp.rate.outage.probes >= manyProbes || !sp.hinted && sp.phase < compares)
}

// nextIdle returns the idle connection that goes next; nil when none may go, with the
// time at which one may. It is the newest, or the one whose own pace has waited longest.
func (e *endpoint[T]) nextIdle(now time.Time) (next *Conn[T], later time.Time) {
	last := len(e.idle) - 1
	if !e.spread.spreads() {
		next = e.idle[last]
		switch avoided := last > 0 && e.spread.avoids(next); {
		case avoided && e.spread.rate.outage.probes >= manyProbes: // they take turns
			next = e.idle[0]
		case avoided:
			next = e.idle[last-1]
		}
		return next, time.Time{}
	}
	var soonest time.Time
	for _, c := range e.idle {
		if t := c.turnAt(now); next == nil || t.Before(soonest) {
			next, soonest = c, t
		}
	}
	if soonest.After(now) {
		if soonest.Equal(never) {
			soonest = time.Time{}
		}
		return nil, soonest
	}
	return next, time.Time{}
}

// turnAt returns the time at which the own pace of a connection lets it go; never means
// after a change. A connection without one goes now.
func (c *Conn[T]) turnAt(now time.Time) time.Time {
	sp := c.e.spread
	switch {
	case !sp.spreads():
		return now
	case c.own != nil && c.own.epoch == sp.epoch:
		return c.own.at()
	case sp.phase <= controls && sp.members >= sp.n:
		return never
	case len(sp.vacant) > 0:
		return sp.vacant[len(sp.vacant)-1].at()
	case sp.phase <= controls:
		return sp.since.Add(spacing(sp.members, sp.each*float64(sp.n)))
	}
	return time.Time{}
}

// goesLocked counts a message in the own pace of a connection, which begins with it.
func (c *Conn[T]) goesLocked(now time.Time) {
	sp := c.e.spread
	if !sp.spreads() {
		return
	}
	p := sp.ownOf(c)
	if p == nil {
		c.own = sp.newPace()
		p = sp.ownOf(c)
	}
	p.goes(now)
}

// newPace returns the pace of one connection more. It is that of one that a refusal has
// ended, if there is one: else a receiver that closes would get one after the other at once.
func (sp *spread[T]) newPace() *ownPace {
	sp.members++
	last := len(sp.vacant) - 1
	if last < 0 {
		return &ownPace{epoch: sp.epoch, halvings: sp.halvings, rate: sp.each}
	}
	p := sp.vacant[last]
	sp.vacant = sp.vacant[:last]
	return p
}

// leavesSpread notes that a connection is gone.
func (c *Conn[T]) leavesSpread() {
	sp := c.e.spread
	if sp == nil {
		return
	}
	if sp.met == c {
		sp.met = nil
	}
	if c.own != nil && c.own.epoch == sp.epoch {
		sp.members--
		if c.own.goesOn && sp.phase == apart {
			sp.vacant = append(sp.vacant, c.own)
		}
	}
}

// lacksMail notes that a connection has nothing to do although its pace lets it go: what
// is counted would tell nothing.
func (sp *spread[T]) lacksMail(now time.Time) {
	if sp.spreads() {
		sp.recount(now)
	}
}

func (sp *spread[T]) recount(now time.Time) {
	sp.since, sp.heard, sp.accepted, sp.refused = now, now, 0, 0
}

// mayOpen bounds the number of further connections that may be opened.
func (sp *spread[T]) mayOpen(free, inUse int) int {
	if sp == nil || sp.phase != opensMore && sp.phase != compares && sp.phase != controls {
		return free
	}
	return min(free, sp.n-inUse)
}

// wantsMore reports whether an experiment waits for a further connection.
func (e *endpoint[T]) wantsMore() bool {
	return e.spread != nil && e.spread.phase == opensMore && int(e.inUse) < e.spread.n
}
