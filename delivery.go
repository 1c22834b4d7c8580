package smtpace

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// delivery is one message for one destination: the recipients there that are
// tried together. Its fields are guarded by Submission.mu.
type delivery struct {
	route
	sub          *Submission
	to           []int // indices of Submission.recipients
	pos          int   // index in Submission.deliveries, until it has ended
	state        deliveryState
	item         *throttle.Item[*delivery] // its place in the queue, while it is queued
	pooled       *pool.Delivery            // its transaction, once it is in flight
	due          time.Time                 // earliest time of the next try; zero means at once
	tries        *throttle.Tries           // record of the tries, shared by all that come from one delivery; nil before the first retrial
	refusedBy    string                    // name of the relay that refused it for a reason that speaks of the sender; "" when none did
	refusedTwice bool                      // whether one has refused it so before
	noParams     pool.Params               // parameters of MAIL and RCPT that were refused
	newcomer     bool                      // whether it was never queued for its destination
	last         bool                      // whether this is the last try before the expiry
	failures     int                       // number of consecutive local failures, or of answers "not now" of the Router
	lastFailure  error                     // the last of those; nil when there was none
}

// deliveryState is the stage that a delivery has reached.
type deliveryState uint8

const (
	statePending  deliveryState = iota // on its way to the queue, or from there to a connection
	stateRouting                       // the Router is asked, now or later
	stateQueued                        // the Scheduler has it, or has just granted it
	stateInFlight                      // a connection has it
	stateEnded
)

// attachLocked makes a delivery for some recipients.
func (sub *Submission) attachLocked(r route, to []int) *delivery {
	return sub.attachedLocked(&delivery{to: to}, r)
}

// attachFirstLocked makes the first delivery of recipient i, with room for more of
// them. A message to one recipient has room for its delivery.
func (sub *Submission) attachFirstLocked(r route, i, more int) *delivery {
	d := sub.first
	if d == nil {
		d = &delivery{to: append(make([]int, 0, 1+more), i)}
	}
	sub.first, d.newcomer = nil, true
	return sub.attachedLocked(d, r)
}

// attachedLocked makes d a pending delivery of the message.
func (sub *Submission) attachedLocked(d *delivery, r route) *delivery {
	d.route, d.sub, d.pos, d.state = r, sub, len(sub.deliveries), statePending
	r.path.retain()
	sub.deliveries = append(sub.deliveries, d)
	sub.admitted.attached(r.destination)
	return d
}

// detachLocked ends d. finish releases its path.
func (sub *Submission) detachLocked(d *delivery) {
	end := len(sub.deliveries) - 1
	last := sub.deliveries[end]
	sub.deliveries[d.pos], last.pos = last, d.pos
	sub.deliveries[end] = nil
	sub.deliveries = sub.deliveries[:end]
	d.state = stateEnded
	sub.released = append(sub.released, d.path)
	sub.admitted.detached(d.destination)
}

// resumeLocked makes d pending. It reports false when d has ended, or ends now
// because its message has been withdrawn.
func (d *delivery) resumeLocked() bool {
	if d.state == stateEnded {
		return false
	}
	d.state = statePending
	if why := d.sub.withdrawn; why != nil {
		d.sub.endAllLocked(d, d.sub.reasonLocked(d, why), false)
		return false
	}
	return true
}

// push queues a pending delivery and puts connections to work. A delivery for which a
// warm-up has no room ends.
func (s *Sender) push(d *delivery, notBefore time.Time) {
	sub := d.sub
	sub.mu.Lock()
	if !d.resumeLocked() {
		sub.finish()
		return
	}
	made := sub.isMadeLocked()
	if made && !sub.unmade {
		sub.unmade = true
		s.unmade.Add(1)
	}
	mailbox := ""
	if len(d.to) == 1 {
		mailbox = sub.recipients[d.to[0]].mailbox
	}
	now := time.Now()
	item := s.sched.Push(now, throttle.Job[*delivery]{
		Value: d, Destination: d.destination, Path: d.path.levels, Scopes: d.parents, Bytes: sub.bytesLocked(), Recipients: len(d.to), Mailbox: mailbox,
		Lane: sub.lane, Fresh: !sub.counted && !sub.sent, Dropped: !sub.counted && sub.sent,
		Holds: sub.holdsWithGrant(d), Render: made, NotBefore: notBefore, Newcomer: d.newcomer, Front: d.renewed, Tries: d.tries,
		Sender: domainOf(sub.from), From: sub.from, Tenant: sub.message.Tenant, RefusedBy: d.refusedBy, RefusedTwice: d.refusedTwice,
	})
	if item == nil {
		sub.endAllLocked(d, fmt.Errorf("%w: %s", ErrWarmUp, d.destination), false)
		sub.finish()
		return
	}
	d.item, d.newcomer, d.state, d.due = item, false, stateQueued, notBefore
	sub.recountLocked(now)
	sub.mu.Unlock()
	s.dispatcher.driveAt(now)
	sub.failFast()
}

// begin makes a transaction of a granted delivery. It gives the grant back and
// returns nil when there is nothing left to send.
func (s *Sender) begin(c *conn, g *throttle.Grant[*delivery]) *pool.Delivery {
	d, reached := g.Value(), false
	defer unlessPanicking(func() {
		if !reached {
			s.later(g, errEndedGoroutine)
		}
	})
	gone := s.routeAgain(d)
	reached = true
	if gone {
		g.Return(time.Now())
		return nil
	}
	body, err := d.body()
	if err != nil {
		s.later(g, err)
		return nil
	}
	if !g.Sized(body.Len()) {
		g.Return(time.Now())
		if d.sized(body) {
			s.push(d, time.Time{})
		}
		return nil
	}
	if n := d.sub.ownSize(body.Bytes()); n > 0 && d.sub.holdsWithGrant(d) {
		g.Holds(time.Now(), n)
	}
	p := c.newDelivery()
	reached = false
	to, rest, copies := d.take(g.Recipients(), c.maxDomains, body, p, p.To)
	reached = true
	if to == nil {
		c.keep(p)
		g.Return(time.Now())
		return nil
	}
	if rest != nil {
		s.push(rest, rest.due)
	}
	p.From, p.To, p.Body, p.Provider = d.sub.from, to, body, d.provider
	if c.endpoint.service {
		p.Provider = c.endpoint.provider
	}
	p.DotTimeout = s.cfg.dotTimeout(copies)
	p.DSN, p.NoParams, p.Value = d.sub.message.DSN, d.noParams, g
	p.TryUTF8 = s.cfg.TryUTF8
	return p
}

// later returns the grant of a delivery that cannot be sent now, and queues the delivery
// again.
func (s *Sender) later(g *throttle.Grant[*delivery], why error) {
	d := g.Value()
	g.Return(time.Now())
	if at := d.postpone(why, time.Now()); !at.IsZero() {
		s.push(d, at)
	}
}

// errEndedGoroutine is the reason why a delivery waits after a function of the user's has
// ended the goroutine of its connection.
var errEndedGoroutine = fmt.Errorf("%w: a function of the user's has ended its goroutine", ErrLocal)

// body returns the bytes of the message. Those of the first try to a single
// recipient are made from the caller's Data, without the lock.
func (d *delivery) body() (pool.Body, error) {
	sub := d.sub
	if d.tries != nil || len(sub.recipients) > 1 || sub.message.Msg != nil || sub.owned {
		return sub.render()
	}
	if edgesHash(sub.message.Data) != sub.edges {
		return pool.Body{}, errDataChanged
	}
	src := source{data: sub.message.Data}
	return src.make(nil)
}

// sized keeps the bytes of a delivery granted before its size was known, so that it asks
// again for all of its tokens, before others of its kind. It reports false when the
// message has been withdrawn.
func (d *delivery) sized(body pool.Body) bool {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	if !d.resumeLocked() {
		return false
	}
	if sub.body.Len() == 0 {
		sub.body = body
		sub.renderedOnce = true
		sub.countLocked(time.Now(), d.destination)
	}
	d.renewed = true
	return true
}

// take puts d in flight. It returns its mailboxes, in room if they fit: at most n, of
// at most so many domains. rest is a new delivery for the others, and copies the number
// of copies that ambiguous tries may have made. p is the transaction, which a
// withdrawal cancels from now on. It returns nil when the message has been withdrawn.
func (d *delivery) take(n, domains int, body pool.Body, p *pool.Delivery, room []string) (to []string, rest *delivery, copies int) {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	d.lastFailure = nil
	if !d.resumeLocked() {
		return nil, nil, 0
	}
	d.state, d.pooled = stateInFlight, p
	sub.startLocked(d, body)
	if left := d.split(n, domains); len(left) > 0 {
		rest = sub.attachLocked(d.route, left)
		rest.noParams, rest.tries, rest.last = d.noParams, d.tries, d.last
	}
	to = slices.Grow(room, len(d.to))
	for _, i := range d.to {
		to = append(to, sub.recipients[i].mailbox)
		copies = max(copies, sub.result.Recipients[i].Ambiguous)
	}
	return to, rest, copies
}

// split keeps n recipients of so many domains at most, and returns the others.
// Zero domains set no bound.
func (d *delivery) split(n, domains int) (left []int) {
	if n >= len(d.to) && domains == 0 {
		return nil
	}
	var kept []int
	seen := map[string]bool{}
	for _, i := range d.to {
		domain := domainOf(d.sub.recipients[i].mailbox)
		if len(kept) == n || domains > 0 && len(seen) == domains && !seen[domain] {
			left = append(left, i)
			continue
		}
		seen[domain] = true
		kept = append(kept, i)
	}
	d.to = kept
	return left
}

// domainOf returns the domain of a mailbox.
func domainOf(mailbox string) string { return mailbox[strings.LastIndexByte(mailbox, '@')+1:] }

// postpone decides about a delivery that could not be rendered. It returns the
// time at which d is due again; zero when d has ended. An invalid message is
// refused. Local trouble refuses nothing: d waits until its message expires.
func (d *delivery) postpone(why error, now time.Time) time.Time {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	if !d.resumeLocked() {
		return time.Time{}
	}
	switch {
	case errors.Is(why, ErrChanged):
		sub.endAllLocked(d, why, false)
		return time.Time{}
	case errors.Is(why, ErrInvalid):
		sub.refuseAllLocked(d, why)
		return time.Time{}
	}
	return d.failedLocked(why, now)
}

// failedLocked counts a local failure of d and returns the time of the next
// attempt.
func (d *delivery) failedLocked(why error, now time.Time) time.Time {
	d.failures++
	d.lastFailure = why
	return now.Add(failureGap(d.failures))
}

// The gap after n consecutive local failures is
// min(firstFailureGap * 2^(n-1), longestFailureGap).
const (
	firstFailureGap   = time.Second
	longestFailureGap = 5 * time.Minute
)

// failureGap returns the wait after n consecutive local failures.
func failureGap(n int) time.Duration {
	gap := firstFailureGap
	for ; n > 1 && gap < longestFailureGap; n-- {
		gap *= 2
	}
	return min(gap, longestFailureGap)
}
