package smtpace

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// SendAll sends messages in bulk and returns when all that were taken from seq
// are settled. It calls done once for each message, when its last recipient is
// settled, never concurrently. Results come in the order in which they are
// decided. done may be nil.
// First tries of messages given singly go before those in bulk, in at most 9 of
// 10 cases.
//
// SendAll takes messages from seq as there is room for them (Config.MaxQueued,
// Config.MaxQueuedBytes). They are rendered when a connection takes them.
// Destinations that accept nothing leave room for others. When a destination has
// as many messages waiting as it may, SendAll waits while the destination settles
// some. When it settles none for Config.BulkPatience, the message gets a Result
// whose recipients are NotTried, with errors that wrap ErrNoRoom, and SendAll
// goes on with the next. Such a message may be given again later.
// A message that is invalid gets a Result whose recipients are Refused, with
// errors that wrap ErrInvalid, and the others are sent.
//
// The error is nil when seq was taken to its end, whatever became of the
// messages. Else it is ErrClosed or the cause of ctx, whose end withdraws the
// messages that are not settled, as in Send.
func (s *Sender) SendAll(ctx context.Context, seq iter.Seq[Message], done func(*Result)) error {
	b := &batch{done: done}
	if done == nil {
		b.done = ignore
	}
	stop := context.AfterFunc(ctx, func() { s.withdrawBatch(b, context.Cause(ctx)) })
	defer stop()
	var failed error
	settled := b.settled
	for m := range seq {
		b.pending.Add(1)
		_, err := s.accept(ctx, &incoming{message: m, lane: throttle.Bulk, batch: b, onSettled: settled})
		switch {
		case err == nil:
			continue
		case errors.Is(err, ErrInvalid):
			b.settled(m.unsent(Refused, err))
			continue
		case errors.Is(err, ErrNoRoom):
			b.settled(m.unsent(NotTried, err))
			continue
		}
		b.pending.Done()
		failed = err
		break
	}
	if ctx.Err() != nil { // what was accepted while the withdrawal ran
		s.withdrawBatch(b, context.Cause(ctx))
	}
	b.pending.Wait()
	return failed
}

// batch is the messages of one SendAll.
type batch struct {
	done    func(*Result)
	pending sync.WaitGroup
	mu      sync.Mutex // held over done
}

// settled calls done with the Result of a message.
func (b *batch) settled(r *Result) {
	defer b.pending.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done(r)
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
	_, to, _ := m.parties()
	for _, a := range slices.Compact(to) {
		r.Recipients = append(r.Recipients, Recipient{Address: a, Status: status, Err: why})
	}
	if r.Recipients == nil {
		r.Recipients = []Recipient{{Status: status, Err: why}}
	}
	return r
}
