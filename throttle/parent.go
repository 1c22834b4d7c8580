package throttle

import (
	"fmt"
	"math"
	"time"
)

// parent is a scope that jobs name: a tenant, a sender, a source address or a
// pair. It exists once a limit is set for it and a job names it, or once the lessons of
// a holder belong to it.
//
// An item that it does not let go is parked, and others pass it. Once the limit lets one
// go, the first item of a lot is put back in front of its queue. While the limits allow
// one message, one item is back, of one path, and one of each path that has an idle
// connection. A further path has its turn when none of them was granted after a while. A
// connection about to become idle takes the items of its paths without waiting for that.
type parent[T any] struct {
	scope
	of      Scope
	key     string
	lots    map[lotKey[T]]*scopeLot[T]
	turns   map[turnsKey[T]]*turns[T]
	wanting [lanes][]*turns[T] // turns that have a lot in turn and no item back, the next in front; some have neither any more
	singles int                // turns in a row of the Single lane
	parked  int                // items
	back    int                // turns that have an item back
	extra   int                // items that are back beyond what the limits allow
	need    int32              // the recipients that the next item needs tokens for; 0 when it does not wait for them
	bytes   int                // the bytes of that item
	offered bool               // whether it is in Scheduler.offers
	partial bool               // whether it is in Scheduler.partial: wanting is not empty, though the limits allow a message
	unused  bool               // whether it is in Scheduler.unused
	holds   heldKey            // the holder and the receiver whose lessons it has; zero without
	hushed  bool               // whether all its lessons come from refusals without words
	until   time.Time          // the time at which it is looked at again, when it is in Scheduler.waiting
	pos     int32              // its index in Scheduler.waiting; -1 when it is not there
}

// lotKey and turnsKey are the keys of a parent's maps.
type lotKey[T any] struct {
	flow  *flow[T]
	class class
}

type turnsKey[T any] struct {
	path  *path[T]
	class class
}

func (p *parent[T]) due() time.Time   { return p.until }
func (p *parent[T]) position() *int32 { return &p.pos }

// noLimits are the limits of a parent without any.
var noLimits = Limits{Connections: Unlimited, MessagesPerConnection: Unlimited, RecipientsPerMessage: Unlimited}

// limitParentLocked sets the limits of a scope that jobs name. Those that are
// under way and name it belong to it from now on.
func (s *Scheduler[T]) limitParentLocked(now time.Time, of Scope, l Limits) error {
	switch {
	case !of.Kind.further():
		return fmt.Errorf("throttle: limits of scope kind %d: want one of the constants, such as ScopeTenant", of.Kind)
	case l.ConnectionRate != (Rate{}) || l.MessagesPerConnection > 0:
		return fmt.Errorf("throttle: limits of %v: ConnectionRate and MessagesPerConnection belong to endpoints and destinations: want them zero", of)
	}
	key := of.String()
	if l = l.or(noLimits); l == noLimits {
		delete(s.parentLimits, key)
	} else {
		if s.parentLimits == nil {
			s.parentLimits = map[string]Limits{}
		}
		s.parentLimits[key] = l
	}
	generation := s.newGeneration()
	if p, ok := s.parents.get(key); ok {
		p.setLimits(now, &l, generation)
		return nil
	}
	for _, g := range s.naming {
		if g.item.job.Scopes.names(key) {
			if p := s.parentLocked(now, listedScope{of, key}); p != nil {
				g.joins(p, generation)
			}
		}
	}
	return nil
}

// joins makes a grant that was given before belong to a parent. It has taken
// nothing of its meters.
func (g *Grant[T]) joins(p *parent[T], generation int32) {
	for i := range p.meters() {
		p.state.meters[i].born = generation
	}
	if !g.shares(p) {
		p.inUse++
	}
	p.inFlight++
	g.parents = append(g.parents, p)
	g.scopes = append(g.scopes, &p.scope)
}

// parentLocked finds or makes a parent. It returns nil when nothing limits it.
func (s *Scheduler[T]) parentLocked(now time.Time, of listedScope) *parent[T] {
	if p, ok := s.parents.get(of.key); ok {
		return p
	}
	l, limited := s.parentLimits[of.key]
	if !limited {
		return nil
	}
	return s.newParentLocked(now, of, &l)
}

// newParentLocked makes a parent with limits.
func (s *Scheduler[T]) newParentLocked(now time.Time, of listedScope, l *Limits) *parent[T] {
	p := &parent[T]{
		scope: newScope(of.Kind, of.Name, l), of: of.Scope, key: of.key, pos: -1,
		lots: map[lotKey[T]]*scopeLot[T]{}, turns: map[turnsKey[T]]*turns[T]{},
	}
	p.concurrency = math.MaxInt32
	s.restoredParents.take(now, &p.scope, of.key, s.generation.Load())
	s.parents.put(of.key, p)
	s.unusedParentLocked(now, p)
	return p
}

// parentsLocked returns the parents of an item: those that its job names, and those
// that hold lessons for its sender or tenant. The slice is used again by the next call.
func (s *Scheduler[T]) parentsLocked(now time.Time, it *Item[T]) []*parent[T] {
	l := it.job.Scopes
	if len(s.parentLimits) == 0 && s.parents.n == 0 {
		return nil
	}
	all := s.parentsRoom[:0]
	if l != nil {
		for _, of := range l.scopes {
			if p := s.parentLocked(now, of); p != nil && p.holds.at == nil {
				all = append(all, p)
			}
		}
	}
	if len(s.held) > 0 {
		all = s.heldLocked(all, &it.flow.d.scope, originOf(&it.job))
		if e := it.flow.path.only(); e != nil {
			all = s.heldLocked(all, &e.scope, originOf(&it.job))
		}
	}
	s.parentsRoom = all
	return all
}

// allows returns the time at which a parent lets a message of some bytes to n
// recipients go; never means after a change.
func (p *parent[T]) allows(now time.Time, n, size int) time.Time {
	if p.free() <= 0 {
		return never
	}
	return p.at(now, message(n, size))
}

// withholds returns the parent that lets an item to n recipients go last; nil when all
// let it go now. An item that was not parked yet leaves its tokens to a parked one with
// more recipients or bytes that waits for them.
func (it *Item[T]) withholds(now time.Time, all []*parent[T], n int) (last *parent[T]) {
	latest := now
	for _, p := range all {
		tokens, size := n, it.job.Bytes
		if it.lot == nil {
			tokens, size = max(n, min(int(p.need), p.recipientsAtOnce())), max(size, p.bytes)
		}
		if t := p.allows(now, tokens, size); t.After(latest) {
			last, latest = p, t
		}
	}
	return last
}

// recipientsOf returns the number of recipients of an item that the scopes of its
// job and its destination let go at once.
func (s *Scheduler[T]) recipientsOf(now time.Time, it *Item[T]) (n int, parents []*parent[T]) {
	if n = it.job.Recipients; len(s.held) > 0 || it.job.Scopes != nil {
		parents = s.parentsLocked(now, it)
	}
	if n == 1 {
		return n, parents
	}
	n = min(n, it.flow.d.recipientsAtOnce())
	for _, p := range parents {
		n = min(n, p.recipientsAtOnce())
	}
	return n, parents
}

// goes counts a grant.
func (p *parent[T]) goes() {
	p.inUse++
	p.extra = 0
}

// slack returns the number of items that may be back at once, of different paths.
func (p *parent[T]) slack() int {
	if p.spaced() {
		return 1
	}
	return p.free()
}

// offerLocked has a parent looked at again before the next connection is served
// or woken.
func (s *Scheduler[T]) offerLocked(p *parent[T]) {
	if !p.offered {
		p.offered = true
		s.offers = append(s.offers, p)
		s.stirred.Store(true)
	}
}

// offersLocked looks again at the parents that have changed or are due.
func (s *Scheduler[T]) offersLocked(now time.Time) {
	if len(s.waiting)+len(s.offers) > 0 {
		s.offerAllLocked(now)
	}
}

// offerAllLocked does so where there may be some.
func (s *Scheduler[T]) offerAllLocked(now time.Time) {
	for p, ok := s.waiting.first(); ok && !p.until.After(now); p, ok = s.waiting.first() {
		if p.partial {
			p.extra++
		}
		s.waitLocked(p, time.Time{})
		s.offerLocked(p)
	}
	for len(s.offers) > 0 {
		last := len(s.offers) - 1
		p := s.offers[last]
		s.offers[last] = nil
		s.offers = s.offers[:last]
		p.offered = false
		s.bringBackOfLocked(now, p)
	}
}

// unusedParentLocked notes that a parent may have no work.
func (s *Scheduler[T]) unusedParentLocked(now time.Time, p *parent[T]) {
	if !p.unused && !p.works() {
		p.unused = true
		s.unused.PushBack(unusedEntry[T]{p: p, since: now})
	}
}

// works reports whether a grant or a parked item belongs to a parent.
func (p *parent[T]) works() bool { return p.inFlight > 0 || len(p.lots) > 0 }
