package throttle

import (
	"math"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Constants of the beginning of an experiment.
const (
	// spreadOver and rateOver are the connections and the rate of an experiment, in
	// multiples of those at the level. Two hosts take no more than that.
	spreadOver = 4
	rateOver   = 2
	// fallenFar is the part of the level at the last experiment from which on the next does
	// not wait for so many messages.
	fallenFar = 0.5
	// longestOpening bounds the time for which an experiment waits for its connections: the
	// receiver gains what is not sent meanwhile. The next outage begins another.
	longestOpening = 2 * time.Second
)

// considersSpreading begins an experiment after an outage of the rate for all, when one is
// due. took is the time that a transaction takes.
func (e *endpoint[T]) considersSpreading(now time.Time, took time.Duration) {
	sp := e.spread
	if sp == nil || sp.spreads() || e.shared.is(classify.LimitMessageRate) { // those may be of destinations
		return
	}
	if sp.phase == opensMore {
		e.compareLocked(now)
		return
	}
	r := sp.rate
	switch {
	case !r.wasEmpty(now) || !r.known() || !r.windowEnd.IsZero() || r.bans != nil || r.background.testing():
		return // nothing was in hand, it counts over a window, punishes, or is being tested
	case sp.confirmed:
		sp.level, sp.each = r.level, sp.held
		sp.begin(now, apart)
		return
	case sp.due(now):
		e.opensMore(now, max(int(math.Ceil(r.level*took.Seconds())), 1))
	}
}

// opensMore opens the connections of an experiment. few carry the level.
func (e *endpoint[T]) opensMore(now time.Time, few int) {
	sp := e.spread
	n := min(spreadOver*few, e.mostConnections())
	if n < 2*few || e.waiting() < 4*surplus {
		return
	}
	sp.level, sp.tried = sp.rate.level, sp.rate.level
	sp.few, sp.n, sp.each = few, n, rateOver*sp.level/float64(n)
	sp.phase, sp.since = opensMore, now
	e.concurrency = max(e.concurrency, int32(n))
	e.compareLocked(now)
}

// due reports whether the next experiment with more connections may begin: only after a
// connection was accepted while another was refused. Refusals that do not depend on the
// rate look like that too. While some are known or suspected there is none, unless a
// connection that was refused is refused again more often than others.
func (sp *spread[T]) due(now time.Time) bool {
	r := sp.rate
	if r.estimates < wellKnown || now.Before(sp.next) || !sp.hinted {
		return false
	}
	if b := r.background; b != nil && (b.tolerant() || b.strays != 0) && sp.oddsOfAgain() < suspectsAgain {
		return false
	}
	return sp.fails == 0 || r.level <= fallenFar*sp.tried || sp.count >= firstSpreadCount<<(3*(sp.fails-1))
}

// mostConnections returns the number of connections that may be open.
func (e *endpoint[T]) mostConnections() int {
	n := ceiling(e.limits.Connections)
	if l := e.learned(); l != nil && l.connections.failed > 0 {
		n = min(n, l.connections.failed-1)
	}
	if c := e.crowding; c != nil && c.limit > 0 {
		n = min(n, int(c.limit))
	}
	return n
}

// waiting returns the number of items that wait for the endpoint.
func (e *endpoint[T]) waiting() (n int) {
	for _, p := range e.paths {
		n += p.queued
	}
	return n
}

// compareLocked begins to compare once the connections of the experiment are there.
func (e *endpoint[T]) compareLocked(now time.Time) {
	sp := e.spread
	switch {
	case now.Sub(sp.since) > max(longestOpening, spacing(2*sp.n, sp.level)), sp.rate.outage.lasts():
		sp.phase = together
	case int(e.established) >= sp.n:
		sp.begin(now, compares)
	}
}
