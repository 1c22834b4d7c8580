package throttle

import "time"

// Sweep forgets destinations that have had no work for a while and whose place
// a new one would fill the same: buckets full, lessons stale. It returns when
// the next may be forgotten; zero when none waits for it. Other methods sweep a
// little as they go; call Sweep when nothing else is called for long.
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
	if d.resting || d.starved || d.busy > 0 || d.held > 0 {
		return
	}
	d.resting = true
	s.idle.PushBack(idled[T]{d, now})
}

// sweepLocked looks at n idle destinations at most.
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
		d := first.d
		d.resting = false
		if d.queued > 0 || d.starved || d.busy > 0 || d.held > 0 {
			continue // it comes back when that is over
		}
		if !d.fresh(now) {
			s.idleLocked(d, now) // it is in debt: forgetting would forgive it
			continue
		}
		s.forgetLocked(d, now)
	}
}

func (s *Scheduler[T]) forgetLocked(d *destination[T], now time.Time) {
	s.dests.drop(d.name)
	p := d.path
	s.leaveLocked(p)
	if p.members > 0 {
		return
	}
	for _, e := range p.endpoints {
		if !e.pinned && len(e.paths) == 0 && !e.down && e.fresh(now) {
			s.endpoints.drop(e.name)
		}
	}
}
