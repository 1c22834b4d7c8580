package smtpace

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// SendAll sends messages in bulk and returns when all that were taken from seq
// are settled. It calls done once for each message, when its last recipient is
// settled, never concurrently. Results come in the order in which they are
// decided. done may be nil. A done that takes its time holds up no connection and
// no other mail: while 1,000 Results wait for it, SendAll takes no further message
// from seq.
// First tries of messages given singly go before those in bulk, in at most 9 of
// 10 cases.
//
// SendAll takes messages from seq as there is room for them (Config.MaxQueued,
// Config.MaxQueuedBytes). They are rendered when a connection takes them. Destinations
// that accept nothing leave room for others. When a destination has as many messages
// waiting as it may, SendAll waits until the destination settles some. If it settles
// none for Config.BulkPatience, the recipients of the message are NotTried, with errors
// that wrap ErrNoRoom, and SendAll goes on with the next message. Such a message may be
// given again later. The recipients of an invalid message are Refused, with errors that
// wrap ErrInvalid, and the others are sent.
//
// The error is nil when seq was taken to its end, whatever became of the
// messages. Else it is ErrClosed or the cause of ctx, whose end withdraws the
// messages that are not settled, as in Send.
func (s *Sender) SendAll(ctx context.Context, seq iter.Seq[Message], done func(*Result)) error {
	b := s.newBatch(done)
	defer s.endBatch(b)
	stop := context.AfterFunc(ctx, func() { s.withdrawBatch(b, context.Cause(ctx)) })
	defer stop()
	var failed error
	for m := range seq {
		if failed = s.give(ctx, b, m); failed == nil {
			failed = b.room(ctx, s.registry.closing)
		}
		if failed != nil {
			break
		}
	}
	if ctx.Err() != nil { // what was accepted while the withdrawal ran
		s.withdrawBatch(b, context.Cause(ctx))
	}
	b.pending.Wait()
	b.awaitReaders()
	return failed
}

// awaitReaders waits until no Msg of the batch is read any more, but not for long: a Msg
// of a withdrawn message may have a slow writer.
func (b *batch) awaitReaders() {
	read := make(chan struct{})
	go func() {
		b.readers.Wait()
		close(read)
	}()
	t := time.NewTimer(abandonAfter)
	defer t.Stop()
	select {
	case <-read:
	case <-t.C:
	}
}

// give accepts a message of a batch. A message that cannot be sent gets a Result.
// The error is ErrClosed or the cause of ctx.
func (s *Sender) give(ctx context.Context, b *batch, m Message) error {
	b.begin()
	_, err := s.accept(ctx, &incoming{message: m, lane: throttle.Bulk, batch: b})
	switch {
	case err == nil:
	case errors.Is(err, ErrInvalid):
		b.reuses = b.reuses || err == errMsgInUse
		b.add(unreported{nil, m.unsent(Refused, err)})
	case errors.Is(err, ErrNoRoom):
		b.add(unreported{nil, m.unsent(NotTried, err)})
	default:
		b.end()
		return err
	}
	return nil
}

// withdrawBatch withdraws all messages of a SendAll.
func (s *Sender) withdrawBatch(b *batch, why error) {
	s.registry.each(func(sub *Submission) {
		if sub.batch == b {
			sub.withdraw(why, true)
		}
	})
}

// unsent returns the Result of a message that was not accepted.
func (m Message) unsent(status Status, why error) *Result {
	now := time.Now()
	r := &Result{ID: m.ID, Accepted: now, Settled: now}
	_, to, _ := m.parties(nil)
	for _, a := range slices.Compact(to) {
		r.Recipients = append(r.Recipients, Recipient{Address: a, Status: status, Err: why})
	}
	if r.Recipients == nil {
		r.Recipients = []Recipient{{Status: status, Err: why}}
	}
	return r
}
