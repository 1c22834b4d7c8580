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
// are settled. done is called once for each, as its last recipient is settled,
// never concurrently; results come in the order in which they are decided. It
// may be nil.
// First tries of messages given singly go before those in bulk, in at most 9 of
// 10 turns.
//
// Messages are taken from seq as there is room for them (Config.MaxQueued,
// Config.MaxQueuedBytes), and rendered when their turn comes. Destinations that
// accept nothing leave room for others. When seq gives more messages to one
// destination than may wait for it, SendAll waits while that destination settles
// some; when it settles none for Config.BulkPatience, the message gets a Result
// whose recipients are NotTried, with errors that wrap ErrNoRoom, and SendAll
// goes on with the next: it may be given again later.
// A message that is invalid gets a Result whose recipients are Refused, with
// errors that wrap ErrInvalid, and the others are sent.
//
// The error is nil when seq was taken to its end, whatever became of the
// messages; else it is the cause of ctx, whose end withdraws what is not
// settled as in Send, or ErrClosed.
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
		_, err := s.accept(ctx, &acceptance{message: m, lane: throttle.Bulk, batch: b, onSettled: settled})
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
	mu      sync.Mutex // held over done, so that it is never called concurrently
}

func (b *batch) settled(r *Result) {
	defer b.pending.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done(r)
}

func (s *Sender) withdrawBatch(b *batch, why error) {
	s.registry.each(func(sub *Submission) {
		if sub.batch == b {
			sub.withdraw(why, true)
		}
	})
}

// unsent returns the Result of a message that was not taken in.
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
