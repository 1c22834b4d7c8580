package throttle

import (
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Bounds of the rest of an endpoint that cannot be reached.
const (
	firstRest   = time.Second
	longestRest = 5 * time.Minute
	// answeredRest is the rest beyond which that of an answering server grows by little.
	// So mail goes again soon after the server takes it, late by an eighth of the time
	// for which it did not.
	answeredRest = 8 * time.Second
	restJitter   = 0.2 // a rest is up to this much longer, at random
)

// endpoint holds the limits of one endpoint and its connections. After a
// connection could not be opened the endpoint rests, and then one connection
// probes it. While its breaker is open it rests too, and one message probes it.
type endpoint[T any] struct {
	scope
	blocked     time.Time // until then it has no tokens for the first item that it was asked for
	pinned      bool      // whether it has limits of its own and is never forgotten
	configured  bool      // whether Config names it
	own         *Limits   // limits of SetEndpoint; nil when there are none
	established int32
	first       int32     // connections that may be opened at once while none is open
	newest      time.Time // the time at which a connection was last established
	paths       []*path[T]
	nextPath    int  // index of the path that is asked first
	unused      bool // whether it is in Scheduler.unused

	idle      []*Conn[T] // idle connections, the newest last
	starting  int32      // connections on their way to asking for work
	opening   int32      // of these, those that are being opened
	returning int32      // connections whose message was accepted and that are about to ask for the next
	leaving   int32      // connections that take nothing more and are not closed yet
	overflows int32      // paths with OverflowFull
	stirred   bool       // whether it is in Scheduler.stir
	starved   bool       // whether it is in Scheduler.starved
	awaiting  bool       // whether it is in Scheduler.awaiting
	alarm     time.Time  // the time at which to look at it again, when it is in Scheduler.alarms
	alarmPos  int32      // its index in Scheduler.alarms; -1 when it is not there

	down       bool
	until      time.Time     // the earliest time of a probe, when it is down
	rest       time.Duration // the length of the last rest
	probing    bool
	loginOnce  bool          // whether a login was refused, and is tried once more at once
	again      int32         // messages accepted on connections that had one accepted before, up to so many as uneven begins with
	faults     int           // lessons from connections that could not be opened
	crowding   *crowding     // nil before two connections were busy
	quickest   time.Duration // the shortest transaction, before there is a tarpit
	tarpit     *tarpit       // nil before a transaction took much longer than another
	openings   *openings     // nil until a connection could not be opened
	spread     *spread[T]    // nil until a rate was refused
	uneven     *uneven       // nil until a rate was refused
	shared     sharedRefusals
	breaker    breaker[T]
	newcomer   bool                   // whether mail of an unsuspected destination is on its way, while it suspects others
	newcomerAt time.Time              // the earliest time of the next
	apart      bool                   // whether its breaker was closed by mail of an unsuspected destination
	bySender   map[string]*breaker[T] // of single senders, where there are several; nil when none was refused
	lost       int                    // connections that had been in use and were gone at their next message, since one was accepted
	exhausted  exhaustion
	lostFrom   time.Time // the time at which the first of these transactions began
}

// beginAt has a new endpoint begin with so many connections at once.
func (e *endpoint[T]) beginAt(n int32) {
	e.scope.beginAt(n)
	e.first = e.concurrency
}

// rests reports whether the endpoint takes probes only.
func (e *endpoint[T]) rests() bool { return e.down || e.breaker.open() && !e.breaker.partial }

// holds reports whether the endpoint rests and no probe is due.
func (e *endpoint[T]) holds(now time.Time) bool {
	return e.down && (e.probing || e.until.After(now)) || !e.breaker.partial && e.breaker.holds(now)
}

// nextProbe returns the time at which an endpoint that rests may be probed. It is
// zero while a probe is under way.
func (e *endpoint[T]) nextProbe() time.Time {
	if e.down && e.probing || !e.breaker.partial && e.breaker.open() && e.breaker.probing {
		return time.Time{}
	}
	return e.restsUntil()
}

// restsUntil returns the time before which an endpoint that rests takes no probe.
func (e *endpoint[T]) restsUntil() time.Time {
	if e.down && (e.breaker.partial || e.until.After(e.breaker.until)) {
		return e.until
	}
	return e.breaker.until
}

// up notes that a connection is ready for mail.
func (e *endpoint[T]) up(now, begun time.Time) []Change {
	wasDown := e.down
	e.down, e.rest, e.probing, e.loginOnce = false, 0, false, false
	var changes []Change
	if l := e.learned(); l != nil {
		l.backoff.opened(e.established - 1)
		l.connections.opened(now, begun, int(e.established))
	}
	for _, m := range e.meters() {
		if m.kind.unit != connections {
			continue
		}
		if c, changed := e.accepted(now, begun, m, 1); changed {
			changes = append(changes, c)
		}
	}
	if i := e.inferred(); i != nil {
		i.raised(e.established)
	}
	// Refusals overtake those that were let in at the same time.
	e.concurrency = max(e.concurrency, e.established)
	if wasDown {
		changes = append(changes, Change{Time: now, Scope: e.kind.String(), Name: e.name})
	}
	return changes
}

// cycles reports whether the time that a transaction on a connection took is to be measured:
// all connections are busy, and there were several. Where each carries few messages much of
// the time goes into opening them, which no transaction shows.
func (e *endpoint[T]) cycles(c *Conn[T]) bool {
	n := int(e.established - e.leaving)
	if len(e.idle) > 0 || e.rests() || n < 1 || n < 2 && e.crowding == nil {
		return false
	}
	if c.mayCarry() < armSamples {
		e.crowding = nil
		return false
	}
	if e.crowding == nil {
		e.crowding = &crowding{}
	}
	return true
}

// idles notes that a connection has nothing to do.
func (e *endpoint[T]) idles() {
	e.tarpit.idles()
	if e.crowding != nil {
		e.crowding.idles()
	}
}

// isCrowded reports whether there are more connections than may be.
func (e *endpoint[T]) isCrowded() bool {
	return e.crowding != nil && e.crowding.limit > 0 && e.established-e.leaving > e.crowding.limit
}

// free returns the number of further connections that may be opened.
func (e *endpoint[T]) free() int {
	n := e.scope.free()
	if c := e.crowding; c != nil && c.limit > 0 {
		n = min(n, int(c.limit-e.inUse))
	}
	return e.spread.mayOpen(n, int(e.inUse))
}

// opensEnough reports whether enough connections are being opened: one more than
// there are, or as many as the first concurrency. If all of these are refused, half of what
// was tried was let in. After some were lost at their next message, one is enough,
// until it has carried one.
func (e *endpoint[T]) opensEnough() bool {
	opening := e.inUse - e.established
	return opening > e.established && opening >= e.first || opening > 0 && e.lost >= breakKinds
}

// failed learns from a connection that could not be opened. A connection begun before the
// last such lesson teaches nothing new, but a delay that its reply asks for is obeyed.
func (e *endpoint[T]) failed(now time.Time, c *Conn[T], generation int32, stage classify.Stage, v classify.Verdict, err error) []Change {
	news := c.faults == e.faults
	e.first = 1
	exhausted := e.exhaustedBy(now, c, v)
	if v.Throttled() && v.RetryAfter > 0 && (exhausted || v.Limit != classify.LimitConnections || e.established == 0) {
		e.learning(now, generation).backoff.hint(now, v.RetryAfter)
	}
	if v.Throttled() && !exhausted {
		return e.refusedForLimit(now, c, generation, v, err, news)
	}
	if stage == classify.StageBanner && v.Recipient == classify.RecipientLater {
		if changes, probe := e.refusedMeanwhile(now, c, v.RetryAfter); probe {
			return changes
		}
	}
	if !news {
		return nil
	}
	e.faults++
	if !c.s.wordsOnly {
		e.missedOpening(now)
	}
	if stage == classify.StageAuth && v.Class == classify.ClassSMTPAuth && !e.loginOnce {
		e.loginOnce = true
		return nil
	}
	if e.established > 0 { // those go on; only another has to wait
		if c, crowded := e.crowded(now, c, generation, err); crowded {
			return []Change{c}
		}
		l := e.learning(now, generation)
		l.note(now, v.Limit, err)
		if l.backoff.misses(now, e.established) {
			return nil
		}
		return []Change{{Time: now, Scope: e.kind.String(), Name: e.name, Until: l.backoff.until, Reason: err}}
	}
	e.down, e.concurrency = true, 1 // when it is back, few come at first
	e.rest = nextRest(e.rest, stage == classify.StageBanner && v.Recipient == classify.RecipientLater && v.Class != classify.ClassNetwork)
	e.until = now.Add(c.s.jittered(e.rest, restJitter))
	if hint := now.Add(min(v.RetryAfter, longestHint)); hint.After(e.until) {
		e.until = hint
	}
	return []Change{{Time: now, Scope: e.kind.String(), Name: e.name, Until: e.until, Reason: err}}
}

// nextRest returns the rest after one, which is twice as long. Where a server is there
// and says that it takes nothing now, it grows by an eighth once it is answeredRest.
func nextRest(rest time.Duration, answered bool) time.Duration {
	if answered && rest >= answeredRest {
		return min(rest+rest/8, longestRest)
	}
	return min(max(2*rest, firstRest), longestRest)
}

// refusedForLimit learns from a connection that was refused for a limit. For
// that of connections, the cap is the number established at that time. A delay that the
// reply asks for is then that of one more: as many as are open may be opened again.
func (e *endpoint[T]) refusedForLimit(now time.Time, conn *Conn[T], generation int32, v classify.Verdict, err error, news bool) []Change {
	l := e.learning(now, generation)
	e.heed(now, v.Stated, int(e.established)+1, generation)
	c := Change{Time: now, Scope: e.kind.String(), Name: e.name, Limit: v.Limit, Reason: err}
	switch v.Limit {
	case classify.LimitConnections:
		if !news {
			e.holdsMore(now, conn, v.RetryAfter)
			return nil
		}
		if e.established > 0 {
			if l.connections.strayed(now, int(e.established)+1) {
				l.backoff.hint(now, v.RetryAfter)
				return nil
			}
			e.narrow(now, l, int(e.established), &c)
			l.connections.putOff(now, v.RetryAfter)
			if l.connections.again() {
				l.backoff.step = max(l.backoff.step, firstPause)
				l.backoff.lengthen(now)
				l.backoff.hint(now, v.RetryAfter)
			}
		} else {
			e.concurrency = 1
			l.backoff.lengthen(now)
		}
	case classify.LimitQuota:
		if !news {
			return nil
		}
		e.concurrency = 1
		if v.RetryAfter == 0 {
			l.backoff.hint(now, suspension)
		}
	default:
		if m := e.rate(learnedMessagesKind); m != nil && m.outage.lasts() && v.Limit == classify.LimitMessageRate {
			m.refusedFor(now, conn.begun, 1, false, v.RetryAfter) // of the limit that was refused on a connection
			break
		}
		n, since := e.openedLately(now)
		rate := e.learnRate(now, learnedOpeningsKind, n, since, generation)
		if !rate.refuse(now, conn.begun, 1) && !news {
			return nil
		}
	}
	e.faults++
	l.note(now, v.Limit, err)
	c.Until = e.pausedUntil(now)
	if c.From == c.To && c.Until.IsZero() {
		return nil
	}
	return []Change{c}
}

// holdsMore obeys the delay of a refusal that teaches nothing else: for one connection
// more where the lesson before was a cap, and else for all.
func (e *endpoint[T]) holdsMore(now time.Time, conn *Conn[T], d time.Duration) {
	l := e.learned()
	if p := l.connections.proof; p != nil && !p.lesson.Before(conn.begun) {
		l.connections.putOff(now, d)
	} else {
		l.backoff.hint(now, d)
	}
}

// openedLately returns the approximate number of connections opened between a time and a
// refusal: the open ones, and those that ended after as many messages as one carries.
func (e *endpoint[T]) openedLately(now time.Time) (n int, since time.Time) {
	if e.recent.stale(now) {
		return 0, now
	}
	return max(int(e.established), int(e.recent.messages)/e.messagesAtMost()), e.recent.since()
}

// isOneOfSeveral reports whether the endpoint is one of several of a single
// destination, as the hosts of an MX are. Its rates are then the destination's.
func (e *endpoint[T]) isOneOfSeveral() bool {
	return len(e.paths) == 1 && e.paths[0].members == 1 && len(e.paths[0].endpoints) > 1
}

// leave takes a path off an endpoint.
func (e *endpoint[T]) leave(p *path[T]) {
	if p.of.overflow == OverflowFull {
		e.overflows--
	}
	if i := slices.Index(e.paths, p); i >= 0 {
		e.paths = slices.Concat(e.paths[:i], e.paths[i+1:]) // the slice itself may be iterated over
	}
}
