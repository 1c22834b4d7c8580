package throttle

import "time"

const (
	// keepIdle is how long what has no work is kept.
	keepIdle = 10 * time.Second
	// maxIdle is how many are kept for that long.
	maxIdle = 10_000
)

// idled is a destination without work, or an endpoint that no destination goes
// through, and since when.
type idled[T any] struct {
	d     *destination[T]
	e     *endpoint[T]
	since time.Time
}

// Sweep forgets destinations that have had no work for a while and whose place
// a new one would fill the same: buckets full, lessons stale; then endpoints
// that none goes through any more. It returns when the next may be forgotten;
// zero when none waits for it. Other methods sweep a little as they go; call
// Sweep when nothing else is called for long.
func (s *Scheduler[T]) Sweep(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(now, s.idle.Len())
	if at := s.idle.Front(); at != nil {
		return at.Value.(idled[T]).since.Add(keepIdle)
	}
	return time.Time{}
}

// idleLocked notes that a destination has no work.
func (s *Scheduler[T]) idleLocked(d *destination[T], now time.Time) {
	if d.idle || d.busy > 0 || d.holds() > 0 {
		return
	}
	d.idle = true
	s.idle.PushBack(idled[T]{d: d, since: now})
}

// spareLocked notes that an endpoint may have no path left.
func (s *Scheduler[T]) spareLocked(e *endpoint[T], now time.Time) {
	if e.idle || e.pinned || len(e.paths) > 0 {
		return
	}
	e.idle = true
	s.idle.PushBack(idled[T]{e: e, since: now})
}

// sweepLocked looks at n of what is idle at most.
func (s *Scheduler[T]) sweepLocked(now time.Time, n int) {
	for ; n > 0; n-- {
		at := s.idle.Front()
		if at == nil {
			return
		}
		first := at.Value.(idled[T])
		if now.Sub(first.since) < keepIdle && s.idle.Len() <= maxIdle {
			return
		}
		s.idle.Remove(at)
		if first.e != nil {
			s.forgetEndpointLocked(first.e, now)
		} else {
			s.forgetLocked(first.d, now)
		}
	}
}

func (s *Scheduler[T]) forgetLocked(d *destination[T], now time.Time) {
	d.idle = false
	switch {
	case d.queued > 0 || d.busy > 0 || d.holds() > 0: // it comes back when that is over
	case !d.scope.idle(now) || !d.boxes.stale(now): // it is in debt: forgetting would forgive it
		s.idleLocked(d, now)
	default:
		s.dests.drop(d.name)
		s.leavePathsLocked(d, now)
	}
}

func (s *Scheduler[T]) forgetEndpointLocked(e *endpoint[T], now time.Time) {
	e.idle = false
	switch {
	case e.pinned || len(e.paths) > 0:
	case !e.scope.idle(now) || e.down && now.Sub(e.until) < lessonLife:
		s.spareLocked(e, now)
	default:
		if e.alarmPos >= 0 {
			s.alarms.remove(e)
			e.alarmPos = -1
		}
		s.endpoints.drop(e.name)
	}
}
