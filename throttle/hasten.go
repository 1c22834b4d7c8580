package throttle

import (
	"math"
	"time"
)

// RetryNow makes what waits at a destination for its next try due within a second,
// as if no schedule had put it off that far. Limits, pauses and breakers go on to
// hold it. Items that are pushed meanwhile may be made due, too.
func (s *Scheduler[T]) RetryNow(now time.Time, name string) {
	for found := true; found; { // what others move while the lock is free may be missed
		found = false
		for flow, known := 0, true; known; flow++ {
			for at := math.MaxInt; at > 0; {
				var some bool
				at, some, known = s.hastenSome(now, name, flow, at)
				found = found || some
			}
		}
	}
}

// hastenSome hastens delayed items of the flow of that number, from an index of its
// heap towards the front and a batch at most. It returns the index that it has come
// to and whether it has hastened any; known is false when there is no such flow. No
// item that stays where it was is passed by: what is hastened moves to the front,
// and its place is looked at again.
func (s *Scheduler[T]) hastenSome(now time.Time, name string, flow, from int) (at int, found, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.dests.get(name)
	if !ok || flow > len(d.more) {
		return 0, false, false
	}
	f := &d.first
	if flow > 0 {
		f = d.more[flow-1]
	}
	if f.delayed == nil {
		return 0, false, true
	}
	at = min(from, len(*f.delayed))
	for n := 0; n < batch && at > 0; n++ {
		if (*f.delayed)[at-1].hasten(now) {
			found = true
			continue
		}
		at--
	}
	if found {
		s.rescheduleFlowLocked(now, f)
	}
	return at, found, true
}

// hasten lets a delayed item go after firstGap at the latest. It reports false for
// one that goes so soon anyway.
func (it *Item[T]) hasten(now time.Time) bool {
	soon := now.Add(firstGap)
	if it.state != delayed || !it.job.NotBefore.After(soon) {
		return false
	}
	it.flow.delayed.remove(it)
	it.job.NotBefore, it.wait = soon, min(it.wait, firstGap)
	it.flow.delayed.push(it)
	return true
}
