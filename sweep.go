package smtpace

import (
	"sync"
	"sync/atomic"
	"time"
)

// sweepDelay is how long after a message has been settled the Scheduler is
// asked to forget what has no work: longer than it keeps that.
const sweepDelay = 15 * time.Second

// lazyTimer calls a function some time after it was first asked to. Asking again
// before that costs a read.
type lazyTimer struct {
	do  func()
	set atomic.Bool

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

// after has the function called in d, unless it will be called already.
func (t *lazyTimer) after(d time.Duration) {
	if t.set.Load() || !t.set.CompareAndSwap(false, true) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.stopped:
	case t.timer == nil:
		t.timer = time.AfterFunc(d, t.fire)
	default:
		t.timer.Reset(d)
	}
}

func (t *lazyTimer) fire() {
	t.set.Store(false)
	t.do()
}

// stop ends the timer for good. A call that has begun goes on.
func (t *lazyTimer) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	if t.timer != nil {
		t.timer.Stop()
	}
}

// sweep has the Scheduler forget what is idle. The timer is not set again when
// nothing is left to forget.
func (s *Sender) sweep() {
	now := time.Now()
	if next := s.sched.Sweep(now); !next.IsZero() {
		s.sweeper.after(max(next.Sub(now), sweepDelay))
	}
}
