package throttle

import (
	"slices"
	"time"
)

// hop is one endpoint of a level.
type hop[T any] struct {
	e      *endpoint[T]
	weight float64
	served float64 // the number of its turns, divided by its weight
}

// mostLag bounds the lag of the turns of one hop behind those of another. So a hop that
// was away does not get all mail when it is back.
const mostLag = 4

// server returns the first endpoint that is up; nil when all rest.
func (p *path[T]) server() *endpoint[T] {
	for _, e := range p.endpoints {
		if !p.rests(e) {
			return e
		}
	}
	return nil
}

// serves reports whether e is to serve the path at present. An endpoint that
// rests serves, to be probed.
func (p *path[T]) serves(now time.Time, e *endpoint[T]) bool {
	if _, held := p.heldAt(now, e); held {
		return false
	}
	if len(p.endpoints) == 1 || p.rests(e) {
		return true
	}
	for _, level := range p.levels {
		down, full := true, true
		for _, h := range level {
			if h.e == e {
				return true
			}
			down = down && p.rests(h.e)
			full = full && (p.rests(h.e) || h.e.full(now))
		}
		if !down && (p.of.overflow == OverflowDown || !full) {
			return false
		}
	}
	return false
}

// full reports whether an endpoint has no token or no place for a message now.
// While its concurrency still grows it is not full.
func (e *endpoint[T]) full(now time.Time) bool {
	if e.blocked.After(now) || e.at(now, message(1, 1)).After(now) {
		return true
	}
	if len(e.idle) > 0 || e.starting > 0 || e.concurrency > e.inUse {
		return false
	}
	l := e.learned()
	return int(e.concurrency) >= ceiling(e.limits.Connections) || l != nil && l.connections.failed > 0
}

// level returns the hops of e's level; nil when e is alone there.
func (p *path[T]) level(e *endpoint[T]) []*hop[T] {
	for _, level := range p.levels {
		if len(level) > 1 && slices.ContainsFunc(level, func(h *hop[T]) bool { return h.e == e }) {
			return level
		}
	}
	return nil
}

// yields returns the endpoint that goes in e's stead and has an idle or just woken
// connection; nil when e may go on. It is one of the same level with less of its share so
// far, or one of any level that is to be probed.
func (p *path[T]) yields(now time.Time, e *endpoint[T]) *endpoint[T] {
	if len(p.endpoints) == 1 || p.rests(e) {
		return nil
	}
	for _, other := range p.endpoints {
		if p.rests(other) && other.waits() && !other.holds(now) && p.serves(now, other) && !other.full(now) {
			return other
		}
	}
	var own, next *hop[T]
	for _, h := range p.level(e) {
		switch {
		case h.e == e:
			own = h
		case p.rests(h.e) || !h.e.waits() || h.e.full(now):
		case next == nil || h.served < next.served:
			next = h
		}
	}
	if next == nil || own.served <= next.served {
		return nil
	}
	return next.e
}

// waits reports whether a connection is idle or was just woken.
func (e *endpoint[T]) waits() bool { return len(e.idle) > 0 || e.starting > e.opening }

// passesOver reports whether others of e's level go in its stead, because e has
// no tokens for the first item.
func (p *path[T]) passesOver(now time.Time, e *endpoint[T]) bool {
	return e.blocked.After(now) && p.level(e) != nil
}

// least returns the endpoint of the best level that has had the least of its
// share; nil where an endpoint serves alone.
func (p *path[T]) least() *endpoint[T] {
	if len(p.endpoints) == 1 {
		return nil
	}
	for _, level := range p.levels {
		var least *hop[T]
		for _, h := range level {
			if !p.rests(h.e) && (least == nil || h.served < least.served) {
				least = h
			}
		}
		switch {
		case least == nil:
			continue
		case len(level) == 1:
			return nil
		}
		return least.e
	}
	return nil
}

// served counts a turn of e.
func (p *path[T]) served(e *endpoint[T]) {
	level := p.level(e)
	if level == nil {
		return
	}
	var most float64
	for _, h := range level {
		if h.e == e {
			h.served += 1 / h.weight
		}
		most = max(most, h.served)
	}
	for _, h := range level {
		h.served = max(h.served, most-mostLag)
	}
}

// startingElsewhere returns the number of connections to other endpoints of e's
// level that will soon ask for work of the path. Those that are being opened
// count only while e has none that could go at once.
func (p *path[T]) startingElsewhere(e *endpoint[T]) (n int) {
	for _, h := range p.level(e) {
		if h.e == e {
			continue
		}
		n += int(h.e.starting)
		if len(e.idle) > 0 {
			n -= int(h.e.opening)
		}
	}
	return n
}
