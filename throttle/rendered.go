package throttle

import (
	"container/heap"
	"time"

	"github.com/smtpace/smtpace/internal/share"
)

// singleReserve is the part of MaxHeld and MaxHeldBytes that Bulk items leave
// to Single ones.
const singleReserve = 1.0 / 8

// Hold notes that a message of a destination is held rendered from now on, for
// an item of a lane.
func (s *Scheduler[T]) Hold(now time.Time, name string, lane Lane, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, _ := s.dests.get(name)
	s.holdLocked(d, lane, 1, bytes)
	if d != nil {
		s.rescheduleLocked(now, d)
	}
}

// holdLocked counts n messages of a destination, nil for one that is not known, as
// held.
func (s *Scheduler[T]) holdLocked(d *destination[T], lane Lane, n int, bytes int64) {
	s.rendered += n
	s.renderedBytes += bytes
	if d != nil {
		d.rendered[lane] += int32(n)
		d.bytes[lane] += bytes
	}
}

// Release notes that a message is no longer held, with the arguments of Hold.
func (s *Scheduler[T]) Release(now time.Time, name string, lane Lane, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, _ := s.dests.get(name)
	before := s.room()
	s.holdLocked(d, lane, -1, -bytes)
	if d != nil {
		s.rescheduleLocked(now, d)
	}
	s.roomierLocked(now, before)
}

// roomierLocked has what waits for room looked at again, after something was held no
// longer. before is the room there was.
func (s *Scheduler[T]) roomierLocked(now time.Time, before laneSet) {
	free := s.freePart()
	for len(s.capped) > 0 && free > s.capped[0].level {
		s.rescheduleLocked(now, s.capped[0].d)
	}
	if s.room() != before {
		for f := range s.lots {
			s.rescheduleFlowLocked(now, f)
		}
		s.stirAllLocked()
	}
}

// freePart returns the free part of MaxHeld or of MaxHeldBytes, the smaller of
// the two. It is negative when more is held than may be.
func (s *Scheduler[T]) freePart() float64 { return 1 - s.part(int64(s.rendered), s.renderedBytes) }

// part returns so many messages and bytes as a part of MaxHeld and of
// MaxHeldBytes, the larger of the two.
func (s *Scheduler[T]) part(messages, bytes int64) float64 {
	m, b := float64(messages)/float64(s.cfg.MaxHeld), float64(bytes)/float64(s.cfg.MaxHeldBytes)
	if m < b { // max would look for numbers that are none
		return b
	}
	return m
}

// room returns the lanes in which an item that is not held rendered may go, as far as all
// destinations together are concerned.
func (s *Scheduler[T]) room() (by laneSet) {
	free := s.freePart()
	by.set(Single, free > 0)
	by.set(Bulk, free > singleReserve)
	return by
}

// shares returns the lanes in which items of a destination that are not held rendered may
// go. It looks at the share of the destination only. full is the part that must be free
// before items of another lane may; 0 when none waits for that.
func (s *Scheduler[T]) shares(d *destination[T]) (by laneSet, full float64) {
	by = bothLanes
	if d.renders() == 0 {
		return by, 0 // room is all that it needs
	}
	free := s.freePart()
	for lane := range Lane(lanes) {
		if d.rendered[lane] == 0 {
			continue
		}
		least := share.Level(s.part(int64(d.rendered[lane]), d.bytes[lane]))
		if lane == Bulk {
			least += singleReserve
		}
		by.set(lane, free > least)
		if !by.has(lane) && d.unrendered(lane) > 0 && (full == 0 || least < full) {
			full = least
		}
	}
	return by, full
}

// waitsForRoom reports whether items of d that are not held rendered wait, and
// all of them for what all destinations hold together.
func (s *Scheduler[T]) waitsForRoom(d *destination[T]) bool {
	room, waits := s.room(), false
	for lane := range Lane(lanes) {
		if d.unrendered(lane) > 0 {
			if room.has(lane) {
				return false
			}
			waits = true
		}
	}
	return waits
}

// capLocked sets the part that must be free before the destination is
// rescheduled; 0 sets none.
func (s *Scheduler[T]) capLocked(d *destination[T], level float64) {
	if d.cappedPos >= 0 {
		if s.capped[d.cappedPos].level == level {
			return
		}
		heap.Remove(&s.capped, int(d.cappedPos))
	}
	if level > 0 {
		heap.Push(&s.capped, cappedDestination[T]{level, d})
	}
}

// cappedDestination is a destination that holds its share, with the part to be free
// before it may hold more.
type cappedDestination[T any] struct {
	level float64
	d     *destination[T]
}

// cappedHeap is a container/heap of them, the lowest level first.
type cappedHeap[T any] []cappedDestination[T]

func (h cappedHeap[T]) Len() int           { return len(h) }
func (h cappedHeap[T]) Less(i, j int) bool { return h[i].level < h[j].level }

// Swap implements heap.Interface.
func (h cappedHeap[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].d.cappedPos, h[j].d.cappedPos = int32(i), int32(j)
}

// Push implements heap.Interface.
func (h *cappedHeap[T]) Push(e any) {
	e.(cappedDestination[T]).d.cappedPos = int32(len(*h))
	*h = append(*h, e.(cappedDestination[T]))
}

// Pop implements heap.Interface.
func (h *cappedHeap[T]) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = cappedDestination[T]{}
	*h = old[:len(old)-1]
	last.d.cappedPos = -1
	return last
}
