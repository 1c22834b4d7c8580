package pool

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// aLongTimeAgo as a deadline makes I/O return at once.
var aLongTimeAgo = time.Unix(1, 0)

// wire is the raw connection below TLS. It bounds what the peer may send while
// go-mail's client reads, can be made to refuse further writes, and is the
// one thing that other goroutines may touch: they abort it.
//
// Of the fields not under mu only the connection's goroutine knows.
type wire struct {
	net.Conn
	budget     int64         // bytes that may still be read during the opening; negative: any
	failWrites error         // if not nil, the answer to every write
	sent       int64         // bytes written
	lost       error         // of the last read that failed
	record     *bytes.Buffer // if not nil, what is read
	peek       func() bool   // see newPeek

	mu    sync.Mutex
	cause error                   // why it was aborted
	stop  context.CancelCauseFunc // called by abort; see onAbort
	ended chan struct{}           // closed when the connection is; nil before the first Close
}

func newWire(conn net.Conn) *wire {
	return &wire{Conn: conn, budget: -1, peek: newPeek(conn)}
}

// pending reports whether bytes have arrived that were not read, or the end.
// Where nobody can tell without waiting it is false.
func (w *wire) pending() bool { return w.peek != nil && w.peek() }

// Read reads within the budget.
func (w *wire) Read(p []byte) (int, error) {
	if w.budget < 0 {
		return w.Conn.Read(p)
	}
	if w.budget == 0 {
		w.lost = fmt.Errorf("%w: more than %d bytes in one step", ErrProtocol, maxReply)
		return 0, w.lost
	}
	n, err := w.Conn.Read(p[:min(int64(len(p)), w.budget)])
	w.budget -= int64(n)
	if w.record != nil {
		w.record.Write(p[:n])
	}
	if err != nil {
		w.lost = err
	}
	return n, err
}

// Write writes, unless failWrites is set.
func (w *wire) Write(p []byte) (int, error) {
	if w.failWrites != nil {
		return 0, w.failWrites
	}
	n, err := w.Conn.Write(p)
	w.sent += int64(n)
	return n, err
}

// Close has the connection closed and does not wait for it, so that go-mail's
// client, which closes what it cannot use, is not held up.
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

// arm gives the next step its time, or returns the cause why there is none.
func (w *wire) arm(timeout time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause != nil {
		return w.cause
	}
	return w.Conn.SetDeadline(time.Now().Add(timeout))
}

// armRest is arm for a read that lasts until a point in time.
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

// aborted returns the cause, nil if there is none.
func (w *wire) aborted() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}
