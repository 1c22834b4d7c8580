package smtpace

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// call is one call of Do or Try. Its fields belong to the goroutine of the caller, but
// for those that mu guards.
type call struct {
	pacer   *Pacer
	request PaceRequest
	fn      func(context.Context) error           // nil for a request
	fnTo    func(context.Context, []string) error // nil for Do and Try
	to      [1]string                             // room for the only recipient
	once    bool                                  // whether each recipient is tried once, by Try
	number  uint64                                // Result.Number
	start   time.Time
	expires time.Time // zero means never

	from       string              // mailbox of the sender; "" when it is not known
	scopes     *throttle.ScopeList // further scopes whose limits apply
	recipients []paced             // parallel to request.To
	one        [1]paced            // room for the only recipient
	open       int                 // number of recipients that are not settled, and with once not tried
	turns      map[*turn]struct{}  // those that are queued, but first
	first      turn                // the turn of the first destination
	firstOpen  bool                // whether first is queued
	verdict    classify.Verdict    // meaning of the first error; zero when there was none
	retryAt    time.Time           // time at which Try may be called again for all that are left; zero for none
	withdrawn  error               // reason for which nothing is queued again; nil while it may be

	mu      sync.Mutex
	busy    bool          // whether a turn was given and has not ended
	ended   bool          // whether no turn is taken any more
	granted *turn         // the turn that was given and not taken yet
	put     []*turn       // turns that came while another had not ended
	ready   chan struct{} // gets a value when granted is set; nil until somebody waits
}

// paced is a recipient of a call.
type paced struct {
	recipientState
	Recipient
	settled bool
}

// turn is the recipients of a call at one destination that go together: an item of
// the Scheduler.
type turn struct {
	call        *call
	destination string
	provider    string
	to          []int // indices of call.recipients
	one         [1]int
	last        bool            // whether this is the last try before the expiry
	tries       *throttle.Tries // record of the tries; nil before the first retrial
	fresh       bool            // whether it was never tried
	item        *throttle.Item[*turn]

	// These belong to the goroutine of the call from the time at which it takes the turn.
	grant  *throttle.Grant[*turn]
	at     *place
	open   bool // whether grant has not ended
	placed bool // whether the call has the place
}

// has gives a turn a grant and a place.
func (t *turn) has(g *throttle.Grant[*turn], at *place) {
	t.grant, t.at, t.open, t.placed = g, at, true, true
}

// offer gives a turn to its call. It reports false when the call does not take it.
func (t *turn) offer(g *throttle.Grant[*turn], at *place) bool {
	c := t.call
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return false
	case c.busy: // the tokens must not wait for another turn of the call
		c.put = append(c.put, t)
		return false
	}
	c.busy, c.granted = true, t
	t.has(g, at)
	if c.ready != nil {
		c.ready <- struct{}{}
	}
	return true
}

// begin checks the request and makes the first turns of its recipients.
func (c *call) begin() ([]*turn, error) {
	r := &c.request
	if err := r.check(); err != nil {
		return nil, err
	}
	var err error
	if c.from, err = senderOf(r.From); err != nil {
		return nil, err
	}
	if c.scopes, err = r.scopes(c.from); err != nil {
		return nil, fmt.Errorf("%w: PaceRequest.Tenant: %w", ErrInvalid, err)
	}
	c.start = time.Now()
	c.expires = r.Expires
	if c.expires.IsZero() && !c.once {
		c.expires = c.start.Add(c.pacer.cfg.Expiry)
	}
	c.recipients = c.one[:0]
	c.first.call = c
	var more map[string]*turn
	var turns []*turn
	for i, to := range r.To {
		at, err := c.pacer.resolve(to)
		if err != nil {
			return nil, err
		}
		c.recipients = append(c.recipients, paced{
			recipientState: recipientState{mailbox: at.mailbox},
			Recipient:      Recipient{Address: at.address, Destination: at.destination, Ambiguous: r.Ambiguous},
		})
		t := &c.first
		switch {
		case i == 0:
			t.to = t.one[:0]
		case t.destination == at.destination:
		default:
			if t = more[at.destination]; t == nil {
				t = &turn{call: c}
				if more == nil {
					more = map[string]*turn{}
				}
				more[at.destination] = t
				turns = append(turns, t)
			}
		}
		t.destination, t.provider, t.fresh = at.destination, at.provider, true
		t.to = append(t.to, i)
	}
	c.open = len(c.recipients)
	c.number = c.pacer.numbers.Add(1)
	return turns, nil
}

// queue gives a turn to the Scheduler.
func (c *call) queue(t *turn, notBefore time.Time, front bool) {
	if t == &c.first {
		c.firstOpen = true
	} else {
		if c.turns == nil {
			c.turns = map[*turn]struct{}{}
		}
		c.turns[t] = struct{}{}
	}
	at := c.pacer.lineOf(c.request.Relay, t.destination)
	if c.countsLogins() {
		c.pacer.connects(at, time.Now())
	}
	mailbox := ""
	if len(t.to) == 1 {
		mailbox = c.recipients[t.to[0]].mailbox
	}
	t.item = c.pacer.sched.Push(time.Now(), throttle.Job[*turn]{
		Value: t, Destination: t.destination, Path: at.path, Scopes: c.scopes, Bytes: c.request.Bytes, Recipients: len(t.to), Mailbox: mailbox,
		Lane: c.request.lane(), Fresh: t.fresh, NotBefore: notBefore, Front: front, Tries: t.tries, Sender: domainOf(c.from),
	})
}

// unqueued notes that a turn is not queued any more.
func (c *call) unqueued(t *turn) {
	if t == &c.first {
		c.firstOpen = false
		return
	}
	delete(c.turns, t)
}

// do runs a call of Do.
func (c *call) do(ctx context.Context) error {
	if !c.pacer.enter() {
		return ErrClosed
	}
	defer c.pacer.leave()
	turns, err := c.begin()
	if err != nil {
		return err
	}
	c.accepted(ctx)
	c.queueAll(turns)
	return c.settleAll(ctx)
}

// settleAll waits for the turns of a call of Do and takes them until all recipients are
// settled.
func (c *call) settleAll(ctx context.Context) error {
	for c.open > 0 {
		t, why := c.await(ctx, c.expires, ErrExpired)
		if t == nil {
			c.withdraw(why)
			break
		}
		c.transact(ctx, t)
	}
	return c.result()
}

// queueAll queues the first turns of a call.
func (c *call) queueAll(more []*turn) {
	c.queue(&c.first, time.Time{}, false)
	for _, t := range more {
		c.queue(t, time.Time{}, false)
	}
	c.pacer.drive()
}

// await waits for the next turn of the call. When ctx or the Pacer ends, or the time has
// come, it returns nil and the reason. late is the reason for the time; a zero time never
// comes.
func (c *call) await(ctx context.Context, until time.Time, late error) (*turn, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if t := c.take(); t != nil {
		return t, nil
	}
	c.pacer.tabs.wait(1)
	defer c.pacer.tabs.wait(-1)
	c.pacer.endTabs()
	var timer <-chan time.Time
	if !until.IsZero() {
		left := time.Until(until)
		if left <= 0 {
			return c.takeNow(late)
		}
		t := time.NewTimer(left)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-c.ready:
		return c.take(), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-c.pacer.stopping:
		return nil, ErrClosed
	case <-timer:
		return nil, late
	}
}

// takeNow returns the turn that was given meanwhile, else the reason why it is not waited
// for.
func (c *call) takeNow(late error) (*turn, error) {
	select {
	case <-c.ready:
		return c.take(), nil
	default:
		return nil, late
	}
}

// take returns the turn that was given. When there is none, it returns nil and makes
// the channel to wait for it.
func (c *call) take() *turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.granted
	c.granted = nil
	switch {
	case c.ready == nil && t == nil:
		c.ready = make(chan struct{}, 1)
	case c.ready != nil && t != nil:
		select {
		case <-c.ready:
		default: // await has had it
		}
	}
	return t
}

// release ends the turn of a call, and queues what came meanwhile.
func (c *call) release() {
	c.mu.Lock()
	put := c.put
	c.busy, c.put = false, nil
	c.mu.Unlock()
	for _, t := range put {
		c.queue(t, time.Time{}, true)
	}
}

// drop takes all turns of a call out of the queue, and gives back one that was given
// and not taken.
func (c *call) drop() {
	c.mu.Lock()
	c.ended = true
	t := c.granted
	c.granted = nil
	c.mu.Unlock()
	now := time.Now()
	if t != nil {
		t.grant.Return(now)
		t.at.serve()
	}
	if c.firstOpen {
		c.pacer.sched.Remove(now, c.first.item)
	}
	for t := range c.turns {
		c.pacer.sched.Remove(now, t.item)
	}
	c.pacer.drive()
}

// withdraw settles all recipients that are open, for a reason.
func (c *call) withdraw(why error) {
	c.drop()
	c.withdrawn = why
	for i := range c.recipients {
		r := &c.recipients[i]
		if !r.settled {
			c.settle(i, ended(&r.Recipient, why, false))
		}
	}
}
