package throttle

import "time"

// RenderedAhead notes that the message of an item is held rendered, and its size,
// before the item is granted. The item keeps its turn, and the bound on rendered messages applies
// to it as before. Dropped takes it back.
func (s *Scheduler[T]) RenderedAhead(it *Item[T], bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it.ahead, it.job.Bytes = true, bytes
}

// Unready returns the value of the item that Next would grant, if its message must
// be rendered first. It changes nothing and reserves nothing, so the item may be
// granted to another connection at any time.
func (c *Conn[T]) Unready(now time.Time) (value T, ok bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	it := c.unreadyLocked(now, 1, false)
	if it == nil {
		return value, false
	}
	return it.job.Value, true
}

// Unready returns the value of an item that Next may grant soon, if its message was
// rendered. It looks at one item for each established connection of the endpoint, so
// that each of them finds a ready one. It returns an item once only, so connections
// that ask at the same time get different ones. It reserves nothing.
func (g *Grant[T]) Unready(now time.Time) (value T, ok bool) {
	g.use("Unready")
	s := g.c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.behind == nil { // its place passes on
		g.lend(now)
		defer func() {
			for _, p := range g.parents {
				p.inUse++
			}
			g.occupies(now)
		}()
	}
	it := g.c.unreadyLocked(now, int(g.c.e.established), true)
	if it == nil {
		return value, false
	}
	it.claimed = true
	return it.job.Value, true
}

// unreadyLocked returns the first unready item among the first n, or, when
// unclaimed is set, the first of them that nobody has claimed; nil when there is
// none.
func (c *Conn[T]) unreadyLocked(now time.Time, n int, unclaimed bool) *Item[T] {
	s, e := c.s, c.e
	if c.last || c.state == connClosed || e.holds(now) || s.allowed(now, e, message(1, 1)).After(now) {
		return nil
	}
	room := s.room()
	for k := range e.paths {
		p := e.paths[(e.nextPath+k)%len(e.paths)]
		if !p.serves(now, e) {
			continue
		}
		f, lane, it := s.firstLocked(now, p, room)
		if f == nil {
			continue
		}
		if it == nil || it.unready() && !(unclaimed && it.claimed) {
			return it
		}
		return p.unready(f, lane, room.has(lane), n, unclaimed)
	}
	return nil
}

// firstLocked returns the flow of a path that goes next, its lane and its item; no
// flow when there is none. It parks the items that a scope of theirs does not let
// go.
func (s *Scheduler[T]) firstLocked(now time.Time, p *path[T], room laneSet) (f *flow[T], lane Lane, it *Item[T]) {
	for range mostLooked {
		s.offersLocked(now)
		if f, lane = p.pick(room); f == nil {
			return nil, 0, nil
		}
		if it = s.headLocked(f, lane, room); it == nil || !s.parksLocked(now, it) {
			return f, lane, it
		}
		s.rescheduleFlowLocked(now, f)
	}
	return nil, 0, nil
}

// unready returns an unready item among the first of n flows of a lane and the
// first n of f; nil when there is none.
func (p *path[T]) unready(f *flow[T], lane Lane, room bool, n int, unclaimed bool) *Item[T] {
	if !room {
		return nil
	}
	k := 0
	for next := p.rings[lane][untried].head; next != nil && k < n; next = next.nodes.at[lane][untried].next {
		if it := next.head(lane, true); it != nil && it.unready() && !(unclaimed && it.claimed) {
			return it
		}
		k++
	}
	first := f.queues[lane][untried].first()
	if first == nil || !f.inRing(lane, untried) {
		return nil
	}
	for it := first.next; it != first && k < n; it = it.next {
		if it.unready() && !(unclaimed && it.claimed) {
			return it
		}
		k++
	}
	return nil
}
