package pool

import "github.com/smtpace/smtpace/classify"

// Events are hooks of one connection. Each may be nil. They are called from
// the connection's goroutine, one at a time and with no lock held; they must
// not block, and must not call Shutdown or Close of the pool.
type Events struct {
	// Opened is called once when the connection is ready for transactions:
	// greeted, secured, logged in.
	Opened func(c *Conn)

	// Reply is called with every reply that refuses a step of the opening, and
	// with every reply after it.
	Reply func(c *Conn, stage classify.Stage, r *classify.Reply)

	// Closed is called exactly once, last, when the socket is closed, also
	// when it never could be opened. The error is nil when the pool ended the
	// connection in order, else an *[Error]: the stage, and the reply or I/O
	// error that ended it; ErrCancelled or ErrClosed behind it means that it was our
	// doing. What happened to deliveries is in their reports.
	Closed func(c *Conn, err error)
}
