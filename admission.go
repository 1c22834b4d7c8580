package smtpace

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/smtpace/smtpace/internal/share"
)

// admission bounds the number and the bytes of waiting messages. A message has a cost:
// the larger of its part of the places and its part of the bytes. It counts for every
// destination that it has open recipients at. Each destination may take up a share of the
// free part (see package share), so that destinations which accept nothing leave room for
// others.
//
// A caller waits for one destination, behind those that came for it before, and
// does not hold up callers for another. The lock of an admission is a leaf.
type admission struct {
	places float64 // number of messages that make up the whole
	bytes  float64 // number of bytes that make up the whole

	mu       sync.Mutex
	used     int64 // sum of the costs of all messages
	accounts map[string]*account
	peak     int         // largest number of accounts since the map was made
	waiting  accountHeap // accounts with waiters
	came     uint64      // number of callers that have waited
	closed   bool
}

// whole is the sum of the costs that an admission has room for.
const whole = 1 << 50

// A message of more than largePart of the bytes is let in only while spared of
// the whole remains free after it.
const (
	largePart = 1.0 / 256
	spared    = 1.0 / 16
)

// waiter is a caller that waits for room.
type waiter struct {
	pass  *pass
	order uint64        // number of callers that came to wait before it
	done  chan struct{} // closed when the message is let in, or the admission is closed
	in    bool          // whether the message is let in
	at    *account      // destination that it waits for
	elem  *list.Element // element of at.waiters
}

// newAdmission returns an admission for so many messages and bytes.
func newAdmission(places int, bytes int64) *admission {
	return &admission{places: float64(places), bytes: float64(bytes), accounts: map[string]*account{}}
}

// cost returns the cost of a message: whole * min(max(1/places, n/bytes), 1).
func (a *admission) cost(bytes int64) int64 {
	return int64(whole * min(max(1/a.places, float64(bytes)/a.bytes), 1))
}

// enter takes room for a message, and waits until there is some. It gives up
// when the destination has settled no message for patience; zero means never.
// Its errors are ErrClosed, ErrNoRoom and the cause of ctx.
func (a *admission) enter(ctx context.Context, p *pass, patience time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return ErrClosed
	}
	need, binding := a.need(p)
	if at := a.accounts[binding]; (at == nil || at.waiters.Len() == 0) && a.allows(need) {
		a.take(p)
		a.mu.Unlock()
		return nil
	}
	w := &waiter{pass: p, order: a.came, done: make(chan struct{})}
	a.came++
	a.enqueue(w, binding)
	a.mu.Unlock()
	return a.await(ctx, w, patience)
}

// await waits until w is let in.
func (a *admission) await(ctx context.Context, w *waiter, patience time.Duration) error {
	var stalled <-chan time.Time
	for {
		if patience > 0 {
			left, at := a.patienceLeft(w, patience)
			if left <= 0 {
				return a.abandon(w, fmt.Errorf("%w: %s has settled none for %v", ErrNoRoom, at, patience))
			}
			stalled = time.After(left)
		}
		select {
		case <-w.done:
			if !w.in {
				return ErrClosed
			}
			return nil
		case <-ctx.Done():
			return a.abandon(w, context.Cause(ctx))
		case <-stalled:
		}
	}
}

// patienceLeft returns the time after which w gives up if its destination settles
// nothing, and the name of the destination.
func (a *admission) patienceLeft(w *waiter, patience time.Duration) (time.Duration, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return patience - time.Since(w.at.moved), w.at.name
}

// abandon takes w out and lets in those behind it. It gives the room back when w
// was let in at the same moment. It returns why.
func (a *admission) abandon(w *waiter, why error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case w.in:
		a.give(w.pass)
	case !a.closed:
		a.dequeue(w)
	}
	a.admit()
	return why
}

// need returns the free cost for a message, and the destination that determines it.
func (a *admission) need(p *pass) (need int64, binding string) {
	need = p.cost
	if float64(p.bytes)/a.bytes > largePart {
		need += whole * spared
	}
	binding = p.first.destination
	p.each(func(c *charge) {
		if at := a.accounts[c.destination]; at != nil {
			if n := int64(whole*share.Level(float64(at.used)/whole)) + 1; n > need {
				need, binding = n, c.destination
			}
		}
	})
	return need, binding
}

// allows reports whether so much is free. An empty admission allows everything.
func (a *admission) allows(need int64) bool { return a.used == 0 || whole-a.used >= need }

// take counts a message.
func (a *admission) take(p *pass) {
	a.used += p.cost
	p.each(func(c *charge) { a.charge(a.account(c.destination), p.cost) })
}

// give counts a message no more.
func (a *admission) give(p *pass) {
	a.used -= p.cost
	p.each(func(c *charge) { a.charge(a.account(c.destination), -p.cost) })
}

// enqueue puts w into the line for a destination.
func (a *admission) enqueue(w *waiter, destination string) {
	at := a.account(destination)
	at.insert(w)
	a.place(at)
}

// dequeue takes w out of its line.
func (a *admission) dequeue(w *waiter) {
	w.at.waiters.Remove(w.elem)
	a.place(w.at)
}

// admit lets in waiters as long as there is room.
func (a *admission) admit() {
	for len(a.waiting) > 0 && a.allows(a.waiting[0].need) {
		at := a.waiting[0]
		w := at.waiters.Front().Value.(*waiter)
		if need, _ := a.need(w.pass); !a.allows(need) { // another of its destinations has been filled
			a.place(at)
			continue
		}
		a.dequeue(w)
		a.take(w.pass)
		w.in = true
		close(w.done)
	}
}

// leave gives the room of a message back and lets in waiters.
func (a *admission) leave(p *pass) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.left = true
	a.give(p)
	a.admit()
}

// settle ends the charges of destinations that the message has no deliveries to
// any more. The message still counts as a whole. It does nothing once the message
// has left.
func (a *admission) settle(p *pass) {
	p.vacant = false
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.left {
		return
	}
	p.each(func(c *charge) {
		if c.deliveries == 0 {
			c.gone = true
			a.charge(a.account(c.destination), -p.cost)
		}
	})
	a.admit()
}

// resize replaces the bytes of a message, which were estimated before. It does
// nothing once the message has left.
func (a *admission) resize(p *pass, bytes int64) {
	cost := a.cost(bytes)
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.left {
		return
	}
	more := cost - p.cost
	p.bytes, p.cost = bytes, cost
	a.used += more
	p.each(func(c *charge) {
		at := a.account(c.destination)
		at.used += more
		a.place(at)
	})
	a.admit()
}

// close turns away all waiters and all further messages.
func (a *admission) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.closed = true
	for _, at := range a.waiting {
		for e := at.waiters.Front(); e != nil; e = e.Next() {
			close(e.Value.(*waiter).done)
		}
		at.waiters.Init()
		at.pos = -1
	}
	a.waiting = nil
}
