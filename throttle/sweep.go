package throttle

import "time"

const (
	// keepUnused is the time for which a destination or an endpoint without
	// work is kept.
	keepUnused = 10 * time.Second
	// maxUnused is the number of them that are kept for that long.
	maxUnused = 10_000
)

// unusedEntry is a destination or a parent without work, or an endpoint without
// paths, and the time since which it has been so.
type unusedEntry[T any] struct {
	d     *destination[T]
	e     *endpoint[T]
	p     *parent[T]
	since time.Time
}

// Sweep forgets destinations without work for a while that a new one would
// equal: their buckets are full and their lessons stale. Then it forgets
// endpoints without paths. It returns the time at which to sweep again; zero
// when nothing waits for it. Other methods sweep a little: call Sweep only when
// nothing else is called for long. It gives way to others in between.
func (s *Scheduler[T]) Sweep(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := s.unused.Len(); n > 0; n -= batch {
		s.sweepLocked(now, min(n, batch))
		s.mu.Unlock()
		s.mu.Lock()
	}
	if at := s.unused.Front(); at != nil {
		return at.Value.(unusedEntry[T]).since.Add(keepUnused)
	}
	return time.Time{}
}

// unusedLocked notes that a destination has no work.
func (s *Scheduler[T]) unusedLocked(now time.Time, d *destination[T]) {
	if d.unused || d.inUse > 0 || d.renders() > 0 {
		return
	}
	d.unused = true
	s.unused.PushBack(unusedEntry[T]{d: d, since: now})
	d.dropPutOff()
}

// unusedEndpointLocked notes that an endpoint may have no path left.
func (s *Scheduler[T]) unusedEndpointLocked(now time.Time, e *endpoint[T]) {
	if e.unused || e.pinned || len(e.paths) > 0 {
		return
	}
	e.unused = true
	s.unused.PushBack(unusedEntry[T]{e: e, since: now})
}

// sweepLocked looks at up to n unused destinations and endpoints.
func (s *Scheduler[T]) sweepLocked(now time.Time, n int) {
	for ; n > 0; n-- {
		at := s.unused.Front()
		if at == nil {
			return
		}
		first := at.Value.(unusedEntry[T])
		if now.Sub(first.since) < keepUnused && s.unused.Len() <= maxUnused {
			return
		}
		s.unused.Remove(at)
		switch {
		case first.e != nil:
			s.forgetEndpointLocked(now, first.e)
		case first.p != nil:
			s.forgetParentLocked(now, first.p)
		default:
			s.forgetLocked(now, first.d)
		}
	}
}

func (s *Scheduler[T]) forgetLocked(now time.Time, d *destination[T]) {
	d.unused = false
	switch {
	case d.queued > 0 || d.inUse > 0 || d.renders() > 0: // it comes back when that is over
	case !d.scope.asNew(now) || !d.boxes.stale(now) || !d.bars.stale(now): // it is in debt: forgetting would forgive it
		s.unusedLocked(now, d)
	default:
		s.forgetBarsLocked(d)
		s.dests.drop(d.name)
		s.leavePathsLocked(now, d)
	}
}

func (s *Scheduler[T]) forgetEndpointLocked(now time.Time, e *endpoint[T]) {
	e.unused = false
	switch {
	case e.pinned || len(e.paths) > 0:
	case !e.scope.asNew(now) || e.rests() && now.Sub(e.restsUntil()) < lessonLife:
		s.unusedEndpointLocked(now, e)
	default:
		if e.alarmPos >= 0 {
			s.alarms.remove(e)
			e.alarmPos = -1
		}
		s.forgetSenders(e)
		s.endpoints.drop(e.name)
	}
}

func (s *Scheduler[T]) forgetParentLocked(now time.Time, p *parent[T]) {
	p.unused = false
	switch {
	case p.works(): // it comes back when that is over
	case !p.scope.asNew(now):
		s.unusedParentLocked(now, p)
	default:
		s.waitLocked(p, time.Time{})
		s.partialLocked(p, false)
		s.letsHolderLocked(p)
		s.parents.drop(p.key)
	}
}
