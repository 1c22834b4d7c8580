package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// teach makes the endpoint or the destination learn from a refusal that names a
// limit.
func (g *Grant[T]) teach(now time.Time, o Outcome) []Change {
	if o.Verdict.Limit == classify.LimitMailboxRate &&
		(g.mailbox == "" || g.d.mailboxes().refuse(now, g.begun, g.mailbox, o.Verdict.RetryAfter)) {
		return nil
	}
	if o.Verdict.Limit == classify.LimitMessagesPerConnection {
		g.c.last = true
	}
	if p := g.holderOf(now, o); p != nil {
		return g.teachHolder(now, p, o)
	}
	e := g.c.e
	if g.isEndpoints(now, o) {
		if e.refusedApart(now, g.c, g.begun, &e.scope, o) {
			g.c.s.stirLocked(e)
			return nil
		}
		changes := e.refused(now, o, refusal{
			begun: g.begun, news: g.endpointLessons == e.lessons, ordinal: g.ordinal, recipients: g.n, size: g.size, atOnce: g.c.crowd(), generation: g.c.s.newGeneration(),
		})
		e.refusedTogether(now, g.c, &e.scope)
		return changes
	}
	if e.refusedApart(now, g.c, g.begun, &g.d.scope, o) {
		g.c.s.stirLocked(e)
		return nil
	}
	changes := g.d.refused(now, o, refusal{
		begun: g.begun, news: g.destinationLessons == g.d.lessons, ordinal: g.ordinal, recipients: g.n, size: g.size, atOnce: int(g.d.inUse), generation: g.c.s.newGeneration(),
	})
	e.refusedTogether(now, g.c, &g.d.scope)
	return changes
}

// isEndpoints reports whether a refusal is for a limit of the endpoint. Up to
// MAIL it concerns the sender, and so does one that speaks of the account, which is
// the login of the endpoint. From RCPT on it concerns the recipients, unless several
// destinations behind the endpoint are refused alike. Those then forget what
// they have just learned from it.
func (g *Grant[T]) isEndpoints(now time.Time, o Outcome) bool {
	e, s := g.c.e, g.c.s
	switch o.Verdict.Limit {
	case classify.LimitMessageRate, classify.LimitRecipientRate, classify.LimitQuota:
		if o.Stage <= classify.StageMail || o.Verdict.Scope == classify.ScopeAccount {
			return !e.isOneOfSeveral()
		}
	default:
		if o.Stage <= classify.StageMail {
			return true
		}
	}
	shared, gaveBack := e.shared.refused(now, g.begun, g.d.name, o.Verdict.Limit)
	if gaveBack {
		e.unlearn(o.Verdict.Limit)
		s.stirLocked(e)
	}
	if !shared {
		if e.shared.doubts(o.Verdict.Limit) {
			g.relieveLocked(now, &e.scope, o.Verdict.Limit)
		}
		return false
	}
	for _, name := range e.shared.others(g.d.name) {
		d, ok := s.dests.get(name)
		if !ok {
			continue
		}
		if l := d.learned(); l != nil && now.Sub(l.first) <= sharedWithin {
			d.forget()
			s.rescheduleLocked(now, d)
		}
	}
	return true
}
