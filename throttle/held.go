package throttle

import "time"

// Hold notes that a message of a destination is held rendered from now on.
func (s *Scheduler[T]) Hold(name string, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held++
	s.heldBytes += bytes
	if d, ok := s.dests.get(name); ok {
		d.held++
		d.bytes += bytes
	}
}

// Release notes that a message that Hold was told of is held no more. It
// reports whether items may go now that could not go before.
func (s *Scheduler[T]) Release(now time.Time, name string, bytes int64) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	s.heldBytes -= bytes
	if d, ok := s.dests.get(name); ok {
		d.held--
		d.bytes -= bytes
		s.placeLocked(d, now)
	}
	// Two for one: what is freed by bytes can be more than one message's turn.
	for range 2 {
		at := s.starved.Front()
		if at == nil {
			break
		}
		d := s.starved.Remove(at).(*destination[T])
		d.starved = false
		s.placeLocked(d, now)
		more = more || d.credit > 0
	}
	return more
}

// freshLocked reports whether an item that was never tried may go: when it is
// rendered it will be held until it is settled.
func (s *Scheduler[T]) freshLocked(d *destination[T], lane Lane) bool {
	messages, bytes := s.cfg.MaxHeld, s.cfg.MaxHeldBytes
	if d.held >= max(messages/2, 1) || d.bytes >= max(bytes/2, 1) {
		return false
	}
	if lane == Bulk { // leave room for what is given singly
		messages, bytes = max(messages*7/8, 1), max(bytes/8*7, 1)
	}
	return s.held < messages && s.heldBytes < bytes
}
