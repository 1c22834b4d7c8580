package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/culprit"
)

const (
	// exhaustedAfter is the time for which an endpoint must have refused everything
	// for limits before it counts as exhausted. Most windows of receivers are of a
	// second or a minute, and end before.
	exhaustedAfter = 2 * time.Minute
	// exhaustedTries is the number of refusals that there must have been.
	exhaustedTries = 5
)

// exhaustion counts the refusals for limits of an endpoint while it accepts nothing.
// Limits let something through now and then. An endpoint that accepts nothing for some
// minutes rests where others can carry its mail. Probes at growing gaps show when it is
// back. The zero exhaustion has seen nothing.
type exhaustion struct {
	since    time.Time // the time at which the first try of them began
	tries    int
	messages distinct[uint64] // those that were refused, and connections
}

// refused counts a refusal of a message or of a connection, by its number.
func (x *exhaustion) refused(begun time.Time, id uint64) {
	if x.tries == 0 {
		x.since = begun
	}
	x.tries++
	x.messages.add(id)
}

// accepted forgets what was refused before a try began that was accepted.
func (x *exhaustion) accepted(begun time.Time) {
	if x.tries > 0 && !begun.Before(x.since) {
		*x = exhaustion{}
	}
}

// lasts reports whether enough was refused for long enough.
func (x *exhaustion) lasts(now time.Time) bool {
	return x.tries >= exhaustedTries && x.messages.full() && now.Sub(x.since) >= exhaustedAfter
}

// exhausts reports whether a limit may be that of all mail of an endpoint. The others
// concern one mailbox, or one message.
func exhausts(l classify.Limit) bool {
	switch l {
	case classify.LimitNone, classify.LimitMailboxRate, classify.LimitRecipientsPerMessage:
		return false
	}
	return true
}

// quotaIsUsedUp reports whether a reply says that a quota is used up for all mail of
// the endpoint. The quota is that of the login, or that of our address if the endpoint
// serves several destinations. It is not waited for whether others say so too: the next
// probe may be an hour away.
func (e *endpoint[T]) quotaIsUsedUp(v classify.Verdict) bool {
	return culprit.IsLogin(v) || v.Limit == classify.LimitQuota && v.Scope == classify.ScopeSource && !e.isOneOfSeveral()
}

// relieved reports whether another endpoint may carry some of e's mail.
func (e *endpoint[T]) relieved() bool {
	for _, p := range e.paths {
		for _, other := range p.endpoints {
			if other != e && !p.rests(other) {
				return true
			}
		}
	}
	return false
}

// exhaustLocked counts a transaction that was refused for a limit. When the endpoint
// is exhausted, its breaker opens. What both have learned is forgotten: it was the
// endpoint's, the destination's mail goes elsewhere at once, and probes tell when the
// endpoint is back.
func (s *Scheduler[T]) exhaustLocked(now time.Time, g *Grant[T], o Outcome) []Change {
	e := g.c.e
	if exhausts(o.Verdict.Limit) {
		e.exhausted.refused(g.begun, s.numberOf(o.Message))
	}
	if e.breaker.open() {
		if e.breaker.limits {
			s.restLocked(now, &e.breaker, o.Verdict.RetryAfter)
		}
		return nil
	}
	if e.rests() || !e.exhausted.lasts(now) && !e.quotaIsUsedUp(o.Verdict) || !e.relieved() {
		return nil
	}
	e.concurrency = 1 // when it is back, few come at first
	b, since := &e.breaker, e.exhausted.since
	l := blame{hint: o.Verdict.RetryAfter, reason: o.Err}
	b.run, b.first, b.reason = max(b.run, 1), since, evidence(o.Err)
	change := s.tripLocked(now, b, l, Change{Scope: e.kind.String(), Name: e.name})
	b.since, b.partial, b.limits = since, false, true
	s.restLocked(now, b, l.hint)
	change.Until = b.until
	e.forget()
	g.d.forget()
	e.stirServersLocked(s)
	return []Change{change}
}

// teaches reports whether a refusal for a limit says something of the destination. One
// of a probe of an exhausted endpoint does not.
func (e *endpoint[T]) teaches() bool { return !e.breaker.open() || !e.breaker.limits }

// exhaustedBy counts a connection that was refused for a limit while there was none.
// It reports whether the endpoint is to rest, as one that cannot be reached.
func (e *endpoint[T]) exhaustedBy(now time.Time, c *Conn[T], v classify.Verdict) bool {
	if !exhausts(v.Limit) || e.established > 0 {
		return false
	}
	e.exhausted.refused(c.begun, c.s.numberOf(0))
	if !e.exhausted.lasts(now) || !e.relieved() {
		return false
	}
	e.forget()
	return true
}
