package smtpace

import "time"

// sweepDelay is how long after a message has been settled the Scheduler is
// asked to forget what has no work: longer than it keeps that.
const sweepDelay = 15 * time.Second

// sweepLaterLocked has the Scheduler forget what is idle by then. There is one
// timer, and none when nothing is left to forget.
func (s *Sender) sweepLaterLocked(d time.Duration) {
	s.sweeping = true
	if s.sweeper == nil {
		s.sweeper = time.AfterFunc(d, s.sweep)
		return
	}
	s.sweeper.Reset(d)
}

func (s *Sender) sweep() {
	now := time.Now()
	next := s.sched.Sweep(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeping = false
	if !next.IsZero() && !s.closed {
		s.sweepLaterLocked(max(next.Sub(now), sweepDelay))
	}
}
