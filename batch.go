package smtpace

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wneessen/go-mail"
)

// maxUnreported is the number of Results waiting for the done function of a SendAll at
// which it takes no further message.
const maxUnreported = 1000

// batch is the messages of one SendAll, with the Results that its done function
// was not given yet. A goroutine calls that function until SendAll has returned, for
// a new one would have to grow its stack first.
type batch struct {
	sender  *Sender
	done    func(*Result) // may be nil
	pending sync.WaitGroup
	given   atomic.Int64   // number of messages that pending counts
	readers sync.WaitGroup // renderings of messages that run

	first  []*mail.Msg // the first Msgs of the sequence, firstMsgs at most
	reuses bool        // whether the sequence has given a Msg twice

	rendering *rendering // a rendering that has ended, for the next Msg that is rendered before the sequence goes on; may be nil

	waiting atomic.Int64 // number of Results that wait for the done function

	mu    sync.Mutex
	queue []unreported
	few   [reportedAtOnce]unreported // room for the queue while it is short
	state reporterState
	over  bool          // whether SendAll has returned
	freed chan struct{} // closed when few enough Results wait again; nil while nobody waits for that

	wake chan struct{} // capacity 1; is sent to when the goroutine is to wait no more

	// Only the goroutine uses the fields of this group.
	taken   [reportedAtOnce]unreported // Results that it has taken out
	took    time.Time                  // the time at which it has taken out the last; zero before the first
	crowded bool                       // whether those have come close upon each other
	pause   *time.Timer                // nil before the first pause
}

// reporterState is the state of the goroutine of a batch.
type reporterState uint8

const (
	reporterNone    reporterState = iota // it has not been started
	reporterBusy                         // it looks for Results
	reporterWaiting                      // it waits for a Result
	reporterPausing                      // it lets Results gather
)

// reportPause is the time for which the goroutine of a batch lets Results gather when
// they come close upon each other. To be woken for each of them would cost the
// connections time: a processor that is idle is woken with it, and looks for more to do.
const reportPause = time.Millisecond

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
	b := &batch{sender: s, done: done, wake: make(chan struct{}, 1)}
	b.queue = b.few[:0]
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
	b.wakeLocked()
}

// begin counts a message in.
func (b *batch) begin() {
	b.given.Add(1)
	b.pending.Add(1)
}

// end counts a message out.
func (b *batch) end() {
	b.given.Add(-1)
	b.pending.Done()
}

// add has the done function called with a Result. It does not wait.
func (b *batch) add(u unreported) {
	if b.done == nil {
		b.end()
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
	switch b.state {
	case reporterNone:
		b.state = reporterBusy
		go b.report()
	case reporterWaiting:
		b.wakeLocked()
	case reporterPausing:
		if b.fullLocked() {
			b.wakeLocked()
		}
	}
}

// fullLocked reports whether no further Result is worth waiting for: there are as many
// as are taken out at once, or all.
func (b *batch) fullLocked() bool {
	return len(b.queue) >= reportedAtOnce || b.waiting.Load() >= b.given.Load()
}

// wakeLocked has the goroutine look for Results, unless it does.
func (b *batch) wakeLocked() {
	if b.state == reporterBusy || b.state == reporterNone {
		return
	}
	b.state = reporterBusy
	select {
	case b.wake <- struct{}{}:
	default: // it has been woken from a pause that ended at that moment
	}
}

// reportNow has all Results that wait reported without a pause. A connection without
// work calls it: the caller may give messages only when earlier ones are reported.
func (s *Sender) reportNow() {
	if s.pausing.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.batches {
		b.reportNow()
	}
}

// reportNow ends a pause during which Results have come.
func (b *batch) reportNow() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 {
		b.wakeLocked()
	}
}

// report calls the done function with each Result. It returns when there are none and
// SendAll has returned.
func (b *batch) report() {
	for next := b.next(); len(next) > 0; next = b.next() {
		b.reportAll(next)
	}
}

// reportAll calls the done function with each Result. When that ends the goroutine,
// another goes on.
func (b *batch) reportAll(next []unreported) {
	i := 0
	defer func() {
		if i < len(next) {
			b.end()
			go func() {
				b.reportAll(next[i+1:])
				b.report()
			}()
		}
	}()
	for ; i < len(next); i++ {
		u := next[i]
		next[i] = unreported{} // it is not kept alive
		if b.waiting.Add(-1) == maxUnreported-1 {
			b.free()
		}
		if u.sub != nil {
			b.sender.handOver(u.sub, b.done)
		} else {
			b.sender.callDone(b.done, u.result)
		}
		b.end()
	}
}

// next waits for Results and takes out those to be reported next: some of accepted
// messages, which Unreported can take all the same, or one of another message. It returns
// none when SendAll has returned.
func (b *batch) next() []unreported {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 && b.crowded && !b.over {
		b.pauseLocked()
	}
	for len(b.queue) == 0 && !b.over {
		b.queue = b.few[:0]
		b.waitLocked(reporterWaiting, nil)
	}
	n := 0
	for n < min(len(b.queue), len(b.taken)) && b.queue[n].sub != nil {
		n++
	}
	next := b.taken[:copy(b.taken[:max(n, 1)], b.queue)]
	clear(b.queue[:len(next)])
	b.queue = b.queue[len(next):]
	now := time.Now()
	b.crowded = len(next) > 1 || now.Sub(b.took) < reportPause
	b.took = now
	if len(next) == 0 {
		b.state = reporterNone
	}
	return next
}

// pauseLocked lets Results gather.
func (b *batch) pauseLocked() {
	if b.pause == nil {
		b.pause = time.NewTimer(reportPause)
	} else {
		b.pause.Reset(reportPause)
	}
	b.sender.pausing.Add(1)
	defer b.sender.pausing.Add(-1)
	b.waitLocked(reporterPausing, b.pause.C)
}

// waitLocked has the goroutine wait until it is woken, or a timer fires. It unlocks
// the batch meanwhile.
func (b *batch) waitLocked(state reporterState, timer <-chan time.Time) {
	b.state = state
	b.mu.Unlock()
	select {
	case <-b.wake:
	case <-timer:
	}
	b.mu.Lock()
	b.state = reporterBusy
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
		b.end()
	}
	clear(b.queue[len(kept):])
	b.queue = kept
	return results
}
