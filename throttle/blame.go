package throttle

import (
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/culprit"
)

// blame is a transaction that was refused for a reason beyond the message.
type blame struct {
	begun      time.Time
	message    uint64 // the number that tells its message from others
	recipients int
	sender     string
	early      bool   // up to MAIL
	again      bool   // whether it was not the first try of its recipients
	ambiguous  bool   // whether its dot was not answered
	to         string // its destination
	hint       time.Duration
	reason     error
}

// probesLocked notes that a grant probes the open breakers.
func (g *Grant[T]) probesLocked(now time.Time, f *flow[T]) {
	e := g.c.e
	if !e.breaker.open() && g.d.bars == nil && len(e.bySender) == 0 { // as nearly always
		return
	}
	if e.suspects() && f.path.unsuspected() {
		e.newcomer, e.newcomerAt, g.newcomer = true, now.Add(firstGap), true
		return
	}
	for _, b := range [...]*breaker[T]{&e.breaker, g.d.bars.of(e.name), e.bySender[g.item.job.Sender], g.d.bars.ofSender(e.name, g.item.job.Sender)} {
		if b.open() {
			b.probing = true
			g.probes = append(g.probes, b)
		}
	}
}

// endProbes notes that a grant probes nothing any more.
func (g *Grant[T]) endProbes() {
	if g.newcomer {
		g.c.e.newcomer = false
	}
	for _, b := range g.probes {
		b.probing = false
	}
}

// judgeLocked tells the breakers of the outcome of a transaction.
func (g *Grant[T]) judgeLocked(now time.Time, o *Outcome) (changes []Change) {
	e, d := g.c.e, g.d
	switch {
	case o.Accepted > 0:
		e.exhausted.accepted(g.begun)
		if e.lost > 0 && !g.begun.Before(e.lostFrom) {
			e.lost = 0
		}
		if e.breaker.accepted(g.begun) {
			e.apart = g.newcomer
			changes = append(changes, Change{Time: now, Scope: e.kind.String(), Name: e.name, Breaker: true})
			g.c.s.stirLocked(e)
		}
		if len(e.bySender) > 0 && g.c.s.acceptedOf(e, g.item.job.Sender, g.begun) {
			changes = append(changes, Change{Time: now, Scope: e.kind.String(), Name: e.name, Sender: g.item.job.Sender, Breaker: true})
			g.c.s.stirLocked(e)
		}
		if d.bars != nil && d.acceptedThrough(e.name, "", g.begun) {
			changes = append(changes, Change{Time: now, Scope: d.kind.String(), Name: d.name, Via: e.name, Breaker: true})
		}
		if sender := g.item.job.Sender; d.bars != nil && sender != "" && d.acceptedThrough(e.name, sender, g.begun) {
			g.c.s.splitsLess(sender)
			changes = append(changes, Change{Time: now, Scope: d.kind.String(), Name: d.name, Via: e.name, Sender: sender, Breaker: true})
		}
	case o.Err != nil && culprit.IsSender(o.Stage, o.Verdict):
		changes = g.blameLocked(now, blame{
			begun: g.begun, message: g.c.s.numberOf(o.Message), sender: g.item.job.Sender, recipients: max(o.Blamed, 1),
			early: o.Stage == classify.StageMail || o.Stage > classify.StageDot, again: !g.item.job.Fresh,
			ambiguous: o.Verdict.Recipient == classify.RecipientAmbiguous, to: d.name, hint: o.Verdict.RetryAfter, reason: o.Err,
		})
	case o.Err == nil: // nothing was judged
		if o.TooSoon {
			break
		}
		if e.lost++; e.lost == 1 {
			e.lostFrom = g.begun
		}
		fallthrough
	default: // it says nothing about the sender, or the server
		if o.Err != nil && o.Verdict.Throttled() {
			changes = g.c.s.exhaustLocked(now, g, *o)
		}
		for _, b := range g.probes {
			if b.open() && !b.limits {
				b.until = now.Add(firstGap)
			}
		}
	}
	return changes
}

// blameLocked tells the breakers of a refusal for a reason that is not the
// message's. One from RCPT on may be the destination's alone.
func (g *Grant[T]) blameLocked(now time.Time, l blame) (changes []Change) {
	s, e, d := g.c.s, g.c.e, g.d
	mixed := l.sender != "" && e.mixed()
	if mixed {
		changes = s.blameSenderLocked(now, e, l)
	}
	// Where there are several senders, several must be refused.
	all := func(b *breaker[T]) bool { return !mixed || b.senders.n > 1 }
	if e.breaker.refused(l) && e.breaker.concernsAll() && all(&e.breaker) {
		e.concurrency = 1 // when it is back, few come at first
		e.breaker.partial = e.breaker.early < breakKinds
		changes = append(changes, s.tripLocked(now, &e.breaker, l, Change{Scope: e.kind.String(), Name: e.name}))
		e.stirServersLocked(s)
	}
	if !l.early && !e.rests() {
		at := s.barredAtLocked(now, d, e.name, "")
		if at.refused(l) && all(at) && !e.suspects() {
			changes = append(changes, s.tripLocked(now, at, l, Change{Scope: d.kind.String(), Name: d.name, Via: e.name}))
		}
		if mixed {
			changes = append(changes, s.blameSenderAtLocked(now, e, d, l)...)
		}
	}
	for _, b := range g.probes {
		if b.open() {
			s.restLocked(now, b, l.hint)
		}
	}
	return changes
}

// tripLocked opens a breaker. What waits for a further try because of its run waits
// for the breaker instead.
func (s *Scheduler[T]) tripLocked(now time.Time, b *breaker[T], l blame, c Change) Change {
	b.opens(now)
	s.restLocked(now, b, l.hint)
	for _, w := range b.putOff {
		if it := w.Value(); it != nil && it.state == delayed {
			it.hasten(now)
			s.rescheduleFlowLocked(now, it.flow)
		}
	}
	b.putOff = nil
	c.Time, c.Until, c.Reason, c.Breaker = now, b.until, l.reason, true
	return c
}

// Doubts reports whether to doubt a refusal for good that speaks of the sender, on this
// connection. It does so when such refusals are frequent at present, for the destination,
// for the endpoint or for the sender's domain. sender is the domain of the envelope
// sender, as in [Job.Sender].
func (c *Conn[T]) Doubts(destination, sender string) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.e.breaker.doubts() || c.e.bySender[sender].doubts() {
		return true
	}
	d, ok := c.s.dests.get(destination)
	return ok && (d.bars.of(c.e.name).doubts() || d.bars.ofSender(c.e.name, sender).doubts())
}

// elsewhere returns the path of a job for another endpoint of the same level to try next,
// after one has refused it for the first time for a reason beyond the job. It returns
// j.Path when there is none that can.
func (s *Scheduler[T]) elsewhere(j *Job[T]) *Path {
	if j.RefusedBy == "" || j.RefusedTwice {
		return j.Path
	}
	is := func(h Hop) bool { return h.Endpoint == j.RefusedBy }
	for _, level := range j.Path.levels {
		if !slices.ContainsFunc(level, is) {
			continue
		}
		for _, h := range level {
			if e, ok := s.endpoints.get(h.Endpoint); ok && !is(h) && !e.rests() && !e.suspects() {
				return j.Path.without(func(endpoint string) bool { return endpoint == j.RefusedBy })
			}
		}
	}
	return j.Path
}

// putOffLocked notes that an endpoint refused an item for a reason beyond the item. When
// the breaker there is open, that alone decides about the next try through it, and
// another endpoint of the path may take the item before.
func (s *Scheduler[T]) putOffLocked(now time.Time, it *Item[T]) {
	if it.job.RefusedBy == "" {
		return
	}
	if it.flow.d.home(it.flow).key != it.job.Path.key {
		it.hasten(now)
		return
	}
	e, ok := s.endpoints.get(it.job.RefusedBy)
	if !ok {
		return
	}
	at, ofSender := it.flow.d.bars.of(e.name), it.flow.d.bars.ofSender(e.name, it.job.Sender)
	if e.breaker.open() || at.open() || ofSender.open() {
		it.hasten(now)
		return
	}
	e.breaker.putsOff(it)
	at.putsOff(it)
	ofSender.putsOff(it)
}
