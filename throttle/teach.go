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
	e, of := g.c.e, &g.d.scope
	r := refusal{begun: g.begun, news: g.destinationLessons == g.d.lessons, ordinal: g.ordinal, recipients: g.n, size: g.size, atOnce: int(g.d.inUse)}
	if g.isEndpoints(now, o) {
		of, r.news, r.atOnce = &e.scope, g.endpointLessons == e.lessons, g.c.crowd()
	}
	if o.cuts(g.n) && (ofConnections(o.Verdict.Limit) || g.d.inferring(now).cut(now, g.n, o.Recipients)) {
		o = o.asLimit(classify.LimitRecipientsPerMessage)
	}
	if g.meansCap(now, of, o) {
		g.c.last = true
		o = o.asLimit(classify.LimitMessagesPerConnection)
	}
	if e.refusedApart(now, g.c, of, o, r) {
		g.c.s.stirLocked(e)
		return nil
	}
	r.generation = g.c.s.newGeneration()
	changes := of.refused(now, o, r)
	e.refusedTogether(now, g.c, of)
	return changes
}

// meansCap reports whether a refusal in the words of a rate, or of connections at MAIL,
// is for the number of messages on the connection. The number exceeds the cap that was
// found, or the refusal finds one: several connections opened one behind the other are
// refused first at the same number, and the first messages of new ones are accepted. What
// such refusals taught of a rate is dropped when they find a cap; a rate that is learned
// later is of something else. A connection that is kept ends when it refuses again, for a
// new one may be let in.
func (g *Grant[T]) meansCap(now time.Time, of *scope, o Outcome) bool {
	if !o.mayMeanCap() {
		return false
	}
	l := of.learning(now, g.c.s.newGeneration())
	if l.ordinals == nil {
		l.ordinals = &ordinals{}
	}
	again := g.c.denied
	g.c.denied = true
	switch {
	case l.perConnection.exceededBy(g.ordinal):
		return true
	case again:
		g.c.last = g.c.last || !g.c.took.IsZero()
		return false
	case g.ordinal < leastOrdinal:
		*l.ordinals = ordinals{}
		return false
	case g.ordinal == l.ordinals.ordinal && !g.c.begun.After(l.ordinals.seen):
		return false
	}
	found := l.ordinals.refusedInWords(now, g.ordinal)
	if found {
		of.unlearn(classify.LimitMessageRate)
	}
	return found
}

// mayMeanCap reports whether the words of a refusal may stand for a number of messages on
// the connection, which asks for no delay and is met at MAIL, or where the connection ends.
func (o Outcome) mayMeanCap() bool {
	early, v := o.Stage == classify.StageMail, o.Verdict
	switch {
	case v.RetryAfter > 0 || v.Octets:
		return false
	case v.Limit == classify.LimitMessageRate:
		return early || v.Connection > classify.ConnKeep
	}
	return early && v.Limit == classify.LimitConnections
}

// isEndpoints reports whether a refusal is for a limit of the endpoint. Up to MAIL it
// concerns the sender, and so does one that speaks of the account, the login of the
// endpoint. From RCPT on it concerns the recipients, unless several destinations behind
// the endpoint are refused alike. Those then forget what they have just learned from it.
func (g *Grant[T]) isEndpoints(now time.Time, o Outcome) bool {
	e, s := g.c.e, g.c.s
	if isOverTime(o.Verdict.Limit) {
		if o.Stage <= classify.StageMail || o.Verdict.Scope == classify.ScopeAccount {
			return !e.isOneOfSeveral()
		}
	} else if o.Stage <= classify.StageMail {
		return true
	}
	if !g.alike(now, o.Verdict.Limit) {
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

// alike counts a refusal behind MAIL for what tells a limit of the endpoint from those of
// destinations, and reports whether it is for one of the endpoint. One that turns out not to
// be is unlearned.
func (g *Grant[T]) alike(now time.Time, l classify.Limit) bool {
	e := g.c.e
	shared, gaveBack := e.shared.refused(now, g.begun, g.d.name, l)
	if gaveBack {
		e.unlearn(l)
		g.c.s.stirLocked(e)
	}
	if !shared && e.shared.doubts(l) {
		g.relieveLocked(now, &e.scope, l)
	}
	return shared
}

// isOverTime reports whether a limit is one of messages or recipients over time.
func isOverTime(l classify.Limit) bool {
	return l == classify.LimitMessageRate || l == classify.LimitRecipientRate || l == classify.LimitQuota
}

// letPass reports whether the endpoint has let a try pass that was refused behind MAIL,
// and not for a limit of the endpoint.
func (e *endpoint[T]) letPass(o Outcome) bool {
	if o.Stage <= classify.StageMail || o.Err == nil || o.Verdict.Class == classify.ClassNetwork {
		return false
	}
	ofAccount := isOverTime(o.Verdict.Limit) && o.Verdict.Scope == classify.ScopeAccount
	return !ofAccount && !e.shared.is(o.Verdict.Limit)
}
