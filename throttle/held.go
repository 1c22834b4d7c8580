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

// Release notes that a message that Hold was told of is held no more.
func (s *Scheduler[T]) Release(now time.Time, name string, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.room()
	s.held--
	s.heldBytes -= bytes
	if d, ok := s.dests.get(name); ok {
		d.held--
		d.bytes -= bytes
		s.placeLocked(d, now)
	}
	if s.room() != before {
		s.stirAllLocked()
	}
}

// room tells in which lanes an item that was never tried may go: when it is
// rendered it will be held until it is settled. The Bulk lane leaves room for
// what is given singly.
func (s *Scheduler[T]) room() (by [lanes]bool) {
	messages, bytes := s.cfg.MaxHeld, s.cfg.MaxHeldBytes
	by[Single] = s.held < messages && s.heldBytes < bytes
	by[Bulk] = s.held < max(messages-messages/8, 1) && s.heldBytes < max(bytes-bytes/8, 1)
	return by
}

// shareTaken reports whether a destination holds so much that nothing of it may
// go that was never tried.
func (s *Scheduler[T]) shareTaken(d *destination[T]) bool {
	return int(d.held) >= max(s.cfg.MaxHeld/2, 1) || d.bytes >= max(s.cfg.MaxHeldBytes/2, 1)
}
