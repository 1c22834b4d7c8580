package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// heldKey names the lessons of a holder at a receiver.
type heldKey struct {
	at   *scope
	kind ScopeKind
	name string
}

// only returns the endpoint of a path that has one; nil for others. Where there are
// several, what a holder may not send through one can go through another.
func (p *path[T]) only() *endpoint[T] {
	if len(p.endpoints) == 1 {
		return p.endpoints[0]
	}
	return nil
}

// heldLocked appends the parents that hold lessons for an origin at a receiver.
func (s *Scheduler[T]) heldLocked(all []*parent[T], at *scope, o origin) []*parent[T] {
	h := at.holders()
	if h == nil || h.lessons == 0 {
		return all
	}
	for _, kind := range holderKinds {
		if name, known := o.name(kind); known {
			if p := s.held[heldKey{at, kind, name}]; p != nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// holderLocked finds or makes the parent for the lessons of a holder at a receiver. It
// returns nil when the names are too long to be kept.
func (s *Scheduler[T]) holderLocked(now time.Time, at *scope, kind ScopeKind, name string) *parent[T] {
	of := PairOf(Scope{kind, name}, Scope{at.kind, at.name})
	key := of.String()
	if len(key) > longestName {
		return nil
	}
	p, ok := s.parents.get(key)
	if !ok {
		l := noLimits
		p = s.newParentLocked(now, listedScope{of, key}, &l)
	}
	s.holdsLocked(now, p, heldKey{at, kind, name})
	return p
}

// holdsLocked notes that a parent holds the lessons of a holder.
func (s *Scheduler[T]) holdsLocked(now time.Time, p *parent[T], k heldKey) {
	if p.holds.at != nil {
		return
	}
	if s.held == nil {
		s.held = map[heldKey]*parent[T]{}
	}
	p.holds = k
	s.held[k] = p
	k.at.holding(now).lessons++
}

// letsHolderLocked notes that a parent is forgotten.
func (s *Scheduler[T]) letsHolderLocked(p *parent[T]) {
	if p.holds.at == nil {
		return
	}
	delete(s.held, p.holds)
	p.holds.at.state.holders.lessons--
}

// heldAt returns the parent that holds lessons for the mail of a grant at a receiver;
// nil when none does.
func (g *Grant[T]) heldAt(at *scope) *parent[T] {
	var room [len(holderKinds)]*parent[T]
	if all := g.c.s.heldLocked(room[:0], at, originOf(&g.item.job)); len(all) > 0 {
		return all[len(all)-1] // the narrowest
	}
	return nil
}

// receivers returns the scopes that a refusal may be for a limit of.
func (g *Grant[T]) receivers(o Outcome) (all [2]*scope, n int) {
	early := o.Stage <= classify.StageMail || o.Verdict.Scope == classify.ScopeAccount
	if !early || g.c.e.isOneOfSeveral() {
		all[n] = &g.d.scope
		n++
	}
	if g.viaOne {
		all[n] = &g.c.e.scope
		n++
	}
	return all, n
}

// holderOf returns the parent that a refusal teaches, because the limit is one of a
// sender, a sender domain, a tenant or a source address; nil when it is not.
func (g *Grant[T]) holderOf(now time.Time, o Outcome) *parent[T] {
	quota := o.Verdict.Limit == classify.LimitQuota && o.Stage == classify.StageMail // of whom, replies seldom tell
	if !ofHolder(o.Verdict.Limit) || o.Verdict.Scope == classify.ScopeAccount && !quota {
		return nil
	}
	all, n := g.receivers(o)
	from := originOf(&g.item.job)
	for _, at := range all[:n] {
		if quota && from.domain != "" {
			if shared, _ := at.holding(now).quotas.refused(now, g.begun, from.domain, o.Verdict.Limit); shared {
				return nil
			}
		}
		if p := g.heldAt(at); p != nil {
			return p
		}
	}
	for _, at := range all[:n] {
		h := at.holding(now)
		h.refuses(&from, g.d.name)
		x, kind := h.explains(&from, at.kind == ScopeEndpoint && o.Stage > classify.StageMail)
		found := x != nil
		if !found {
			kind, found = g.atOnceHolder(o)
		}
		if !found {
			continue
		}
		name, _ := from.name(kind)
		p := g.c.s.holderLocked(now, at, kind, name)
		if p == nil {
			return nil
		}
		if x != nil {
			p.recent = x.recent
		}
		h.forget(&from, kind)
		g.relieveLocked(now, at, o.Verdict.Limit)
		return p
	}
	return nil
}

// atOnceHolder returns the kind of holder to which a single refusal is attributed. That
// happens for a quota, which would suspend all mail for long, and for a limit of the
// sender's by the words of the reply to MAIL.
func (g *Grant[T]) atOnceHolder(o Outcome) (kind ScopeKind, found bool) {
	from := originOf(&g.item.job)
	if o.Stage != classify.StageMail || from.domain == "" || !g.c.e.mixed() {
		return 0, false
	}
	switch {
	case o.Verdict.Limit == classify.LimitQuota, o.Verdict.Scope == classify.ScopeSenderDomain, o.Verdict.Scope == classify.ScopeSender && from.address == "":
		return ScopeSenderDomain, true
	case o.Verdict.Scope == classify.ScopeSender:
		return ScopeSender, true
	}
	return 0, false
}

// relieveLocked lets a receiver find anew what it allows for all mail: what was refused
// so far was a limit of some of it.
func (g *Grant[T]) relieveLocked(now time.Time, at *scope, l classify.Limit) {
	s := g.c.s
	for _, kind := range [...]*meterKind{learnedMessagesKind, learnedRecipientsKind, learnedBytesKind} {
		if r := at.rate(kind); r != nil && kind.limit == l {
			r.relieve(now)
		}
	}
	s.stirLocked(g.c.e)
	s.rescheduleLocked(now, g.d)
}

// relieve ends an outage and lets the rate rise fast, because what was refused does not
// depend on it. Where no level is known nothing holds.
func (r *learnedRate) relieve(now time.Time) {
	r.outage, r.background, r.ended, r.next = outage{}, nil, now, now
	if r.known() {
		r.raise(now)
	}
}

// teachHolder makes a parent learn from a refusal.
func (g *Grant[T]) teachHolder(now time.Time, p *parent[T], o Outcome) []Change {
	p.hushed = o.inferred && (p.hushed || p.learned() == nil)
	changes := p.refused(now, o, refusal{
		begun: g.begun, news: p.learned() == nil || g.begun.After(p.learned().last), ordinal: g.ordinal, recipients: g.n, size: g.size, atOnce: int(p.inUse),
		generation: g.c.s.newGeneration(),
	})
	if r := p.rate(learnedMessagesKind); p.hushed && r != nil {
		r.hurry(now)
	}
	g.c.s.unusedParentLocked(now, p)
	g.c.s.offerLocked(p)
	return changes
}

// outlastsLimits reports whether a message ends an outage without words that was too long
// for a limit by the minute, while no rate of the holder is known. begun is the time at
// which its try began. The holder was blocked. If it has a limit by the hour, the next
// refusals show that no worse.
func (p *parent[T]) outlastsLimits(begun time.Time) bool {
	r := p.rate(learnedMessagesKind)
	return p.hushed && r != nil && !r.known() && r.outage.lasts() && begun.After(r.outage.began) && r.outage.length() > surelyMinute
}

// heldPassed tells the holders that mail of theirs was accepted.
func (g *Grant[T]) heldPassed(now time.Time, accepted int) (changes []Change) {
	for _, p := range g.parents {
		switch {
		case p.learned() == nil:
		case p.outlastsLimits(g.begun):
			p.forget()
			g.c.s.unusedParentLocked(now, p)
			g.c.s.offerLocked(p)
		default:
			changes = append(changes, p.succeeded(now, g.begun, accepted, g.size, 0)...)
		}
	}
	for _, at := range [...]*scope{&g.c.e.scope, &g.d.scope} {
		if h := at.holders(); h != nil && g.heldAt(at) == nil {
			from := originOf(&g.item.job)
			h.accepts(now, &from, accepted)
			h.quotas.accepted(g.begun, from.domain)
		}
	}
	return changes
}
