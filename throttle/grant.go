package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Grant is an item's turn: it may go now, on the connection that asked, with
// the tokens of every limit concerned. What it has in hand occupies the limits
// until it is written, so that no delay in between can make them be exceeded.
type Grant[T any] struct {
	c       *Conn[T]
	value   T
	d       *destination[T]
	n       int
	ordinal int // of the message on its connection
	last    bool
	wrote   bool
	asked   bool
	over    bool
	passed  bool      // its place at the destination has gone to the next
	begun   time.Time // when it was given
	scopes  [3]*scope // that it has tokens of

	// The Scheduler's generation when it was given: meters that were fitted later
	// have given nothing to it.
	generation int32

	mailbox string      // the job's
	box     *mailbox[T] // it, if something was known of it then
	before  *Grant[T]   // whose place it has; nil when it has one of its own

	// How many lessons the two had been taught when this began: a refusal tells
	// nothing new when there has been another since.
	endpointLessons, destinationLessons int32
}

// Value is the job's.
func (g *Grant[T]) Value() T { return g.value }

// Recipients is how many of the job's recipients may go; the rest must be
// pushed again.
func (g *Grant[T]) Recipients() int { return g.n }

// Last reports whether the connection must end after this.
func (g *Grant[T]) Last() bool { return g.last }

// Next is [Conn.Next] for a connection that is about to write the last of this
// grant, and can write more behind it. To the receiver the two are one after
// the other, so they need only one place at their destination: it passes on.
func (g *Grant[T]) Next(now time.Time) (*Grant[T], time.Time) {
	s := g.c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.over || g.passed {
		return g.c.nextLocked(now)
	}
	g.d.busy--
	s.placeLocked(g.d, now)
	next, again := g.c.nextLocked(now)
	if next != nil && next.d == g.d {
		g.passed, next.before = true, g
		return next, time.Time{}
	}
	g.d.busy++
	s.placeLocked(g.d, now)
	return next, again
}

// Wrote notes that MAIL is being written: the message counts from now.
func (g *Grant[T]) Wrote(now time.Time) {
	g.c.s.mu.Lock()
	defer g.c.s.mu.Unlock()
	if g.wrote || g.over {
		return
	}
	g.wrote = true
	g.commit(now, messages, 1)
	g.c.s.flowsLocked(g, now)
}

// Asked notes that the last RCPT is being written: the recipients count from
// now. Until then they occupy their limits.
func (g *Grant[T]) Asked(now time.Time) {
	g.c.s.mu.Lock()
	defer g.c.s.mu.Unlock()
	if g.asked || g.over {
		return
	}
	g.asked = true
	g.commit(now, recipients, g.n)
	g.c.s.flowsLocked(g, now)
}

// flowsLocked has what waited for tokens that a grant held looked at again.
func (s *Scheduler[T]) flowsLocked(g *Grant[T], now time.Time) {
	if g.d.state != nil {
		s.placeLocked(g.d, now)
	}
	if g.c.e.state != nil || s.process.state != nil {
		s.stirLocked(g.c.e)
	}
}

// Return ends a grant of which nothing was written: everything is given back.
// The message still counts as one that the connection has carried.
func (g *Grant[T]) Return(now time.Time) {
	g.c.s.mu.Lock()
	defer g.c.s.mu.Unlock()
	g.endLocked(now)
}

// Done ends a grant and teaches what the transaction has shown. Recipients
// whose RCPT may have been written count, although Asked was not called.
func (g *Grant[T]) Done(now time.Time, o Outcome) []Change {
	s := g.c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.over {
		return nil
	}
	var changes []Change
	switch {
	case o.Accepted > 0:
		g.c.took = now
		changes = append(g.c.e.succeeded(now, g.begun, o.Accepted), g.d.succeeded(now, g.begun, o.Accepted)...)
		g.d.boxes.accepted(g.mailbox, now, g.begun)
	case o.Stage > classify.StageMail && o.Verdict.Class != classify.Network: // the endpoint has let it pass
		changes = g.c.e.passed(now, g.begun, o.Recipients)
	}
	if o.Verdict.Throttled() {
		changes = append(changes, g.teach(now, o)...)
	}
	g.endLocked(now)
	return changes
}

// teach tells the endpoint or the destination of a refusal that names a limit.
func (g *Grant[T]) teach(now time.Time, o Outcome) []Change {
	if o.Verdict.Limit == classify.LimitMailboxRate &&
		(g.mailbox == "" || g.d.mailboxes().refuse(g.mailbox, now, g.begun, o.Verdict.RetryAfter)) {
		return nil
	}
	if o.Verdict.Limit == classify.LimitMessagesPerConnection {
		g.c.last = true
	}
	if e := g.c.e; g.isEndpoints(now, o) {
		return e.refused(now, o, refusal{
			begun: g.begun, news: g.endpointLessons == e.taught, ordinal: g.ordinal, atOnce: g.c.crowd(), generation: g.c.s.newGeneration(),
		})
	}
	return g.d.refused(now, o, refusal{
		begun: g.begun, news: g.destinationLessons == g.d.taught, ordinal: g.ordinal, atOnce: int(g.d.busy), generation: g.c.s.newGeneration(),
	})
}

// isEndpoints reports whether a refusal is for a limit of the endpoint: up to
// MAIL it speaks of us, from RCPT on of the recipients, unless several
// destinations behind the endpoint are refused alike. Those have learned
// something wrong then, if they had not learned anything before.
func (g *Grant[T]) isEndpoints(now time.Time, o Outcome) bool {
	e, s := g.c.e, g.c.s
	switch o.Verdict.Limit {
	case classify.LimitMessageRate, classify.LimitRecipientRate, classify.LimitQuota:
		if o.Stage <= classify.StageMail {
			return !e.isOneOfSeveral()
		}
	default:
		if o.Stage <= classify.StageMail {
			return true
		}
	}
	if !e.alike.refused(now, g.d.name, o.Verdict.Limit) {
		return false
	}
	for _, name := range e.alike.others() {
		d, ok := s.dests.get(name)
		if !ok {
			continue
		}
		if l := d.learned(); l != nil && now.Sub(l.first) <= alikeWithin {
			d.forget()
			s.placeLocked(d, now)
		}
	}
	return true
}

// endLocked gives back what was not used.
func (g *Grant[T]) endLocked(now time.Time) {
	if g.over {
		return
	}
	g.over = true
	if g.box != nil {
		g.d.boxes.ends(g.box, !g.wrote, now)
	}
	for _, sc := range g.scopes {
		sc.flying--
	}
	switch {
	case !g.wrote:
		g.release(now, messages, 1)
		g.release(now, recipients, g.n)
	case !g.asked:
		g.commit(now, recipients, g.n)
	}
	switch {
	case g.passed:
	case g.before != nil && !g.before.over:
		g.before.passed = false
	default:
		g.d.busy--
	}
	g.before = nil
	g.c.s.placeLocked(g.d, now)
}

// commit counts what is on the wire, in every scope.
func (g *Grant[T]) commit(now time.Time, u unit, n int) {
	for _, sc := range g.scopes {
		sc.commit(now, u, n, g.generation)
	}
}

// release gives back what will not be used, in every scope.
func (g *Grant[T]) release(now time.Time, u unit, n int) {
	for _, sc := range g.scopes {
		sc.release(now, u, n, g.generation)
	}
}
