package smtpace

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
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

// awaitReaders waits until no Msg of the batch is read any more, but not for long:
// a Msg whose message has been withdrawn may have a writer that takes its time.
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
	b.pending.Add(1)
	_, err := s.accept(ctx, &incoming{message: m, lane: throttle.Bulk, batch: b})
	switch {
	case err == nil:
	case errors.Is(err, ErrInvalid):
		b.reuses = b.reuses || err == errMsgInUse
		b.add(unreported{nil, m.unsent(Refused, err)})
	case errors.Is(err, ErrNoRoom):
		b.add(unreported{nil, m.unsent(NotTried, err)})
	default:
		b.pending.Done()
		return err
	}
	return nil
}

// maxUnreported is the number of Results that wait for the done function of a
// SendAll, at which it takes no further message.
const maxUnreported = 1000

// batch is the messages of one SendAll, with the Results that its done function
// was not given yet. A goroutine calls that function until SendAll has returned, for
// a new one would have to grow its stack first.
type batch struct {
	sender  *Sender
	done    func(*Result) // may be nil
	pending sync.WaitGroup
	readers sync.WaitGroup // renderings of messages that run

	first  []*mail.Msg // the first Msgs of the sequence, firstMsgs at most
	reuses bool        // whether the sequence has given a Msg twice

	rendering *rendering // a rendering that has ended, for the next Msg that is rendered before the sequence goes on; may be nil

	waiting atomic.Int64 // number of Results that wait for the done function

	mu      sync.Mutex
	more    sync.Cond // signalled when there is a Result for the goroutine that waits, or no more work
	queue   []unreported
	few     [reportedAtOnce]unreported // room for the queue while it is short
	running bool                       // whether the goroutine runs
	over    bool                       // whether SendAll has returned
	freed   chan struct{}              // closed when few enough Results wait again; nil while nobody waits for that

	taken [reportedAtOnce]unreported // Results that the goroutine has taken out; it alone uses them
}

// reportedAtOnce is the number of Results that the goroutine of a batch takes out of
// the queue at most, before it calls the done function for each.
const reportedAtOnce = 64

// unreported is a Result for a done function.
type unreported struct {
	sub    *Submission // nil for a message that was not accepted
	result *Result
}

// newBatch returns the batch of a SendAll.
func (s *Sender) newBatch(done func(*Result)) *batch {
	b := &batch{sender: s, done: done}
	b.more.L, b.queue = &b.mu, b.few[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches[b] = struct{}{}
	return b
}

// endBatch forgets a batch, whose goroutine waits no more.
func (s *Sender) endBatch(b *batch) {
	s.mu.Lock()
	delete(s.batches, b)
	s.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.more.Signal()
}

// add has the done function called with a Result. It does not wait.
func (b *batch) add(u unreported) {
	if b.done == nil {
		b.pending.Done()
		return
	}
	b.waiting.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.queue
	b.queue = append(b.queue, u)
	if len(before) == cap(before) {
		clear(before) // few keeps nothing alive
	}
	switch {
	case !b.running:
		b.running = true
		go b.report()
	case len(b.queue) == 1:
		b.more.Signal()
	}
}

// report calls the done function with each Result. It returns when there are none and
// SendAll has returned.
func (b *batch) report() {
	for next := b.next(); len(next) > 0; next = b.next() {
		for i, u := range next {
			next[i] = unreported{} // it is not kept alive
			if b.waiting.Add(-1) == maxUnreported-1 {
				b.free()
			}
			if u.sub != nil {
				b.sender.handOver(u.sub, b.done)
			} else {
				b.sender.callDone(b.done, u.result)
			}
			b.pending.Done()
		}
	}
}

// next waits for Results and takes out those to be reported next: some of messages
// that were accepted, which Unreported can take all the same, or one of another. It
// returns none when SendAll has returned.
func (b *batch) next() []unreported {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) == 0 && !b.over {
		b.queue = b.few[:0]
		b.more.Wait()
	}
	n := 0
	for n < min(len(b.queue), len(b.taken)) && b.queue[n].sub != nil {
		n++
	}
	next := b.taken[:copy(b.taken[:max(n, 1)], b.queue)]
	clear(b.queue[:len(next)])
	b.queue = b.queue[len(next):]
	b.running = len(next) > 0
	return next
}

// free has room return.
func (b *batch) free() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

// room waits while too many Results wait for the done function. Its error is
// ErrClosed or the cause of ctx.
func (b *batch) room(ctx context.Context, closing <-chan struct{}) error {
	if b.waiting.Load() < maxUnreported {
		return nil
	}
	b.mu.Lock()
	if b.freed == nil {
		b.freed = make(chan struct{})
	}
	freed := b.freed
	b.mu.Unlock()
	if b.waiting.Load() < maxUnreported { // it was freed before anybody could say so
		return nil
	}
	select {
	case <-freed:
		return nil
	case <-closing:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// takeUnsent takes out the Results of messages that were not accepted.
func (b *batch) takeUnsent() (results []*Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.queue[:0]
	for _, u := range b.queue {
		if u.sub != nil {
			kept = append(kept, u)
			continue
		}
		results = append(results, u.result)
		if b.waiting.Add(-1) == maxUnreported-1 && b.freed != nil {
			close(b.freed)
			b.freed = nil
		}
		b.pending.Done()
	}
	clear(b.queue[len(kept):])
	b.queue = kept
	return results
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
