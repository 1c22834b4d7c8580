package smtpace

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// dispatcher carries out the decisions of the Scheduler: it wakes idle
// connections, opens new ones, and has one timer for what will be ready later.
type dispatcher struct {
	sender *Sender
	alarm  alarm
}

// drive has connections do what is ready.
func (d *dispatcher) drive() { d.driveAt(time.Now()) }

// driveAt does the same as drive. now is the present time.
func (d *dispatcher) driveAt(now time.Time) {
	d.alarm.set(now, d.sender.sched.Drive(now, d))
}

// tick has connections do what has become ready. The timer calls it.
func (d *dispatcher) tick() {
	now := time.Now()
	d.alarm.set(now, d.sender.sched.Tick(now, d))
}

// stop ends the timer for good.
func (d *dispatcher) stop() { d.alarm.stop() }

// alarm is a timer for the earliest of several times.
type alarm struct {
	do func() // called when the time has come; it must not be nil

	mu      sync.Mutex
	timer   *time.Timer
	at      time.Time // the time at which timer fires; zero when it is not set
	stopped bool
}

// set has do called at a time, unless it will be called earlier. A zero time changes
// nothing.
func (a *alarm) set(now, at time.Time) {
	if at.IsZero() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped || !a.at.IsZero() && !at.Before(a.at) {
		return
	}
	a.at = at
	if a.timer == nil {
		a.timer = time.AfterFunc(at.Sub(now), func() {
			a.mu.Lock()
			a.at = time.Time{}
			a.mu.Unlock()
			a.do()
		})
		return
	}
	a.timer.Reset(at.Sub(now))
}

// stop ends the timer for good.
func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	if a.timer != nil {
		a.timer.Stop()
	}
}

// Open opens the connection for which the Scheduler has reserved a place. It
// implements throttle.Driver.
func (d *dispatcher) Open(scheduled *throttle.Conn[*delivery]) {
	e := d.sender.retained(scheduled.Endpoint())
	if e == nil { // everything that was to go through it has been withdrawn
		scheduled.Closed(time.Now(), classify.StageIdle, classify.Verdict{}, nil)
		d.drive() // another may have its place
		return
	}
	c := &conn{endpoint: e, scheduled: scheduled, began: time.Now()}
	scheduled.Owner = c
	e.beginOpening()
	if err := d.sender.pool.Open(e.target(), c.user()); err != nil {
		c.Closed(nil, nil)
	}
}

// Wake wakes an idle connection. It implements throttle.Driver.
func (d *dispatcher) Wake(scheduled *throttle.Conn[*delivery]) { scheduled.Owner.(*conn).pooled.Wake() }

// lazyTimer calls a function once, some time after it was asked to. Asking it
// again before that costs one atomic read.
type lazyTimer struct {
	do  func()
	set atomic.Bool

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

// after has the function called in d, unless a call is due already.
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

// fire calls the function, after which it may be asked for again.
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

// sweepDelay is the time after a message has been settled at which the Scheduler
// is asked to forget destinations without work. It is longer than the Scheduler
// keeps those.
const sweepDelay = 15 * time.Second

// sweep has the Scheduler forget destinations without work, and sets the timer
// again while there are others.
func (s *Sender) sweep() {
	now := time.Now()
	if next := s.sched.Sweep(now); !next.IsZero() {
		s.sweeper.after(max(next.Sub(now), sweepDelay))
	}
}

// Retire implements throttle.Driver.
func (d *dispatcher) Retire(scheduled *throttle.Conn[*delivery]) {
	scheduled.Owner.(*conn).pooled.Retire()
}
