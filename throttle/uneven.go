package throttle

import (
	"math"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Constants of connections that are refused for themselves.
const (
	// refusedPart is the part of new connections that are refused for themselves where
	// connections differ. mostOdds bounds what one of them tells, as a logarithm of odds.
	refusedPart = 0.25
	mostOdds    = 3.5
	// suspectFrom are the odds from which on refusals of new connections teach nothing.
	// From differFrom on connections are known to differ; mostDiffer are the highest
	// odds.
	suspectFrom = 3
	differFrom  = 6
	mostDiffer  = 9
	// triesCounted is the number of messages over which the share of refusals is counted.
	triesCounted = 512
	// seldomRefused is the share of refusals on other connections below which a new one
	// ends after two refusals at RCPT.
	seldomRefused = 0.1
	// mostExcused is the number of refusals in a row that teach nothing. It is
	// mostSuspected while connections are only suspected to differ and none is open that
	// had a message accepted.
	mostExcused   = 8
	mostSuspected = 2
	// excusedPart is the number of refusals without words that a message accepted on any
	// connection lets teach nothing; mostExcused of them are let so from the start. A limit
	// that no reply names refuses more, and is soon learned.
	excusedPart = 0.03
	// vainMessages is the number of messages refused without words after which a connection
	// ends while none was accepted on any. It doubles with each that ends so, up to mostVain:
	// where every recipient is refused at first, another connection is of no use.
	vainMessages = 4
	mostVain     = 256
	// surelyRepeated is the number of connections in a row refused twice from which on they
	// are not tried twice.
	surelyRepeated = 3
	// mostInVain is the number of new connections in a row, all refused, after which no
	// more are taken to be served than are.
	mostInVain = 8
	// addedAtOnce is the number of connections in a row to try at once beyond those that
	// were served together. The time before later ones doubles with each, up to
	// longestAdding.
	addedAtOnce   = 2
	firstAdding   = time.Second
	longestAdding = 5 * time.Minute
)

// uneven tells refusals in the words of a rate, or in none, that are for single connections
// from those for all. Behind one name there may be several hosts, of which one refuses
// everything.
//
// A limit for all refuses the first message of a connection no more often than others. It
// seldom refuses the second as well, and then accepts one on another connection. If that
// happens far more often than the share of refusals on other connections explains,
// connections differ. From then on no rate learns from refusals of connections that never
// had a message accepted. Such a connection is replaced at once, but more connections than
// were ever served are tried ever more rarely.
//
// That is harmless where it is wrong: few refusals in a row are ignored, and of those
// without words few for each message accepted. Those of a connection that was served never
// are, and none is while an outage lasts. It exists once a rate or a message was refused.
type uneven struct {
	tries    float64   // messages of connections that had one accepted before, in no outage
	refused  float64   // of these, those refused
	odds     float64   // that connections differ, as a logarithm
	known    bool      // whether connections are known to differ
	vainly   bool      // whether that has just become known, and rates have learned in vain
	served   int       // open connections that had a message accepted
	most     int       // the largest number of these
	vain     int       // connections in their place that had nothing accepted, in a row
	added    int       // connections beyond most that had nothing accepted, in a row
	repeated int       // connections refused twice, since one had its second message accepted
	pending  float64   // odds that count if a message is accepted next
	row      int       // refusals since a message was accepted
	credit   float64   // refusals without words that may teach nothing
	messages int       // refused without words, after which a connection ends while none was accepted on any
	next     time.Time // the earliest time at which another is opened beyond most
}

// share returns the share of refusals of connections that had a message accepted. Where
// little is known it is taken to be large.
func (u *uneven) share() float64 { return (u.refused + 1) / (u.tries + 2) }

// counts counts a message of a connection that had one accepted before.
func (u *uneven) counts(refused float64) {
	u.tries, u.refused = u.tries+1, u.refused+refused
	if u.tries >= triesCounted {
		u.tries, u.refused = u.tries/2, u.refused/2
	}
}

// weighs adds to the odds that connections differ.
func (u *uneven) weighs(odds float64) {
	u.odds = min(max(u.odds+odds, -differFrom), mostDiffer)
	was := u.known
	u.known = u.odds >= differFrom || was && u.odds > 0
	u.vainly = u.vainly || u.known && !was
}

// serves notes whether the connection takes more messages after one was accepted.
func (c *Conn[T]) serves(is bool) {
	u := c.e.uneven
	if u == nil || c.served == is {
		return
	}
	if c.served = is; !is {
		u.served--
		return
	}
	u.served++
	u.vain = 0
	if u.served > u.most {
		u.most, u.added, u.next = u.served, 0, time.Time{}
	}
	c.s.stirLocked(c.e)
}

// isCalm reports whether no outage of a rate lasted when a try began and ended.
func (g *Grant[T]) isCalm() bool {
	for _, s := range [...]*scope{&g.c.e.scope, &g.d.scope} {
		if r := s.rate(learnedMessagesKind); r != nil && (r.outage.lasts() || g.begun.Before(r.ended)) {
			return false
		}
	}
	return true
}

// acceptedEvenly learns from a message that was accepted.
func (g *Grant[T]) acceptedEvenly() {
	c, u := g.c, g.c.e.uneven
	if u.pending != 0 && u.row <= mostSuspected {
		u.weighs(u.pending)
	}
	u.row, u.pending = 0, 0
	u.credit = min(u.credit+excusedPart, mostExcused)
	if c.took.IsZero() && g.ordinal == 2 {
		u.repeated = 0
	}
	if u.vainly {
		u.vainly = false
		g.learnedInVain()
	}
	switch calm := g.isCalm(); {
	case c.doubted:
		c.doubted = false
		u.weighs(-mostOdds)
	case !c.took.IsZero() && calm:
		u.counts(0)
	case c.took.IsZero() && g.ordinal == 1 && calm && (!u.known || u.served >= u.most):
		u.weighs(min(math.Log((1-refusedPart)/(1-u.share())), 0))
	}
	c.serves(c.state < connLeaving)
	g.forgives()
}

// forgives forgets the rate of an outage that began before anything was accepted, when
// another connection is accepted at once. A rate without words has its own doubts: a block
// that lets a few through would be forgiven for each of them.
func (g *Grant[T]) forgives() {
	if g.ordinal > 1 {
		return
	}
	for _, s := range [...]*scope{&g.c.e.scope, &g.d.scope} {
		r := s.rate(learnedMessagesKind)
		if !s.suspicious() && r != nil && r.outage.lasts() && g.begun.After(r.outage.began) && !r.known() && r.rateEstimate.accepted == 0 && r.outage.length() < vainProbing {
			s.drop(func(m fitted) bool { return m.meter == meter(r) })
		}
	}
}

// mayBeAlone reports whether a refusal may be for its connection alone: one in the words
// of a rate that asks for no delay, or one of a whole message in no words.
func (g *Grant[T]) mayBeAlone(o *Outcome) bool {
	e, v := g.c.e, &o.Verdict
	if v.Limit != classify.LimitMessageRate && (v.Throttled() || o.Accepted > 0) {
		return false
	}
	return v.RetryAfter <= 0 && !e.isOneOfSeveral() && (o.Stage <= classify.StageMail || e.carriesOne())
}

// refusedAlone learns from a refusal, and reports whether it is for its connection alone.
// Then no rate learns from it.
func (g *Grant[T]) refusedAlone(o *Outcome) bool {
	c, e := g.c, g.c.e
	if !g.mayBeAlone(o) {
		return false
	}
	if e.uneven == nil {
		e.uneven = &uneven{tries: float64(e.again), credit: mostExcused, messages: vainMessages}
	}
	u := e.uneven
	if o.Stage > classify.StageMail && c.rebuffed && c.took.IsZero() && (u.served == 0 || u.share() < seldomRefused) {
		c.last = true
	}
	if !o.Verdict.Throttled() && u.most == 0 && c.took.IsZero() && g.ordinal >= u.messages {
		c.last, u.messages = true, min(2*u.messages, mostVain)
	}
	u.row++
	calm := g.isCalm()
	switch {
	case !c.took.IsZero():
		if calm {
			u.counts(1)
		}
		return false
	case g.ordinal == 1 && calm && u.row == 1:
		c.doubted = true
	case g.ordinal == 2:
		u.repeated++
	}
	c.last = c.last || calm && u.known && u.repeated >= surelyRepeated
	if c.doubted && (g.ordinal == 2 || c.last || o.Verdict.Connection > classify.ConnKeep) {
		c.doubted = false
		u.pending = min(math.Log(refusedPart/u.share()), mostOdds)
	}
	alone := calm && (u.known && u.row <= mostExcused || u.odds >= suspectFrom && (u.served > 0 || u.row <= mostSuspected))
	alone = alone && u.excuses(o)
	c.rebuffed = c.rebuffed || alone
	return alone
}

// excuses reports whether a refusal that is for its connection alone teaches nothing.
func (u *uneven) excuses(o *Outcome) bool {
	if o.Verdict.Throttled() {
		return true
	}
	if u.credit < 1 {
		return false
	}
	u.credit--
	return true
}

// learnedInVain forgets the rates that refusals of single connections have taught.
func (g *Grant[T]) learnedInVain() {
	for _, s := range [...]*scope{&g.c.e.scope, &g.d.scope} {
		if r := s.rate(learnedMessagesKind); r != nil {
			s.drop(func(m fitted) bool { return m.meter == meter(r) })
		}
	}
}

// goneInVain notes that a connection is gone, perhaps without having had anything
// accepted.
func (e *endpoint[T]) goneInVain(now time.Time, c *Conn[T]) {
	u := e.uneven
	switch {
	case u == nil || !c.rebuffed || !c.took.IsZero():
	case u.served >= u.most:
		if u.added++; u.added > addedAtOnce {
			u.next = now.Add(min(firstAdding<<min(u.added-addedAtOnce-1, 10), longestAdding))
		}
	default:
		if u.vain++; u.vain >= mostInVain {
			u.most, u.vain = u.served, 0
		}
	}
}

// mayAdd reports whether another connection may be opened where new ones are refused for
// themselves: in the place of one that was served, or one at a time beyond these. Else it
// returns the time at which one may; zero is after a change.
func (e *endpoint[T]) mayAdd(now time.Time) (may bool, again time.Time) {
	u := e.uneven
	if u == nil || !u.known || u.served == 0 {
		return true, time.Time{}
	}
	untried := int(e.inUse-e.leaving) - u.served
	switch {
	case u.served+untried < u.most:
		return true, time.Time{}
	case untried > 0:
		return false, time.Time{}
	}
	return !u.next.After(now), u.next
}
