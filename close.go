package smtpace

import (
	"context"
	"slices"
	"time"
)

// Shutdown stops taking messages, lets every transaction on the wire finish,
// and settles all that waits as NotTried, or GaveUp when it was tried before,
// with ErrClosed. When ctx ends before that, it does as Close and returns the
// cause of ctx. After it no goroutine, connection or timer of the Sender is
// left. It may be called more than once, and together with Close.
func (s *Sender) Shutdown(ctx context.Context) error {
	s.stop()
	err := s.pool.Shutdown(ctx)
	s.waitSettled()
	s.save()
	return err
}

// Close stops now: connections are cut, and all that is not settled is settled
// with ErrClosed, as Unknown where a final dot was sent without a reply. After
// it no goroutine, connection or timer of the Sender is left. It may be called
// more than once, and together with Shutdown.
func (s *Sender) Close() error {
	s.stop()
	err := s.pool.Close()
	s.waitSettled()
	s.save()
	return err
}

// stop refuses new messages and withdraws those that are not on the wire.
func (s *Sender) stop() {
	s.mu.Lock()
	s.closed = true
	s.stopping.Store(true)
	for _, t := range []*time.Timer{s.expiry, s.sweeper, s.saver} {
		if t != nil {
			t.Stop()
		}
	}
	waiting := slices.Clone(s.live)
	s.mu.Unlock()
	s.single.close()
	s.bulk.close()
	s.dispatcher.stop()
	s.resting.stop()
	for _, l := range waiting {
		l.withdraw(ErrClosed, false)
	}
}

// waitSettled waits for the last done to be called.
func (s *Sender) waitSettled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.live) > 0 || s.reporting > 0 {
		s.idle.Wait()
	}
}
