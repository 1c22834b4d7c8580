package throttle

import "time"

// Next grants the connection the next item that all limits allow. The grant
// must be ended with Done or Return. When nothing may go, g is nil and the
// connection is idle until a Driver wakes it; if last is true, it has carried
// all that it may and must end.
func (c *Conn[T]) Next(now time.Time) (g *Grant[T], last bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.state == connClosed {
		panic("throttle: Conn.Next is called after Closed")
	}
	returned := c.state == connReturning
	c.become(connWorking)
	g, again := c.nextLocked(now, false)
	switch {
	case g != nil:
		return g, c.last
	case c.last || c.yieldsLocked():
		c.become(connLeaving)
		c.e.stirServersLocked(c.s)
		return nil, true
	}
	c.become(connIdle)
	c.e.idles()
	if returned { // another may go where this one may not
		c.s.stirIfWantedLocked(now, c.e)
	}
	if !c.turnAt(now).After(now) {
		c.e.spread.lacksMail(now)
	}
	c.s.alarmLocked(c.e, again)
	return nil, false
}

// nextLocked grants the next item; behind a dot, one that is not unready. It
// returns nil when none may go, and the time to ask again; zero is not before a
// change.
func (c *Conn[T]) nextLocked(now time.Time, behind bool) (*Grant[T], time.Time) {
	s, e := c.s, c.e
	s.sweepLocked(now, 2)
	c.last = c.last || e.isCrowded()
	switch {
	case c.last || e.down:
		return nil, time.Time{}
	case e.holds(now):
		return nil, e.nextProbe()
	}
	if e.spread.spreads() {
		if t := c.turnAt(now); t.After(now) {
			if t.Equal(never) {
				t = time.Time{}
			}
			return nil, t
		}
	}
	if t := s.allowed(now, e, message(1, 1)); t.After(now) {
		return nil, s.awaitLocked(e, t)
	}
	for looked := 0; ; {
		before := s.returned
		g, again := c.turnLocked(now, behind, &looked)
		if g != nil || looked >= mostLooked {
			return g, again
		}
		if s.pullLocked(now, e, s.partial); s.returned == before {
			return nil, again
		}
	}
}

// turnLocked grants the next item of the paths of the endpoint, as nextLocked
// does. looked counts the items that were parked.
func (c *Conn[T]) turnLocked(now time.Time, behind bool, looked *int) (*Grant[T], time.Time) {
	s, e := c.s, c.e
	s.offersLocked(now)
	var again time.Time
	for range e.paths {
		if len(e.paths) == 0 { // the flows of the last have moved
			break
		}
		p := e.paths[e.nextPath%len(e.paths)]
		e.nextPath++
		if !p.serves(now, e) {
			later, _ := p.heldAt(now, e)
			again = earlier(again, later)
			continue
		}
		if len(p.waiting) > 0 {
			s.matureLocked(now, p)
		}
		if len(p.endpoints) > 1 {
			if other := p.yields(now, e); other != nil && p.ready(s.room()) > 0 {
				s.stirLocked(other)
				continue
			}
		}
		g, t := c.fromLocked(now, p, behind, looked)
		if g != nil {
			e.blocked = time.Time{}
			if len(p.endpoints) > 1 {
				p.served(e)
			}
			if e.overflows > 0 {
				s.stirOverflowLocked(now, e)
			}
			return g, time.Time{}
		}
		again = earlier(again, t)
	}
	return nil, again
}

// mostLooked is the greatest number of items parked or put off for one grant, so that the
// lock is not held for long.
const mostLooked = 1000

// fromLocked grants the next item of a path; behind a dot, one that is not
// unready. It returns nil when none may go, and the time to ask again; zero is not
// before a change.
func (c *Conn[T]) fromLocked(now time.Time, p *path[T], behind bool, looked *int) (*Grant[T], time.Time) {
	s, room, moved := c.s, c.s.room(), 0
	for {
		s.offersLocked(now)
		f, lane := p.pick(room)
		if f == nil {
			return nil, p.soonest()
		}
		d := f.d
		it := s.headLocked(f, lane, room)
		if it == nil { // its share was taken meanwhile
			s.rescheduleFlowLocked(now, f)
			continue
		}
		if s.relocatesLocked(now, f, it, c.e) {
			if moved++; moved > moveBatch {
				return nil, now
			}
			continue
		}
		if behind && it.unready() {
			if it = f.queues[lane][tried].first(); it == nil || f.blocked != nil {
				return nil, time.Time{}
			}
		}
		if it.job.Tries != nil && s.delaysLocked(now, f, it) {
			if *looked++; *looked >= mostLooked {
				return nil, now
			}
			continue
		}
		far := false
		if d.state != nil || c.e.state != nil {
			it, far = c.sampleLocked(f, it, behind)
		}
		if d.boxes != nil && s.boxedLocked(now, f, it) {
			continue
		}
		n, parents := s.recipientsOf(now, it)
		if len(parents) > 0 && s.parksAtLocked(now, it, parents, n) {
			s.rescheduleFlowLocked(now, f)
			if *looked++; *looked >= mostLooked {
				return nil, now
			}
			continue
		}
		n = c.atOnce(n)
		if t := d.at(now, message(n, it.job.Bytes)); t.After(now) {
			f.blocked, f.need = it, int32(n)
			s.rescheduleFlowLocked(now, f)
			continue
		}
		if t := s.allowed(now, c.e, message(n, it.job.Bytes)); t.After(now) {
			s.blockLocked(now, c.e, t)
			return nil, s.awaitLocked(c.e, t) // it stays the first
		}
		g := c.grantLocked(now, f, it, n, parents)
		g.far = far
		return g, time.Time{}
	}
}

// atOnce returns the number of n recipients that may go in one transaction.
func (c *Conn[T]) atOnce(n int) int {
	if n <= 1 {
		return n
	}
	return min(n, ceiling(c.recipients), c.s.process.recipientsAtOnce(), c.e.recipientsAtOnce())
}

// boxedLocked parks an item whose mailbox gets too much mail, and reports whether it
// has.
func (s *Scheduler[T]) boxedLocked(now time.Time, f *flow[T], it *Item[T]) bool {
	b := f.d.boxes.of(it)
	if b == nil || b.mayGo(now, it) {
		return false
	}
	s.leftLotLocked(now, it, false)
	f.d.boxes.park(now, it, b)
	s.rescheduleFlowLocked(now, f)
	return true
}

// delaysLocked puts an item with Tries off that may not be tried again yet, and reports
// whether it has.
func (s *Scheduler[T]) delaysLocked(now time.Time, f *flow[T], it *Item[T]) bool {
	t := it.job.Tries.at(it.wait)
	if !t.After(now) {
		return false
	}
	s.leftLotLocked(now, it, false)
	f.hold(now, it, t)
	s.rescheduleFlowLocked(now, f)
	return true
}

// relocatesLocked moves an item to the flow of its sender if that is kept apart, or a
// flow away from an endpoint that is not to carry it. It reports whether it has moved
// one.
func (s *Scheduler[T]) relocatesLocked(now time.Time, f *flow[T], it *Item[T], e *endpoint[T]) bool {
	switch {
	case s.splits(it):
		s.splitLocked(now, it)
	case f.misplaced(e):
		s.rescheduleFlowLocked(now, f)
	default:
		return false
	}
	return true
}

// blockLocked notes that an endpoint has no tokens for its first item until a time:
// others may go in its stead.
func (s *Scheduler[T]) blockLocked(now time.Time, e *endpoint[T], until time.Time) {
	news := !e.blocked.After(now)
	e.blocked = until
	if news {
		e.stirServersLocked(s)
	}
}

// headLocked returns the item of a flow that goes next: the one that lacked tokens, else
// the first of the lane.
func (s *Scheduler[T]) headLocked(f *flow[T], lane Lane, room laneSet) *Item[T] {
	may, _ := s.shares(f.d)
	if it := f.blocked; it != nil && (it.job.rendered() || (room & may).has(it.job.Lane)) {
		return it
	}
	return f.head(lane, (room & may).has(lane))
}

// grantLocked grants an item of some parents to n recipients, which all limits
// allow.
func (c *Conn[T]) grantLocked(now time.Time, f *flow[T], it *Item[T], n int, parents []*parent[T]) *Grant[T] {
	s, d := c.s, f.d
	f.drop(it)
	if it.lot != nil {
		s.leftLotLocked(now, it, false)
	}
	box := d.boxes.of(it)
	if box != nil {
		d.boxes.goes(now, box, it)
	}
	lane := it.job.Lane
	f.blocked, f.need = nil, 0
	f.untriedNext[lane] = !it.job.Fresh
	f.path.rotate(f, lane)
	d.inUse++
	c.carried++
	to := c.carriedTo(d)
	c.last = c.last || c.carriedEnough() || to >= d.messagesAtMost()
	g := c.newGrant()
	g.item, g.d, g.n, g.size, g.mailbox = it, d, n, max(it.job.Bytes, 1), it.job.Mailbox
	g.ordinal, g.last, g.begun, g.countedTo = c.carried, c.last, now, to > 0
	g.viaOne, g.box, g.holds = len(f.path.endpoints) == 1, box, it.job.Holds && it.job.Fresh
	g.generation, g.endpointLessons, g.destinationLessons = s.generation.Load(), c.e.lessons, d.lessons
	g.scopes = append(g.scopes, &d.scope)
	if len(parents) > 0 {
		g.parents = append(g.parents, parents...)
	}
	g.again = it.job.Tries != nil && now.Sub(it.job.Tries.last) < repetition
	if g.holds {
		s.holdLocked(d, lane, 1, 0)
	}
	g.enters()
	for _, sc := range g.scopes {
		if sc.inFlight++; sc.state != nil {
			g.reserved |= sc.take(now, message(n, g.size))
		}
	}
	c.goesLocked(now)
	g.probesLocked(now, f)
	g.hasty = it.job.Tries.begins(now, it.wait)
	g.bare = g.isBare()
	s.rescheduleLocked(now, d)
	s.stirIfWantedLocked(now, c.e)
	return g
}
