package smtpace

import (
	"slices"
	"sync"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// endpoint is a relay at work: its open connections, and the timer that wakes
// them when the Scheduler said to ask again.
type endpoint struct {
	s        *Sender
	relay    pool.Endpoint
	provider string // the profile of its host, "" when none is known

	mu      sync.Mutex
	refs    int     // deliveries, connections; one more for a relay of Config
	resting []*link // newest last: it is used first, so that old ones age out
	coming  int     // links that are being opened or have been woken
	timer   *time.Timer
	at      time.Time // when it fires; zero when it is not set
	down    bool      // a warning has been logged
	fault   error     // why the last connection could not be opened; nil when it could
	counts  Counts
	opened  int64
	failed  int64
}

// kick sets connections to work: for what is ready it wakes those that rest
// and opens new ones as far as the limits allow, and it sets the timer for what
// will be ready later.
func (e *endpoint) kick() {
	now := time.Now()
	ready, again := e.s.sched.Ready(e.relay.Name, now)
	for e.wake(ready) {
	}
	for e.wants(ready) {
		slot, later := e.s.sched.MayOpen(e.relay.Name, now)
		if slot == nil {
			again = later
			break
		}
		e.open(slot)
	}
	e.alarm(now, again)
}

// wake wakes the newest resting connection if more deliveries are ready than
// connections are on their way.
func (e *endpoint) wake(ready int) bool {
	e.mu.Lock()
	if e.coming >= ready || len(e.resting) == 0 {
		e.mu.Unlock()
		return false
	}
	l := e.resting[len(e.resting)-1]
	e.resting = e.resting[:len(e.resting)-1]
	l.comingLocked(true)
	e.mu.Unlock()
	l.conn.Wake()
	return true
}

func (e *endpoint) wants(ready int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.coming < ready && len(e.resting) == 0
}

// open starts a connection in a slot that the Scheduler has reserved.
func (e *endpoint) open(slot *throttle.Conn[*delivery]) {
	l := &link{endpoint: e, slot: slot}
	e.mu.Lock()
	e.refs++
	l.comingLocked(true)
	e.mu.Unlock()
	err := e.s.pool.Open(e.relay, l, l.events())
	if err != nil {
		l.closed(nil, nil)
	}
}

// alarm has kick called at the time given; zero means that only a change can
// help. An earlier alarm stays: it may be another's, and kick sets the next.
func (e *endpoint) alarm(now, again time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if again.IsZero() || e.s.isStopping() || !e.at.IsZero() && !again.Before(e.at) {
		return
	}
	e.at = again
	if e.timer == nil {
		e.timer = time.AfterFunc(again.Sub(now), e.alarmed)
		return
	}
	e.timer.Reset(again.Sub(now))
}

func (e *endpoint) alarmed() {
	e.mu.Lock()
	e.at = time.Time{}
	e.mu.Unlock()
	e.kick()
}

// silence stops the alarm for good.
func (e *endpoint) silence() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
	}
}

// rest notes that a connection found nothing to do; it says so before it asks
// for the last time, so that no kick can miss it.
func (e *endpoint) rest(l *link) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l.comingLocked(false)
	e.resting = append(e.resting, l)
}

// unrest takes a connection out of those that rest.
func (e *endpoint) unrest(l *link) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unrestLocked(l)
}

func (e *endpoint) unrestLocked(l *link) {
	if i := slices.Index(e.resting, l); i >= 0 {
		e.resting = slices.Delete(e.resting, i, i+1)
	}
}

// release drops one reference; an endpoint that Route named and that nothing
// refers to any more is forgotten.
func (e *endpoint) release() {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refs--; e.refs > 0 {
		return
	}
	if e.timer != nil {
		e.timer.Stop()
	}
	delete(e.s.endpoints, e.relay.Name)
}
