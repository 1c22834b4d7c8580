package smtpace

import (
	"container/heap"
	"time"
)

// never is longer than any process lives.
const never = 100 * 365 * 24 * time.Hour

// expiries is the letters that are not settled, the next to expire first.
type expiries []alive

// alive is a letter that is not settled. The time stands beside it, not in it,
// for the heap compares times far more often than it looks at letters.
type alive struct {
	wakes time.Time // when it expires, until that time has come
	*letter
}

func (h expiries) Len() int           { return len(h) }
func (h expiries) Less(i, j int) bool { return h[i].wakes.Before(h[j].wakes) }

// Swap is part of heap.Interface.
func (h expiries) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].livePos, h[j].livePos = i, j
}

// Push is part of heap.Interface; use add.
func (h *expiries) Push(l any) {
	l.(alive).livePos = len(*h)
	*h = append(*h, l.(alive))
}

// Pop is part of heap.Interface; use remove.
func (h *expiries) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = alive{}
	*h = old[:len(old)-1]
	if cap(old) > 1024 && len(*h) < cap(old)/4 {
		*h = append(make(expiries, 0, cap(old)/2), *h...)
	}
	return l
}

func (h *expiries) add(l *letter)    { heap.Push(h, alive{l.expires, l}) }
func (h *expiries) remove(l *letter) { heap.Remove(h, l.livePos) }

// alarmLocked sets the timer for the next letter to expire. A timer that is
// set for earlier stays: it finds nothing and sets the next.
func (s *Sender) alarmLocked() {
	if len(s.live) == 0 || s.closed {
		return
	}
	next := s.live[0].wakes
	if !s.wakesAt.IsZero() && !next.Before(s.wakesAt) {
		return
	}
	s.wakesAt = next
	if s.expiry == nil {
		s.expiry = time.AfterFunc(time.Until(next), s.expire)
		return
	}
	s.expiry.Reset(time.Until(next))
}

// expire withdraws what has expired. What is on the wire is left to finish.
func (s *Sender) expire() {
	now := time.Now()
	var due []*letter
	s.mu.Lock()
	s.wakesAt = time.Time{}
	for len(s.live) > 0 && !s.live[0].wakes.After(now) {
		l := &s.live[0]
		due = append(due, l.letter)
		l.wakes = l.wakes.Add(never) // it is done with, once it leaves the wire
		heap.Fix(&s.live, 0)
	}
	s.mu.Unlock()
	for _, l := range due {
		l.withdraw(ErrExpired, false)
	}
	s.mu.Lock()
	s.alarmLocked()
	s.mu.Unlock()
}
