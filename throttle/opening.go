package throttle

import (
	"slices"
	"time"
)

// readyLocked counts the items that could go now through an endpoint. It
// returns 0 and the time to ask again when there are none; zero is not before a
// change. Items that the limits of the endpoint or of the process stop,
// connections excepted, are not ready. An endpoint that rests is ready for one
// item when its probe is due.
func (s *Scheduler[T]) readyLocked(now time.Time, e *endpoint[T]) (n int, again time.Time) {
	room := s.room()
	for _, p := range e.paths {
		if !p.serves(now, e) {
			later, _ := p.heldAt(now, e)
			again = earlier(again, later)
			continue
		}
		if p.passesOver(now, e) {
			again = earlier(again, s.awaitLocked(e, e.blocked))
			continue
		}
		s.matureLocked(now, p)
		more := p.ready(room)
		if p.rests(e) { // others cannot take a probe away
			more = min(more, 1)
		} else {
			more = max(more-p.startingElsewhere(e), 0)
		}
		if e.suspects() {
			more = min(more, 1)
		}
		n += more
		again = earlier(again, p.soonest())
	}
	switch {
	case n == 0:
		return 0, again
	case e.holds(now):
		return 0, e.nextProbe()
	case e.down:
		return 1, time.Time{}
	}
	if t := s.allowed(now, e, message(1, 1)); t.After(now) {
		return 0, s.awaitLocked(e, t)
	}
	if s.process.spaced() || e.spaced() || e.rests() {
		n = 1
	}
	return n, time.Time{}
}

// allowed returns the time at which the endpoint and the process let a message go;
// never means after a change.
func (s *Scheduler[T]) allowed(now time.Time, e *endpoint[T], l load) time.Time {
	if s.process.state == nil && e.state == nil {
		return now
	}
	t := s.process.at(now, l)
	if u := e.at(now, l); u.After(t) {
		t = u
	}
	return t
}

// awaitLocked returns the time at which to look at an endpoint again, as named by a meter
// of its own or of the process. For never it returns zero, and the endpoint is looked at
// when tokens are written or given back, or come from elsewhere.
func (s *Scheduler[T]) awaitLocked(e *endpoint[T], t time.Time) time.Time {
	if !t.Equal(never) {
		return t
	}
	if !e.awaiting {
		e.awaiting = true
		s.awaiting = append(s.awaiting, e)
	}
	return time.Time{}
}

// stirAwaitingLocked makes the next Drive look at the endpoints that were told
// never and may be told something else now, after a change at one of them and at
// the process.
func (s *Scheduler[T]) stirAwaitingLocked(e *endpoint[T]) {
	if len(s.awaiting) == 0 {
		return
	}
	if s.process.state == nil && !e.awaiting {
		return
	}
	all := s.awaiting
	s.awaiting = nil
	for _, e := range all {
		e.awaiting = false
		e.blocked = time.Time{}
		e.stirServersLocked(s)
	}
}

// lookAgainLocked makes the next Drive look again at what a scope has held back. It
// is called when the limits of the scope were changed. A meter whose tokens come from
// elsewhere has it called when some have come.
func (s *Scheduler[T]) lookAgainLocked(now time.Time, of Scope) {
	switch of.Kind {
	case ScopeProcess:
		s.endpoints.each(func(e *endpoint[T]) bool {
			e.blocked = time.Time{}
			s.stirLocked(e)
			return true
		})
	case ScopeEndpoint:
		if e, ok := s.endpoints.get(of.Name); ok {
			e.blocked = time.Time{}
			e.stirServersLocked(s)
		}
	case ScopeDestination:
		if d, ok := s.dests.get(of.Name); ok {
			s.rescheduleLocked(now, d)
			s.offerLotsLocked(d)
		}
	default:
		if p, ok := s.parents.get(of.String()); ok {
			s.offerLocked(p)
		}
	}
}

// earlier returns the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// mayOpenLocked reserves one more connection to an endpoint, when mail for it
// is ready or a probe is due, and the limits allow it. Else it returns nil and
// the time to ask again; zero is not before a change.
func (s *Scheduler[T]) mayOpenLocked(now time.Time, e *endpoint[T]) (*Conn[T], time.Time) {
	if e.holds(now) {
		return nil, e.nextProbe()
	}
	d, again := s.wantingLocked(now, e)
	if d == nil {
		return nil, again
	}
	c, again := s.openLocked(now, e, d)
	if c != nil {
		c.become(connOpening)
	}
	return c, again
}

// Open reserves a connection to an endpoint, whether or not there is mail, if
// the limits allow it. Else it returns nil and the time to ask again; zero is
// not before a change. The connection must be ended with Closed.
func (s *Scheduler[T]) Open(now time.Time, name string) (*Conn[T], time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.endpointLocked(name)
	s.unusedEndpointLocked(now, e)
	return s.openLocked(now, e, nil)
}

// wantingLocked returns the destination whose mail a new connection would
// carry. It returns nil when there is none, and the time to ask again; zero is not
// before a change.
func (s *Scheduler[T]) wantingLocked(now time.Time, e *endpoint[T]) (*destination[T], time.Time) {
	room, looked := s.room(), 0
	for _, p := range e.paths {
		if !p.serves(now, e) {
			continue
		}
		s.matureLocked(now, p)
		for f, lane := p.pick(room); f != nil; f, lane = p.pick(room) {
			it := s.headLocked(f, lane, room)
			if it != nil && !s.parksLocked(now, it) {
				return f.d, time.Time{}
			}
			s.rescheduleFlowLocked(now, f) // its share was taken meanwhile
			if looked++; looked >= mostLooked {
				return nil, now
			}
			s.offersLocked(now)
		}
	}
	return nil, time.Time{}
}

// openLocked reserves a connection for the mail of a destination, or for none,
// as Open does.
func (s *Scheduler[T]) openLocked(now time.Time, e *endpoint[T], d *destination[T]) (*Conn[T], time.Time) {
	if int(s.process.inUse) >= ceiling(s.process.limits.Connections) {
		if d != nil && !e.starved {
			e.starved = true
			s.starved = append(s.starved, e)
		}
		return nil, time.Time{}
	}
	e.crowding.lapse(now)
	switch {
	case e.opensEnough():
		return nil, time.Time{}
	case e.free() <= 0:
		return nil, e.crowding.experimentEnds()
	}
	if may, again := e.mayAdd(now); !may {
		return nil, again
	}
	scopes := []*scope{&s.process, &e.scope}
	if d != nil {
		scopes = append(scopes, &d.scope)
	}
	at := now
	for _, sc := range scopes {
		if t := sc.openAt(now); t.After(at) {
			at = t
		}
	}
	if at.After(now) {
		return nil, s.awaitLocked(e, at)
	}
	s.process.opened(now)
	e.opened(now)
	if d != nil {
		d.opened(now)
		d.inUse-- // places at a destination are for transactions
	}
	probe := e.down && !e.probing
	e.probing = e.probing || probe
	c := &Conn[T]{s: s, e: e, begun: now, faults: e.faults, probe: probe, messages: Unlimited, recipients: Unlimited}
	if d != nil {
		c.opensFor = d.name
	}
	return c, time.Time{}
}

// yieldsLocked reports whether a connection without work has to end, as other endpoints
// wait for a connection of the process: one ends for each of them. One that has carried
// nothing stays. Otherwise endpoints without tokens when the connection is there would
// give it to each other for ever.
func (c *Conn[T]) yieldsLocked() bool {
	s := c.s
	if c.carried == 0 || c.e.starved || s.yielding >= len(s.starved) || int(s.process.inUse) < ceiling(s.process.limits.Connections) {
		return false
	}
	c.yields = true
	s.yielding++
	return true
}

// stirStarvedLocked makes the next Drive look at the endpoint that has waited
// longest for a connection of the process, if one is free.
func (s *Scheduler[T]) stirStarvedLocked() {
	if len(s.starved) == 0 || int(s.process.inUse) >= ceiling(s.process.limits.Connections) {
		return
	}
	e := s.starved[0]
	s.starved = slices.Delete(s.starved, 0, 1)
	e.starved = false
	s.stirLocked(e)
}

// stirServersLocked makes the next Drive look at the endpoint, at those that
// share its mail, and, while it rests, at those that serve in its place.
func (e *endpoint[T]) stirServersLocked(s *Scheduler[T]) {
	s.stirLocked(e)
	for _, p := range e.paths {
		if !p.rests(e) && p.of.overflow == OverflowDown && p.level(e) == nil {
			continue
		}
		for _, other := range p.endpoints {
			s.stirLocked(other)
		}
	}
}
