package throttle

import (
	"slices"
	"time"
)

// Bounds of the time after which a further path has its turn, while the limits of a
// parent allow a message and the returned item was not granted. It doubles each time.
const (
	firstExtra   = 10 * time.Millisecond
	longestExtra = time.Second
)

// bringBackOfLocked puts parked items of a parent back in their queues, as far as
// its limits allow.
func (s *Scheduler[T]) bringBackOfLocked(now time.Time, p *parent[T]) {
	s.waitLocked(p, time.Time{})
	s.partialLocked(p, false)
	p.need, p.bytes = 0, 0
	for {
		q, idle := s.nextTurnsLocked(now, p)
		if q == nil {
			return
		}
		it := q.lots[0].parked.first()
		n, _ := s.recipientsOf(now, it)
		if t := p.allows(now, n, it.job.Bytes); t.After(now) {
			if p.free() > 0 {
				p.need, p.bytes = int32(n), it.job.Bytes
			}
			s.waitLocked(p, t)
			return
		}
		if !idle && p.back >= p.slack()+p.extra {
			s.partialLocked(p, true)
			s.waitLocked(p, now.Add(min(firstExtra<<min(p.extra, 10), longestExtra)))
			return
		}
		s.returnLocked(now, q)
	}
}

// nextTurnsLocked returns the next turns: the first with an idle connection on its path,
// else the first of all. It returns nil when none have a lot in turn.
func (s *Scheduler[T]) nextTurnsLocked(now time.Time, p *parent[T]) (next *turns[T], idle bool) {
	order := [lanes]Lane{Single, Bulk}
	if p.singles >= singleTurns {
		order = [lanes]Lane{Bulk, Single}
	}
	for _, lane := range order {
		for len(p.wanting[lane]) > 0 && !p.wanting[lane][0].mayBringBack(s) {
			p.wanted(lane)
		}
		if next == nil && len(p.wanting[lane]) > 0 {
			next = p.wanting[lane][0]
		}
	}
	if s.idleConns.Len() == 0 {
		return next, false
	}
	for _, lane := range order {
		for _, q := range p.wanting[lane] {
			if q.path.idles(now) && q.mayBringBack(s) {
				return q, true
			}
		}
	}
	return next, false
}

// wanted takes the first turns of a lane out of wanting.
func (p *parent[T]) wanted(lane Lane) {
	all := p.wanting[lane]
	all[0].wanting = false
	all[0] = nil
	if p.wanting[lane] = all[1:]; len(all) == 1 {
		p.wanting[lane] = nil
	}
}

// idles reports whether an endpoint that serves the path has an idle connection.
func (p *path[T]) idles(now time.Time) bool {
	return slices.ContainsFunc(p.endpoints, func(e *endpoint[T]) bool { return len(e.idle) > 0 && !e.down && p.serves(now, e) })
}

// returnLocked puts the first item of turns back in front of its queue.
func (s *Scheduler[T]) returnLocked(now time.Time, q *turns[T]) {
	p, l := q.of, q.lots[0]
	q.drop()
	lane := q.class.lane
	if len(p.wanting[lane]) > 0 && p.wanting[lane][0] == q {
		p.wanted(lane)
	}
	if p.singles++; lane == Bulk {
		p.singles = 0
	}
	q.back = l
	p.back++
	p.parked--
	s.returned++
	it := l.bringBack()
	s.rescheduleFlowLocked(now, it.flow)
}

// pullLocked puts items back for a connection of an endpoint that has nothing
// else to do.
func (s *Scheduler[T]) pullLocked(now time.Time, e *endpoint[T], of []*parent[T]) {
	for _, p := range of {
		if len(p.wanting[Single])+len(p.wanting[Bulk]) == 0 {
			continue
		}
		for _, path := range e.paths {
			if !path.serves(now, e) {
				continue
			}
			for _, c := range classes {
				q := p.turns[turnsKey[T]{path, c}]
				if q == nil || !q.mayBringBack(s) {
					continue
				}
				it := q.lots[0].parked.first()
				if n, _ := s.recipientsOf(now, it); !p.allows(now, n, it.job.Bytes).After(now) {
					s.returnLocked(now, q)
				}
			}
		}
	}
}

// partialLocked notes whether a parent allows more than it has put back.
func (s *Scheduler[T]) partialLocked(p *parent[T], partial bool) {
	if p.partial == partial {
		return
	}
	p.partial = partial
	if partial {
		s.partial = append(s.partial, p)
	} else {
		i := slices.Index(s.partial, p)
		s.partial = slices.Delete(s.partial, i, i+1)
	}
}

// waitLocked sets the time at which a parent is looked at again; zero and never
// set none.
func (s *Scheduler[T]) waitLocked(p *parent[T], until time.Time) {
	if p.pos >= 0 {
		s.waiting.remove(p)
		p.pos = -1
	}
	if until.IsZero() || until.Equal(never) {
		return
	}
	p.until = until
	s.waiting.push(p)
	if p.pos == 0 {
		s.stirred.Store(true) // Drive must return it
	}
}
