package pool

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/internal/finite"
)

// aLongTimeAgo as a deadline makes I/O return at once.
var aLongTimeAgo = time.Unix(1, 0)

// wire is the raw connection below TLS. It bounds the bytes that are read while the
// session is opened. Any goroutine may abort it.
//
// Fields not guarded by mu belong to the connection's goroutine.
type wire struct {
	net.Conn
	budget int64       // bytes that may still be read in this step; negative for no bound
	sent   int64       // bytes written
	armed  time.Time   // the beginning of this step
	until  time.Time   // its deadline
	peek   func() bool // see newPeek

	isAborted atomic.Bool // whether cause is set

	mu    sync.Mutex
	cause error                   // the cause of the abort; nil if there was none
	stop  context.CancelCauseFunc // called by abort; see onAbort
	ended chan struct{}           // closed when the connection is; nil before the first close
}

func newWire(conn net.Conn) *wire {
	return &wire{Conn: conn, budget: -1, peek: newPeek(conn)}
}

// pending reports whether unread bytes or the end of the connection have arrived;
// false where that cannot be found out without waiting.
func (w *wire) pending() bool { return w.peek != nil && w.peek() }

// Read reads within the budget. Here and in Write, an error of a connection of the
// user's has a chain that ends.
func (w *wire) Read(p []byte) (int, error) {
	if w.budget < 0 {
		n, err := w.Conn.Read(p)
		return n, finite.Error(err)
	}
	if w.budget == 0 {
		return 0, fmt.Errorf("%w: more than %d bytes in one step", ErrProtocol, maxReply)
	}
	n, err := w.Conn.Read(p[:min(int64(len(p)), w.budget)])
	w.budget -= int64(n)
	return n, finite.Error(err)
}

// Write writes, and counts the bytes.
func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.sent += int64(n)
	return n, finite.Error(err)
}

// Close has the connection closed and does not wait for it, so that whoever cancels
// a delivery is not held up.
func (w *wire) Close() error {
	go w.close()
	return nil
}

// close closes the connection, once, and returns when that is done.
func (w *wire) close() {
	w.mu.Lock()
	ended, first := w.ended, w.ended == nil
	if first {
		ended = make(chan struct{})
		w.ended = ended
	}
	w.mu.Unlock()
	if !first {
		<-ended
		return
	}
	defer close(ended)
	w.Conn.Close()
}

// arm sets the deadline of the next step, or returns the cause of an abort. If one
// comes meanwhile, one of the two sets the deadline of the abort after that of endBy.
func (w *wire) arm(timeout time.Duration) error {
	if cause := w.aborted(); cause != nil {
		return cause
	}
	w.armed = time.Now()
	return w.endBy(w.armed.Add(timeout))
}

// endBy sets the deadline of the present step, or returns the cause of an abort.
func (w *wire) endBy(until time.Time) error {
	w.until = until
	err := w.Conn.SetDeadline(until)
	if cause := w.aborted(); cause != nil {
		w.Conn.SetDeadline(aLongTimeAgo)
		return cause
	}
	return err
}

// hasten sets the deadline of the present step to a time from now, if that is sooner.
func (w *wire) hasten(within time.Duration) {
	if time.Until(w.until) > within {
		_ = w.endBy(time.Now().Add(within)) // the next read tells of an abort
	}
}

// armRest sets the time at which a read of an idle connection ends, or returns the
// cause of an abort.
func (w *wire) armRest(until time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause != nil {
		return w.cause
	}
	return w.Conn.SetReadDeadline(until)
}

// wake ends a pending read; the wire stays usable.
func (w *wire) wake() { w.Conn.SetReadDeadline(aLongTimeAgo) }

// abort ends all I/O, for good. Only the first cause is kept. It does not
// block; Close should follow, for connections that take no deadline.
func (w *wire) abort(cause error) {
	w.mu.Lock()
	if w.cause == nil {
		w.cause = cause
		w.isAborted.Store(true)
	}
	w.Conn.SetDeadline(aLongTimeAgo)
	stop, cause := w.stop, w.cause
	w.mu.Unlock()
	if stop != nil {
		stop(cause)
	}
}

// onAbort has stop called, with the cause, when the wire is aborted, at once
// if it is already. Nil ends that.
func (w *wire) onAbort(stop context.CancelCauseFunc) {
	w.mu.Lock()
	w.stop = stop
	cause := w.cause
	w.mu.Unlock()
	if stop != nil && cause != nil {
		stop(cause)
	}
}

// interrupt aborts and closes.
func (w *wire) interrupt(cause error) {
	w.abort(cause)
	w.close()
}

// aborted returns the cause of the abort, nil if there was none.
func (w *wire) aborted() error {
	if !w.isAborted.Load() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}
