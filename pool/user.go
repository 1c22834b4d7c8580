package pool

import (
	"context"

	"github.com/smtpace/smtpace/classify"
)

// User supplies connections with deliveries and is told the outcome of each, and
// the end of each connection. A User may serve one connection or many.
//
// All methods are called from the connection's goroutine, one at a time and
// with no lock held. None may block, but BeforeDot, and Next for as long as it
// takes to make a message. None may call Shutdown or Close of the pool. The order of calls on a connection is
//
//	Opened, then Next as often as the connection is free, then Leaving, Closed
//
// or Closed alone when the connection could not be opened; and for a delivery
//
//	MailWritten, RcptsWritten, BeforeDot, Follower, Done
//
// of which a delivery that ends early skips those before Done. The calls for a
// follower begin before Done of the delivery that it rides behind.
type User interface {
	// Opened reports that the connection is ready for transactions: greeted,
	// secured and logged in.
	Opened(c *Conn)

	// Next returns the next delivery for a connection that is free. A nil
	// delivery leaves the connection idle until [Conn.Wake] or the end of its
	// idle time or age. When last is true the connection ends after the
	// delivery, or at once when there is none.
	Next(c *Conn) (d *Delivery, last bool)

	// MailWritten reports that MAIL is about to be written. It is not called
	// for a delivery of which nothing is written.
	MailWritten(d *Delivery)

	// RcptsWritten reports that the transaction's last RCPT has been written. It is not
	// called when it was broken off before.
	RcptsWritten(d *Delivery)

	// BeforeDot has the last word on a delivery with Confirm, when all of the
	// message but its final dot is written. It may wait until ctx ends: by
	// Delivery.Cancel, by Close of the pool, or after Timeouts.BeforeDot. When
	// it fails, or ctx has ended, no dot is sent: the message certainly is not
	// delivered, every recipient who is still open has the error as the
	// answer, and the connection is closed without QUIT. Nothing of the next
	// delivery is written, and Follower is not called, before it returns.
	BeforeDot(ctx context.Context, d *Delivery) error

	// Follower returns the delivery whose envelope goes out right behind the final dot
	// of d, in the same write; nil for none. It is called only where PIPELINING is
	// offered. It is called again if the delivery that it returned did not need the
	// wire. The dot waits for it: it must neither render a message nor wait, so it
	// returns only what is rendered already.
	Follower(d *Delivery) *Delivery

	// Done reports the outcome of a delivery, exactly once for each that Next
	// or Follower returned, and in the order of the transactions. Only a
	// follower of which nothing was written is done before the delivery in
	// front of it.
	Done(d *Delivery, r Report)

	// Leaving reports, once, that an opened connection takes no further delivery. Next
	// and Follower are not called again. Only QUIT, which can take 5 s, or the close is
	// left. Every Wake before it is followed by Next or by Leaving.
	Leaving(c *Conn)

	// Closed reports, once and last, that the socket is closed, or could not
	// be opened. The error is nil when the pool ended the connection in order,
	// else an *[Error]: the stage, and the reply or I/O error that ended it.
	// One that matches ErrCancelled or ErrClosed was our doing.
	Closed(c *Conn, err error)
}

// ReplyObserver is an optional interface of a [User] that wants the replies. For other
// users, replies that only accept a command are not kept.
type ReplyObserver interface {
	// Reply reports a reply: every refusal during the opening, and every reply after
	// it.
	Reply(c *Conn, stage classify.Stage, r *classify.Reply)
}
