package smtpace

import (
	"container/heap"
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/smtpace/smtpace/internal/share"
)

// admission bounds how many messages are waiting, and their bytes. A message has
// a cost: the larger of its part of the places and its part of the bytes. It
// counts for every destination that it has open recipients at, and each may take
// up a share of what is free (see package share), so that destinations which
// accept nothing leave room for others.
//
// Who must wait waits for one destination, behind those that came for it before,
// and holds up nobody who comes for another.
type admission struct {
	places float64
	bytes  float64

	mu       sync.Mutex
	used     int64 // sum of the costs
	accounts map[string]*account
	peak     int         // the most accounts since the map was made
	waiting  accountHeap // accounts that somebody waits for
	closed   bool
}

// whole is the sum of the costs that an admission lets in.
const whole = 1 << 50

// Of the messages whose bytes are more than largePart of the whole only so many
// are let in that spared is left for others.
const (
	largePart = 1.0 / 256
	spared    = 1.0 / 16
)

// account is what one destination takes up of an admission.
type account struct {
	name    string
	used    int64     // sum of the costs
	moved   time.Time // when used was last seen to fall, or the account was opened
	waiters list.List // of *waiter
	need    int64     // what must be free for the first of them
	pos     int       // in admission.waiting; -1 when it is not there
}

// waiter is somebody who waits for a place.
type waiter struct {
	pass *pass
	let  chan struct{} // closed when let in, or when the admission is closed
	in   bool
	at   *account
	elem *list.Element // in at.waiters
}

// pass is what a message takes up of an admission.
type pass struct {
	bytes  int64
	cost   int64
	first  charge
	more   []charge // of further destinations
	vacant bool     // a charge may have lost its last delivery
}

// charge is the part of a pass that counts for one destination.
type charge struct {
	destination string
	deliveries  int
	gone        bool // it counts no more
}

func newAdmission(places int, bytes int64) *admission {
	return &admission{places: float64(places), bytes: float64(bytes), accounts: map[string]*account{}}
}

// fill makes p the pass of a message of so many bytes with these routes.
func (p *pass) fill(a *admission, bytes int64, routes []answer) {
	p.bytes, p.cost, p.first.destination = bytes, a.cost(bytes), routes[0].destination
	for _, r := range routes[1:] {
		if p.of(r.destination) == nil {
			p.more = append(p.more, charge{destination: r.destination})
		}
	}
}

// cost returns what a message of so many bytes counts: the whole at most.
func (a *admission) cost(bytes int64) int64 {
	return int64(whole * min(max(1/a.places, float64(bytes)/a.bytes), 1))
}

// of returns the charge of a destination; nil when there is none.
func (p *pass) of(destination string) *charge {
	if p.first.destination == destination {
		return &p.first
	}
	for i := range p.more {
		if p.more[i].destination == destination {
			return &p.more[i]
		}
	}
	return nil
}

// each calls f with every charge that counts.
func (p *pass) each(f func(*charge)) {
	if !p.first.gone {
		f(&p.first)
	}
	for i := range p.more {
		if !p.more[i].gone {
			f(&p.more[i])
		}
	}
}

// attached counts a delivery to a destination. One that the message was not let
// in for is not charged.
func (p *pass) attached(destination string) {
	c := p.of(destination)
	if c == nil {
		p.more = append(p.more, charge{destination: destination, gone: true})
		c = &p.more[len(p.more)-1]
	}
	c.deliveries++
}

// detached counts a delivery less.
func (p *pass) detached(destination string) {
	c := p.of(destination)
	c.deliveries--
	p.vacant = p.vacant || c.deliveries == 0
}

// enter takes a place for a message, waiting until there is one. When patience
// is not 0 it waits only while the destination settles messages, that often at
// least. Its errors are ErrClosed, ErrNoRoom and the cause of ctx.
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
	w := &waiter{pass: p, let: make(chan struct{})}
	a.line(w, binding)
	a.mu.Unlock()
	return a.await(ctx, w, patience)
}

// await waits until w is let in.
func (a *admission) await(ctx context.Context, w *waiter, patience time.Duration) error {
	var stalled <-chan time.Time
	for {
		if patience > 0 {
			left := a.patienceLeft(w, patience)
			if left <= 0 {
				return a.abandon(w, fmt.Errorf("%w: %s has settled none for %v", ErrNoRoom, w.at.name, patience))
			}
			stalled = time.After(left)
		}
		select {
		case <-w.let:
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

// patienceLeft returns how long w is to wait if its destination settles nothing.
func (a *admission) patienceLeft(w *waiter, patience time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return patience - time.Since(w.at.moved)
}

// abandon takes w out, and lets in who stood behind it. One that was let in at
// the same moment gives its place back.
func (a *admission) abandon(w *waiter, why error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case w.in:
		a.give(w.pass)
	case !a.closed:
		a.unline(w)
	}
	a.admit()
	return why
}

// need returns what must be free for a message to be let in, and the
// destination that asks for the most.
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

// allows reports whether so much is free. A message that needs more than there
// is may have it all.
func (a *admission) allows(need int64) bool { return a.used == 0 || whole-a.used >= need }

func (a *admission) take(p *pass) {
	a.used += p.cost
	p.each(func(c *charge) { a.charge(a.account(c.destination), p.cost) })
}

func (a *admission) give(p *pass) {
	a.used -= p.cost
	p.each(func(c *charge) { a.charge(a.account(c.destination), -p.cost) })
}

// account returns the account of a destination, which it opens when there is
// none.
func (a *admission) account(name string) *account {
	at := a.accounts[name]
	if at == nil {
		at = &account{name: name, pos: -1, moved: time.Now()}
		a.accounts[name] = at
		a.peak = max(a.peak, len(a.accounts))
	}
	return at
}

// charge adds a cost to an account.
func (a *admission) charge(at *account, cost int64) {
	at.used += cost
	if cost < 0 {
		at.moved = time.Now()
	}
	a.place(at)
}

// place puts an account where it belongs after a change: it is forgotten when
// it is empty.
func (a *admission) place(at *account) {
	if at.waiters.Len() > 0 {
		at.need, _ = a.need(at.waiters.Front().Value.(*waiter).pass)
		if at.pos < 0 {
			heap.Push(&a.waiting, at)
		} else {
			heap.Fix(&a.waiting, at.pos)
		}
		return
	}
	if at.pos >= 0 {
		heap.Remove(&a.waiting, at.pos)
	}
	if at.used > 0 {
		return
	}
	delete(a.accounts, at.name)
	if len(a.accounts) == 0 && a.peak > 1000 { // a map never shrinks
		a.accounts, a.peak = map[string]*account{}, 0
	}
}

// line has w wait for a destination.
func (a *admission) line(w *waiter, destination string) {
	w.at = a.account(destination)
	w.elem = w.at.waiters.PushBack(w)
	a.place(w.at)
}

func (a *admission) unline(w *waiter) {
	w.at.waiters.Remove(w.elem)
	a.place(w.at)
}

// admit lets in who waits, as far as there is room.
func (a *admission) admit() {
	for len(a.waiting) > 0 && a.allows(a.waiting[0].need) {
		at := a.waiting[0]
		w := at.waiters.Front().Value.(*waiter)
		need, binding := a.need(w.pass)
		a.unline(w)
		if !a.allows(need) { // another of its destinations has been filled
			a.line(w, binding)
			continue
		}
		a.take(w.pass)
		w.in = true
		close(w.let)
	}
}

// leave gives back what a message takes up, and lets in who waits for it.
func (a *admission) leave(p *pass) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.give(p)
	a.admit()
}

// settle ends the charges of destinations that the message has no deliveries
// for any more. The message still counts as a whole.
func (a *admission) settle(p *pass) {
	p.vacant = false
	a.mu.Lock()
	defer a.mu.Unlock()
	p.each(func(c *charge) {
		if c.deliveries == 0 {
			c.gone = true
			a.charge(a.account(c.destination), -p.cost)
		}
	})
	a.admit()
}

// resize notes how many bytes a message really has.
func (a *admission) resize(p *pass, bytes int64) {
	cost := a.cost(bytes)
	a.mu.Lock()
	defer a.mu.Unlock()
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

// close turns away who waits and who comes.
func (a *admission) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.closed = true
	for _, at := range a.waiting {
		for e := at.waiters.Front(); e != nil; e = e.Next() {
			close(e.Value.(*waiter).let)
		}
		at.waiters.Init()
		at.pos = -1
	}
	a.waiting = nil
}

// accountHeap is a container/heap of accounts, that which needs least first.
type accountHeap []*account

func (h accountHeap) Len() int           { return len(h) }
func (h accountHeap) Less(i, j int) bool { return h[i].need < h[j].need }

// Swap is part of heap.Interface.
func (h accountHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

// Push is part of heap.Interface.
func (h *accountHeap) Push(at any) {
	at.(*account).pos = len(*h)
	*h = append(*h, at.(*account))
}

// Pop is part of heap.Interface.
func (h *accountHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	last.pos = -1
	return last
}
