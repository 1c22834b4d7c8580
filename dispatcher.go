package smtpace

import (
	"sync"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// dispatcher carries out what the Scheduler decides: it wakes idle connections,
// opens new ones, and has the one timer for what will be ready later.
type dispatcher struct {
	sender *Sender

	mu      sync.Mutex
	timer   *time.Timer
	at      time.Time // when the timer fires; zero when it is not set
	stopped bool
}

// drive has connections do what is ready.
func (d *dispatcher) drive() {
	now := time.Now()
	d.setTimer(now, d.sender.sched.Drive(now, d))
}

// tick is called by the timer.
func (d *dispatcher) tick() {
	d.mu.Lock()
	d.at = time.Time{}
	d.mu.Unlock()
	now := time.Now()
	d.setTimer(now, d.sender.sched.Tick(now, d))
}

// alarm has tick called at a time; zero changes nothing, and an earlier time
// stays: tick sets the next.
func (d *dispatcher) setTimer(now, at time.Time) {
	if at.IsZero() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped || !d.at.IsZero() && !at.Before(d.at) {
		return
	}
	d.at = at
	if d.timer == nil {
		d.timer = time.AfterFunc(at.Sub(now), d.tick)
		return
	}
	d.timer.Reset(at.Sub(now))
}

// stop ends the timer for good.
func (d *dispatcher) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	if d.timer != nil {
		d.timer.Stop()
	}
}

// Open implements throttle.Driver: it opens the connection that the Scheduler
// has reserved.
func (d *dispatcher) Open(scheduled *throttle.Conn[*delivery]) {
	e := d.sender.retained(scheduled.Endpoint())
	if e == nil { // all that was to go through it has been withdrawn
		scheduled.Closed(time.Now(), classify.StageIdle, classify.Verdict{}, nil)
		return
	}
	c := &conn{endpoint: e, scheduled: scheduled}
	scheduled.Owner = c
	if err := d.sender.pool.Open(e.relayNow(), c.user()); err != nil {
		c.Closed(nil, nil)
	}
}

// Wake implements throttle.Driver.
func (d *dispatcher) Wake(scheduled *throttle.Conn[*delivery]) { scheduled.Owner.(*conn).pooled.Wake() }
