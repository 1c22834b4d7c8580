package throttle

import (
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// inUse is the longest time since the last accepted message of a connection after which
// its end at the next message tells something of that message. One that has rested longer
// was closed for its rest.
const inUse = 3 * time.Second

// repetition is the time after a try of a message within which another try is no evidence
// of its own: greylisting refuses it as well.
const repetition = time.Minute

// wordless reports whether an outcome may mean a limit without naming it: a temporary
// refusal, or the end of the connection.
func (g *Grant[T]) wordless(o *Outcome) bool {
	if o.Verdict.Throttled() || g.c.s.wordsOnly {
		return false
	}
	if o.Err == nil { // nothing was judged
		return o.Accepted == 0 && !o.TooSoon && (g.begun.Sub(g.c.took) <= inUse || g.c.e.suspicious() || g.d.suspicious())
	}
	switch o.Verdict.Recipient {
	case classify.RecipientLater:
	case classify.RecipientAmbiguous: // where hardly a dot is answered, the breaker sets the pace
		if g.c.e.breaker.losesDots() || g.d.bars.of(g.c.e.name).losesDots() || g.d.bars.ofSender(g.c.e.name, g.item.job.Sender).losesDots() {
			return false
		}
	default:
		return false
	}
	switch o.Verdict.Class {
	case classify.ClassMailboxFull, classify.ClassBadMailbox, classify.ClassMailboxDisabled, classify.ClassBadDomain,
		classify.ClassMessageTooLarge, classify.ClassLoop, classify.ClassSMTPAuth, classify.ClassTLS,
		classify.ClassSenderAuth, classify.ClassDNSSender, classify.ClassRelayDenied, classify.ClassContentRejected:
		return false
	}
	return true
}

// leastCut is the least number of recipients refused behind all accepted ones that shows
// a receiver to take no more of them. Trouble at random refuses one as often as not.
const leastCut = 2

// cutShort reports whether a receiver that has accepted some recipients seems to have
// refused all the others because it takes no more, without words. That is a refusal.
func (g *Grant[T]) cutShort(o Outcome) bool {
	return o.cuts(g.n) && g.n-o.Recipients >= leastCut && g.wordless(&o)
}

// suspicious reports whether a limit is suspected or was inferred.
func (s *scope) suspicious() bool {
	i := s.inferred()
	return i != nil && i.phase != calm
}

// inferredScope returns the scope that a refusal without words counts for. Up to MAIL it
// is the endpoint, from RCPT on the destination, as in isEndpoints.
func (g *Grant[T]) inferredScope(o Outcome) *scope {
	e := g.c.e
	early := o.Stage <= classify.StageMail || o.Stage > classify.StageDot
	if early && !e.isOneOfSeveral() || !early && e.shared.is(classify.LimitMessageRate) {
		return &e.scope
	}
	return &g.d.scope
}

// doubtsEndpoints reports whether a refusal without words tells whether a limit is the
// endpoint's that is taken for it, though it teaches no rate: it may be too rare beside what
// all destinations are sent.
func (g *Grant[T]) doubtsEndpoints(o Outcome) bool {
	i := g.c.e.inferred()
	return o.Stage > classify.StageMail && o.Stage <= classify.StageDot && g.c.e.shared.is(classify.LimitMessageRate) && (i == nil || i.phase == calm)
}

// kindOf returns the kind of a try: first or further.
func (g *Grant[T]) kindOf() int {
	if g.item.job.Fresh {
		return firstTry
	}
	return furtherTry
}

// hushedLocked learns from a refusal without words. It reports whether it is taken for
// one of a limit. Single recipients who were refused while others were accepted suspect no
// limit.
func (g *Grant[T]) hushedLocked(now time.Time, o Outcome) (changes []Change, taken classify.Limit) {
	if o.cuts(g.n) {
		if changes, taken = g.cutLocked(now, o); taken != classify.LimitNone {
			return changes, taken
		}
	}
	if o.Accepted > 0 && !g.cutShort(o) {
		return nil, classify.LimitNone
	}
	if g.doubtsEndpoints(o) {
		g.alike(now, classify.LimitMessageRate)
	}
	sc := g.inferredScope(o)
	i := sc.inferring(now)
	i.settle(sc)
	repeated := g.c.hushed
	if o.Accepted > 0 {
		if i.phase == onTrial && i.kind == learnedMessagesKind && !i.words { // it is not messages that are counted
			sc.letGo()
		}
	} else if changes, taken, explained := g.explainedLocked(now, o, i); explained {
		return changes, taken
	}
	if i.phase <= probing {
		i.rhythm.refused(now)
	}
	switch i.phase {
	case calm:
		if repeated && i.refusedInRun() < 2 || g.again {
			return nil, classify.LimitNone
		}
		if i.suspects(now, g.begun, sc, g.kindOf()) {
			return sc.probe(now, o, sc.countedBy(o, g.n), g.c.s.newGeneration()), classify.LimitNone
		}
		if !repeated {
			i.count(now, true)
		}
		if i.due {
			sc.experiment(now, o, g.c.s.newGeneration())
		}
		return nil, classify.LimitNone
	case probing:
		i.sample(g.far, true)
		if i.probed(now, g.begun, g.kindOf()) {
			sc.letGo()
			g.c.s.stirLocked(g.c.e)
		}
		return nil, classify.LimitNone
	}
	changes = g.attributeLocked(now, o, sc)
	if i.phase == calm || !i.rate.outage.lasts() && !g.c.e.spread.spreads() { // it was tolerated
		return changes, classify.LimitNone
	}
	return changes, classify.LimitMessageRate
}

// attributeLocked takes a refusal for one of the rate that was inferred.
func (g *Grant[T]) attributeLocked(now time.Time, o Outcome, sc *scope) []Change {
	i := sc.inferred()
	i.during.add(true)
	i.crawls(true)
	i.bound(now)
	if i.rate.outage.lasts() {
		i.sample(g.far, true)
	}
	if i.compare(g.begun, true); i.vain() {
		sc.refute(now)
		g.c.s.stirLocked(g.c.e)
		return nil
	}
	lasted, rate := i.rate.outage.lasts(), i.rate.rateEstimate.rate()
	limited := o.asLimit(classify.LimitMessageRate)
	if i.phase != proven { // the message may have been asked to wait for a reason of its own
		limited.Verdict.RetryAfter = 0
	}
	changes := g.teach(now, limited)
	i.settle(sc)
	if i.phase == calm {
		return changes
	}
	if !lasted && i.rate.outage.lasts() && i.rate.windowEnd.IsZero() {
		i.judge(rate)
	}
	if sc.overturned(now) {
		g.c.s.stirLocked(g.c.e)
	}
	return changes
}

// explainedLocked looks for limits of other kinds that explain a refusal better than a
// rate does. taken is the one that it is taken for, if that is known.
func (g *Grant[T]) explainedLocked(now time.Time, o Outcome, i *inference) (changes []Change, taken classify.Limit, explained bool) {
	if g.mailbox != "" && o.Stage >= classify.StageRcpt && o.Stage <= classify.StageDot {
		again, hot := g.d.inferring(now).hot.refused(now, g.mailbox)
		if hot || again && g.d.boxes.has(g.mailbox) {
			g.d.mailboxes().refuse(now, g.begun, g.mailbox, o.Verdict.RetryAfter)
			return nil, classify.LimitMailboxRate, true
		}
		if again {
			return nil, classify.LimitNone, true
		}
	}
	if g.c.hushed {
		return nil, classify.LimitNone, g.c.capped
	}
	g.c.hushed = true
	maybe, capped := i.refusedAt(now, g.ordinal)
	g.c.capped = maybe
	if capped {
		return g.teach(now, o.asLimit(classify.LimitMessagesPerConnection)), classify.LimitMessagesPerConnection, true
	}
	return nil, classify.LimitNone, maybe
}

// heardLocked tells the inferences of a message that some recipients accepted, before the
// meters learn of it.
func (g *Grant[T]) heardLocked(now time.Time, o *Outcome) {
	e, d := g.c.e, g.d
	if e.state == nil && d.state == nil {
		return
	}
	g.c.hushed = g.c.hushed && g.c.capped
	changed, short := false, g.cutShort(*o)
	for _, s := range [...]*scope{&e.scope, &d.scope} {
		if i := s.inferred(); i == nil || !short || s != g.inferredScope(*o) {
			changed = s.heard(now, g.begun, o.Accepted, g.kindOf(), g.far) || changed
		} else {
			i.counts(o.Accepted)
		}
	}
	for _, i := range [...]*inference{e.inferred(), d.inferred()} {
		if i == nil {
			continue
		}
		i.acceptedAt(g.begun, g.ordinal)
		switch {
		case i.putOff == nil:
		case now.Sub(i.putOffAt) > putOffFor:
			i.putOff = nil
		case i.phase == proven, i.phase == onTrial && i.basis == 0:
			g.c.s.releaseLocked(now, i)
		}
	}
	if i := d.inferred(); i != nil {
		i.cuts.whole(now, o.Accepted)
		i.hot.accepted(g.mailbox)
	}
	if changed {
		g.c.s.stirLocked(e)
	}
}

// sampleLocked returns the item that goes in the place of one, because limits are
// probed with messages from elsewhere in the queue, too.
func (c *Conn[T]) sampleLocked(f *flow[T], it *Item[T], behind bool) (other *Item[T], far bool) {
	if behind || f.blocked != nil {
		return it, false
	}
	if other, far = it.elsewhere(&c.e.scope); !far {
		other, far = it.elsewhere(&f.d.scope)
	}
	return other, far
}

// postponable is an item that waits for its next try.
type postponable interface{ hasten(now time.Time) bool }

// suspendLocked notes an item that was refused while a limit is suspected.
func (s *Scheduler[T]) suspendLocked(now time.Time, it *Item[T]) {
	if it.state != delayed || it.job.Fresh || it.job.NotBefore.Sub(now) < longestRelease {
		return
	}
	scopes := []*scope{&it.flow.d.scope}
	for _, e := range it.flow.path.endpoints {
		scopes = append(scopes, &e.scope)
	}
	for _, sc := range scopes {
		i := sc.inferred()
		if i == nil || i.evidence <= 0 && i.phase == calm {
			continue
		}
		if now.Sub(i.putOffAt) > putOffFor {
			i.putOff = nil
		}
		if len(i.putOff) < mostPutOff {
			i.putOff, i.putOffAt = append(i.putOff, it), now
			return
		}
	}
}

// dropPutOff drops what was refused while a limit is suspected, of a destination that has
// no work, and of its endpoints where nothing waits. It would keep messages that have
// ended.
func (d *destination[T]) dropPutOff() {
	if i := d.inferred(); i != nil {
		i.putOff = nil
	}
	for _, e := range d.first.path.endpoints {
		i := e.inferred()
		if i == nil || i.putOff == nil {
			continue
		}
		if !slices.ContainsFunc(e.paths, func(p *path[T]) bool { return p.queued > 0 }) {
			i.putOff = nil
		}
	}
}

// releaseLocked lets the items go that were refused during the suspicion of a limit: it
// is found now, and was none of theirs.
func (s *Scheduler[T]) releaseLocked(now time.Time, i *inference) {
	for _, p := range i.putOff {
		it := p.(*Item[T])
		if it.state == delayed {
			it.hasten(now)
			s.rescheduleFlowLocked(now, it.flow)
		}
	}
	i.putOff = nil
}

// asLimit returns the outcome as if it had named the limit that it is taken for.
func (o Outcome) asLimit(l classify.Limit) Outcome {
	o.Verdict.Limit, o.inferred = l, true
	return o
}
