package throttle

import (
	"math"
	"time"
)

// Pause stops a destination: what waits for it stays in the queue, and what is
// pushed for it joins that, until Resume. What is under way goes on. It need
// not be known yet. A pause is not part of a snapshot.
func (s *Scheduler[T]) Pause(now time.Time, name string) { s.pause(now, name, true) }

// Resume ends a Pause; mail goes on at the pace that was learned.
func (s *Scheduler[T]) Resume(now time.Time, name string) { s.pause(now, name, false) }

func (s *Scheduler[T]) pause(now time.Time, name string, paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !paused:
		delete(s.paused, name)
	case s.paused == nil:
		s.paused = map[string]bool{name: true}
	default:
		s.paused[name] = true
	}
	if d, ok := s.dests.get(name); ok {
		d.paused = paused
		s.rescheduleLocked(now, d)
	}
}

// Forget drops what was learned of the destination or the endpoint of that
// name, pauses that receivers asked for included. Limits that are set, and what
// has been used of them, stay.
func (s *Scheduler[T]) Forget(now time.Time, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored.forget(name)
	if e, ok := s.endpoints.get(name); ok {
		e.forget()
		e.shared, e.recent = sharedRefusals{}, recentTotals{}
		s.stirLocked(e)
	}
	if d, ok := s.dests.get(name); ok {
		d.forget()
		d.recent = recentTotals{}
		d.forgetMailboxes()
		s.rescheduleLocked(now, d)
	}
}

// Admits reports whether the warm-up of a destination leaves room today for n
// messages more than those that wait, or says that they may wait for it. It is
// true for a destination without a warm-up.
func (s *Scheduler[T]) Admits(now time.Time, name string, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.cfg.WarmUps[name]
	if !ok || !w.Refuse {
		return true
	}
	left, waiting := math.MaxInt, 0
	if d, ok := s.dests.get(name); ok {
		left, waiting = d.meter(warmUpKind).(*warmUpMeter).left(now), int(d.queued)
	} else {
		fresh := warmUpMeter{plan: &w}
		s.restored.warm(now, name, &fresh)
		left = fresh.left(now)
	}
	return n <= left-waiting
}
