package smtpace

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// expiryShards is the number of parts of the registry. Each message is in one of
// them, so that connections seldom wait for each other, and that a part of a million
// messages is gone through within a millisecond.
const expiryShards = 128

// registry is the messages whose Results nobody has been given, each in one of its
// shards, with the timers for their expiry.
type registry struct {
	born     time.Time     // time from which expiryEntry.at is counted
	numbers  atomic.Uint64 // Result.Number of the message that was accepted last
	open     atomic.Int64  // number of messages whose done has not returned
	waiting  atomic.Int64  // number of messages that are not settled
	refusing atomic.Bool   // whether no message enters any more
	stopping atomic.Bool   // whether the Sender is shutting down
	closing  chan struct{} // closed when stopping is set
	idle     chan struct{} // closed when open is zero and refusing is set
	becoming sync.Once     // closes idle
	shards   [expiryShards]expiryShard
}

// expiryShard is a heap of messages, the next to expire first. A message that
// leaves makes a hole, and holes are removed when they are half of all entries, but
// not once the shard is stopped: few messages expire.
type expiryShard struct {
	mu      sync.Mutex
	heap    []expiryEntry
	holes   int // number of entries without a message
	timer   *time.Timer
	timerAt time.Duration // time at which timer fires; zero when it is not set
	stopped bool
}

// expiryEntry is a message with its expiry. The heap compares times far more often
// than it looks at messages.
type expiryEntry struct {
	at  time.Duration // expiry, counted from registry.born; never once it has expired
	sub *Submission
}

// never is the time of a message that has expired and is still in a transaction.
const never = time.Duration(math.MaxInt64)

// init makes an empty registry ready.
func (r *registry) init() {
	r.born, r.closing, r.idle = time.Now(), make(chan struct{}), make(chan struct{})
}

// enter counts a message in, and reports whether it may be accepted.
func (r *registry) enter() bool {
	r.open.Add(1)
	if r.refusing.Load() {
		r.leave()
		return false
	}
	r.waiting.Add(1)
	return true
}

// leave counts a message out after its done has returned.
func (r *registry) leave() {
	if r.open.Add(-1) == 0 && r.refusing.Load() {
		r.becoming.Do(func() { close(r.idle) })
	}
}

// refuse lets no further message enter.
func (r *registry) refuse() {
	r.open.Add(1)
	r.refusing.Store(true)
	r.leave()
}

// add takes a message in and has it withdrawn when it expires. It reports false
// after stop, when the caller must withdraw it.
func (r *registry) add(sub *Submission) bool {
	sub.shard = uint8(rand.Uint32N(expiryShards))
	at := sub.expires.Sub(r.born)
	s := &r.shards[sub.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heap = append(s.heap, expiryEntry{at, sub})
	sub.pos = len(s.heap) - 1
	s.up(sub.pos)
	r.setTimerLocked(s)
	return !s.stopped
}

// remove takes a settled message out. It reports true to one caller, who may give
// the Result to the user.
func (r *registry) remove(sub *Submission) bool {
	s := &r.shards[sub.shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.pos < 0 {
		return false
	}
	s.heap[sub.pos].sub = nil
	sub.pos = -1
	if s.holes++; s.holes > 32 && s.holes > len(s.heap)/2 && !s.stopped { // then all leave
		s.compact()
	}
	return true
}

// setTimerLocked sets the timer of a shard for the first message to expire. A
// timer that is set for earlier stays, and sets itself again when it fires.
func (r *registry) setTimerLocked(s *expiryShard) {
	if len(s.heap) == 0 || s.stopped || s.heap[0].at == never {
		return
	}
	at := s.heap[0].at
	if s.timerAt != 0 && s.timerAt <= at {
		return
	}
	s.timerAt = max(at, 1)
	wait := at - time.Since(r.born)
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, func() { r.expire(s) })
		return
	}
	s.timer.Reset(wait)
}

// expiredAtOnce is the number of messages that expire under one hold of a shard's
// lock at most.
const expiredAtOnce = 1000

// expire withdraws the messages of a shard that have expired, and lets their
// transactions finish. The timer calls it.
func (r *registry) expire(s *expiryShard) {
	due := r.takeExpired(s)
	if len(due) == expiredAtOnce {
		defer unlessPanicking(func() { r.expire(s) })
	}
	forEach(due, func(sub *Submission) { sub.withdraw(ErrExpired, false) })
}

// takeExpired returns expired messages of a shard, expiredAtOnce at most, each only once.
// If these are all, it sets the timer for the next.
func (r *registry) takeExpired(s *expiryShard) (due []*Submission) {
	now := time.Since(r.born)
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.heap) > 0 && s.heap[0].at <= now && len(due) < expiredAtOnce {
		if sub := s.heap[0].sub; sub != nil {
			due = append(due, sub)
		}
		s.heap[0].at = never
		s.down(0)
	}
	if len(due) < expiredAtOnce {
		s.timerAt = 0
		r.setTimerLocked(s)
	}
	return due
}

// stop refuses further messages and ends the timers.
func (r *registry) stop() {
	r.refuse()
	if r.stopping.CompareAndSwap(false, true) {
		close(r.closing)
	}
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.stopped = true
		if s.timer != nil {
			s.timer.Stop()
		}
		s.mu.Unlock()
	}
}

// each calls f for every message, shard by shard and with no lock held.
func (r *registry) each(f func(*Submission)) {
	shards := make([]*expiryShard, 0, expiryShards)
	for i := range r.shards {
		shards = append(shards, &r.shards[i])
	}
	forEach(shards, func(s *expiryShard) { forEach(s.submissions(), f) })
}

// submissions returns the messages of a shard. The room for them is made without
// the lock, for that can take longer than to go through them.
func (s *expiryShard) submissions() []*Submission {
	s.mu.Lock()
	n := len(s.heap) - s.holes
	s.mu.Unlock()
	out := make([]*Submission, 0, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.heap {
		if e.sub != nil {
			out = append(out, e.sub)
		}
	}
	return out
}

// compact removes the holes, and restores the order of the heap.
func (s *expiryShard) compact() {
	kept := s.heap[:0]
	if cap(s.heap) > 1024 && len(s.heap)-s.holes < cap(s.heap)/8 {
		kept = make([]expiryEntry, 0, cap(s.heap)/4)
	}
	for _, e := range s.heap {
		if e.sub != nil {
			kept = append(kept, e)
			e.sub.pos = len(kept) - 1
		}
	}
	if cap(kept) == cap(s.heap) {
		clear(s.heap[len(kept):])
	}
	s.heap, s.holes = kept, 0
	for i := len(kept)/2 - 1; i >= 0; i-- {
		s.down(i)
	}
}

// up moves an entry towards the front until the heap is in order.
func (s *expiryShard) up(i int) {
	for i > 0 && s.heap[i].at < s.heap[(i-1)/2].at {
		s.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

// down moves an entry towards the end until the heap is in order.
func (s *expiryShard) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(s.heap) {
			return
		}
		if child+1 < len(s.heap) && s.heap[child+1].at < s.heap[child].at {
			child++
		}
		if s.heap[i].at <= s.heap[child].at {
			return
		}
		s.swap(i, child)
		i = child
	}
}

// swap exchanges two entries.
func (s *expiryShard) swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	for _, k := range [2]int{i, j} {
		if sub := s.heap[k].sub; sub != nil {
			sub.pos = k
		}
	}
}
