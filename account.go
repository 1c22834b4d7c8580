package smtpace

import (
	"container/heap"
	"container/list"
	"time"
)

// pass is the part of an admission that one message takes up.
type pass struct {
	bytes  int64
	cost   int64    // see admission.cost
	first  charge   // charge of the first destination
	more   []charge // charges of further destinations
	vacant bool     // whether a charge may have lost its last delivery
	left   bool     // whether the message has left the admission
}

// charge is the part of a pass that counts for one destination.
type charge struct {
	destination string
	deliveries  int  // number of deliveries to the destination
	gone        bool // whether it counts no more
}

// fill sets p for a message of so many bytes with these routes.
func (p *pass) fill(a *admission, bytes int64, routes []answer) {
	p.bytes, p.cost, p.first.destination = bytes, a.cost(bytes), routes[0].destination
	for _, r := range routes[1:] {
		if p.of(r.destination) == nil {
			p.more = append(p.more, charge{destination: r.destination})
		}
	}
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

// attached counts a delivery to a destination. A destination that the message was
// not admitted for is charged by move.
func (p *pass) attached(destination string) {
	c := p.of(destination)
	if c == nil {
		p.more = append(p.more, charge{destination: destination, gone: true})
		c = &p.more[len(p.more)-1]
	}
	c.deliveries++
}

// detached counts a delivery no more.
func (p *pass) detached(destination string) {
	c := p.of(destination)
	c.deliveries--
	p.vacant = p.vacant || c.deliveries == 0
}

// loosen notes whether a destination is charged to which the message has no
// delivery.
func (p *pass) loosen() {
	p.each(func(c *charge) { p.vacant = p.vacant || c.deliveries == 0 })
}

// move charges a message to a destination that it was not admitted for and has
// now been routed to, even beyond its share. settle ends the charge of the former
// destination.
func (a *admission) move(p *pass, to string) {
	c := p.of(to)
	if !c.gone {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c.gone = false
	a.charge(a.account(to), p.cost)
}

// account is the part of an admission that one destination takes up.
type account struct {
	name    string    // destination
	used    int64     // sum of the costs of its messages
	moved   time.Time // time at which used last fell, or the account was opened
	waiters list.List // of *waiter, the first to be let in first
	need    int64     // free cost that the first waiter needs
	pos     int       // index in admission.waiting; -1 outside
}

// account returns the account of a destination. It opens one when there is none.
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

// place updates the heap after a change of an account, and forgets an account that is
// empty. A first waiter moves to the line of another account when that determines its
// need. So the need of a line falls with its own account only.
func (a *admission) place(at *account) {
	for at.waiters.Len() > 0 {
		w := at.waiters.Front().Value.(*waiter)
		need, binding := a.need(w.pass)
		if binding == at.name {
			a.noteNeed(at, need)
			return
		}
		at.waiters.Remove(w.elem)
		a.enqueue(w, binding)
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

// noteNeed sets the need of a line and its position in the heap.
func (a *admission) noteNeed(at *account, need int64) {
	at.need = need
	if at.pos < 0 {
		heap.Push(&a.waiting, at)
	} else {
		heap.Fix(&a.waiting, at.pos)
	}
}

// insert puts w into the line, behind those that came before it.
func (at *account) insert(w *waiter) {
	e := at.waiters.Back()
	for e != nil && e.Value.(*waiter).order > w.order {
		e = e.Prev()
	}
	w.at = at
	if e == nil {
		w.elem = at.waiters.PushFront(w)
	} else {
		w.elem = at.waiters.InsertAfter(w, e)
	}
}

// accountHeap is a container/heap of accounts, the one with the least need first.
type accountHeap []*account

// Len implements heap.Interface.
func (h accountHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h accountHeap) Less(i, j int) bool { return h[i].need < h[j].need }

// Swap implements heap.Interface.
func (h accountHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

// Push implements heap.Interface.
func (h *accountHeap) Push(at any) {
	at.(*account).pos = len(*h)
	*h = append(*h, at.(*account))
}

// Pop implements heap.Interface.
func (h *accountHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	last.pos = -1
	return last
}
