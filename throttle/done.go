package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Done ends a grant and learns from the outcome of the transaction. Recipients whose
// RCPT may have been written count even if Asked was not called. taken is the limit
// that a refusal without a name is taken for; LimitNone for all others. Such a refusal
// costs no attempt, like one that names a limit.
func (g *Grant[T]) Done(now time.Time, o Outcome) (changes []Change, taken classify.Limit) {
	g.use("Done")
	s := g.c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	changes = g.countMoreLocked(now)
	switch {
	case o.Accepted > 0:
		took := now.Sub(later(g.begun, g.c.ended))
		changes = join(changes, g.timedLocked(now, took))
		if g.c.e.cycles(g.c) && g.c.e.crowding.took(now, int(g.c.e.established-g.c.e.leaving), took) {
			s.stirLocked(g.c.e)
		}
		changes = join(changes, g.acceptedLocked(now, &o))
	case g.c.e.letPass(o):
		g.c.e.heard(now, g.begun, 0, g.kindOf(), g.far)
		changes = join(changes, g.c.e.passed(now, g.begun, o.Recipients, g.size))
	}
	more, taken := g.refusedLocked(now, &o)
	changes = join(changes, more)
	g.c.ended = now
	switch {
	case !g.asked && o.Accepted > 0:
		g.asked = true
		g.commit(now, recipients)
		g.commit(now, bytes)
	case o.Unsent && g.asked && g.reserved.has(bytes):
		g.unsend(now)
	}
	g.item.job.Tries.ended(now, o.Accepted)
	if taken == classify.LimitNone || o.Accepted > 0 || o.Verdict.Recipient == classify.RecipientAmbiguous {
		changes = join(changes, g.judgeLocked(now, &o))
	}
	if o.Accepted > 0 && o.Verdict.Connection == classify.ConnKeep && g.behind == nil && !g.c.last {
		g.c.become(connReturning) // what its sender sends next needs no other connection
	}
	g.endLocked(now)
	return changes, taken
}

// refusedLocked learns from a refusal that is, or may be, of a limit.
func (g *Grant[T]) refusedLocked(now time.Time, o *Outcome) (changes []Change, taken classify.Limit) {
	e, s := g.c.e, g.c.s
	throttled := o.Verdict.Throttled()
	switch {
	case throttled && !e.teaches(), !throttled && !g.wordless(o):
	case e.teaches() && g.refusedAlone(o):
		s.stirLocked(e)
	case throttled:
		changes = g.teach(now, *o)
	default:
		changes, taken = g.hushedLocked(now, *o)
	}
	if throttled {
		s.stirOverflowLocked(now, e)
	}
	return changes, taken
}

// join appends changes to others. There are nearly always none, and append costs something
// even then.
func join(changes, more []Change) []Change {
	if len(more) == 0 {
		return changes
	}
	return append(changes, more...)
}

// acceptedLocked learns from the recipients that were delivered.
func (g *Grant[T]) acceptedLocked(now time.Time, o *Outcome) []Change {
	n, taught := o.Accepted, g.c.e.state != nil || g.d.state != nil || len(g.parents) > 0
	if taught {
		g.heardLocked(now, o)
	}
	if g.c.e.spread != nil {
		g.c.e.acceptedApart(now, g.c, g.begun)
	}
	if g.c.e.uneven != nil {
		g.acceptedEvenly()
	} else if !g.c.took.IsZero() && g.c.e.again < triesCounted/2 {
		g.c.e.again++
	}
	g.c.took, g.c.denied = g.begun, false
	changes := join(g.c.e.succeeded(now, g.begun, n, g.size, 0), g.d.succeeded(now, g.begun, n, g.size, g.c.e.opening))
	if taught {
		changes = join(changes, g.heldPassed(now, n))
		g.c.e.carried(now, g.begun, g.ordinal)
		g.d.carried(now, g.begun, g.ordinal)
	}
	g.c.e.shared.accepted(g.begun, g.d.name)
	if g.d.boxes != nil {
		g.d.boxes.accepted(now, g.begun, g.mailbox)
	}
	if g.c.e.spread != nil {
		g.c.e.considersSpreading(now, now.Sub(g.begun))
	}
	return changes
}

// endLocked gives back what was not used, and the grant to its connection.
func (g *Grant[T]) endLocked(now time.Time) {
	s, room := g.c.s, laneSet(0)
	if g.holds {
		room = s.room()
		s.holdLocked(g.d, g.item.job.Lane, -1, -g.bytes)
	}
	if g.box != nil {
		g.d.boxes.ends(now, g.box, !g.wrote)
	}
	for _, sc := range g.scopes {
		sc.inFlight--
	}
	g.endProbes()
	switch {
	case !g.wrote:
		g.release(now, messages)
		g.release(now, recipients)
		g.release(now, bytes)
	case !g.asked:
		g.commit(now, recipients)
		g.release(now, bytes)
	}
	switch {
	case g.passed:
	case g.before != nil && g.before.passed:
		g.before.passed = false
	default:
		g.d.inUse--
	}
	g.leaves(now)
	s.stirAwaitingLocked(g.c.e)
	s.rescheduleLocked(now, g.d)
	if g.holds {
		s.roomierLocked(now, room)
	}
	g.recycle()
}

// recycle gives the grant back to its connection. It keeps nothing alive.
func (g *Grant[T]) recycle() {
	if g.before != nil {
		g.before.behind = nil
	}
	if g.behind != nil {
		g.behind.before = nil
	}
	c, scopes, parents := g.c, g.scopes, g.parents
	clear(scopes[2:])
	clear(parents)
	*g = Grant[T]{}
	g.c, g.ended, g.spare, g.scopes, g.parents = c, true, c.spare, scopes[:2], parents[:0]
	c.spare = g
}

// commit counts what is written, in every scope.
func (g *Grant[T]) commit(now time.Time, u unit) {
	for _, sc := range g.scopes {
		sc.commit(now, u, message(g.n, g.size).of(u), g.generation)
	}
}

// release gives back what will not be used, in every scope.
func (g *Grant[T]) release(now time.Time, u unit) {
	for _, sc := range g.scopes {
		sc.release(now, u, message(g.n, g.size).of(u), g.generation)
	}
}

// unsend gives back the bytes of a message of which nothing was sent although the
// last RCPT was written.
func (g *Grant[T]) unsend(now time.Time) {
	for _, sc := range g.scopes {
		for _, m := range sc.meters() {
			if b, ok := m.meter.(*bucket); ok && m.kind.unit == bytes && m.born <= g.generation {
				b.refund(now, g.size)
			}
		}
	}
}
