package smtpace

import "context"

// Shutdown stops taking messages, lets every transaction on the wire finish,
// and settles all that waits as NotTried, or GaveUp when it was tried before,
// with ErrClosed. When ctx ends before that, it does as Close and returns the
// cause of ctx. After it no goroutine, connection or timer of the Sender is
// left. It may be called more than once, and together with Close.
func (s *Sender) Shutdown(ctx context.Context) error {
	s.stop()
	err := s.pool.Shutdown(ctx)
	s.registry.wait()
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
	s.registry.wait()
	s.save()
	return err
}

// stop refuses new messages and withdraws those that are not on the wire.
func (s *Sender) stop() {
	s.registry.stop()
	s.sweeper.stop()
	s.saver.stop()
	s.single.close()
	s.bulk.close()
	s.dispatcher.stop()
	s.routing.stop()
	s.cache.stop()
	s.registry.each(func(sub *Submission) { sub.withdraw(ErrClosed, false) })
}
