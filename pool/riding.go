package pool

import (
	"sync"
	"sync/atomic"
)

// Bounds on the number of messages for which nothing rides behind a dot.
const (
	firstAlone = 256      // after the first loss
	maxAlone   = 64 << 10 // after many, and behind dots where a follower was never answered
)

// lostRides is the number of connections in a row that must end at the envelope behind
// a dot before nothing rides any more.
const lostRides = 3

// riding decides whether an envelope rides behind a dot of an endpoint. Where connections
// break, a ride makes a safe message ambiguous: the server may hold the reply to the dot
// back until it answers the envelope (RFC 2920 3.2), and the reply is lost with the
// connection. So riding stops for a number of messages. The number doubles each time that
// riding costs a message or an envelope again, and begins small once riding has gone well
// for four times as many messages.
//
// Its fields but mu may be used without it.
type riding struct {
	alone atomic.Int64 // dots that nothing may follow
	lost  atomic.Int32 // connections in a row that ended at the envelope behind a dot
	well  atomic.Int64 // rides since the last loss; counted while next is not 0
	next  atomic.Int64 // the number for the next loss; 0 for firstAlone

	mu sync.Mutex // for a change of more than one field
}

// allowed reports whether an envelope may ride behind the next dot, and counts the
// dot.
func (r *riding) allowed() bool {
	return r.alone.Load() <= 0 || r.alone.Add(-1) < 0
}

// arrived notes that a dot with an envelope behind it was answered.
func (r *riding) arrived() {
	if n := r.next.Load(); n != 0 && r.well.Add(1) > 2*n {
		r.next.CompareAndSwap(n, 0)
	}
}

// answered notes that an envelope behind a dot was answered.
func (r *riding) answered() {
	if r.lost.Load() != 0 {
		r.lost.Store(0)
	}
}

// brokeDot notes that a dot with an envelope behind it was not answered.
func (r *riding) brokeDot() { r.stop() }

// refused notes that an envelope behind an answered dot was refused as out of sequence.
// Some servers take nothing that was sent before their reply to the dot: it might be a
// part of the message, if client and server disagree about its end.
func (r *riding) refused() { r.stop() }

// stop lets nothing ride for a number of messages. What rode at the same time, on other
// connections, is the same lesson.
func (r *riding) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.alone.Load() > 0 {
		return
	}
	n := max(r.next.Load(), firstAlone)
	r.next.Store(min(2*n, maxAlone))
	r.well.Store(0)
	r.alone.Store(n)
}

// brokeEnvelope notes that an envelope behind an answered dot was not answered. Either
// the connection has ended: the server may take one message a connection. Or it is
// silent: the server may drop input that it has read ahead.
func (r *riding) brokeEnvelope(silent bool) {
	if !silent && r.lost.Add(1) < lostRides {
		return
	}
	r.lost.Store(0)
	if !silent {
		r.stop()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alone.Store(maxAlone)
}
