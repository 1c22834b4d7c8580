package smtpace

import (
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// Observer is a set of functions that are called as things happen. Every field
// may be nil; what no Observer of Config.Observers asks for costs nothing.
//
// The functions are called with no lock held, concurrently, and on the
// goroutine that does the work: they must be quick, must be safe for concurrent
// use, and must not call methods of the Sender that wait (Send, Submit, SendAll,
// Verify, Shutdown, Close). They may call those that do not, such as Stats,
// Explain and Pause. For one message Accepted comes first, then its Tries, then
// Settled. What they are given is shared with other observers and must not be
// changed.
type Observer struct {
	// Accepted is called when a message was taken in, before its first try, on
	// the goroutine of the caller of Send, Submit or SendAll. Messages that
	// are invalid are not accepted.
	Accepted func(Acceptance)
	// Try is called when a transaction has ended, on its connection's goroutine.
	Try func(Try)
	// Settled is called once for every accepted message, when its Result is
	// final, before the caller is given it. It runs on the goroutine that
	// settled the last recipient: a connection's, a timer's, or that of the
	// caller that withdrew the message or closed the Sender.
	Settled func(*Result)
	// Reply is called for every reply of a server, on the connection's goroutine.
	Reply func(ReplyRead)
	// Opened is called when a connection is ready for mail, on its goroutine.
	Opened func(Connection)
	// Closed is called when a connection has ended, or could not be opened, on
	// its goroutine.
	Closed func(Connection)
	// Limit is called when a learned limit has changed, on the goroutine of the
	// connection that the lesson came from.
	Limit func(throttle.Change)
}

// compose returns an Observer that calls all of a list in order.
func compose(list []Observer) Observer {
	var all Observer
	for _, o := range list {
		all = Observer{
			Accepted: both(all.Accepted, o.Accepted), Try: both(all.Try, o.Try), Settled: both(all.Settled, o.Settled),
			Reply: both(all.Reply, o.Reply), Opened: both(all.Opened, o.Opened), Closed: both(all.Closed, o.Closed),
			Limit: both(all.Limit, o.Limit),
		}
	}
	return all
}

// both returns a function that calls a and then b; either may be nil.
func both[T any](a, b func(T)) func(T) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(v T) { a(v); b(v) }
}

// Acceptance is one message that was taken in.
type Acceptance struct {
	Time       time.Time
	ID         any  // Message.ID
	Recipients int  // the number of its recipients
	Bulk       bool // given to SendAll
	Expires    time.Time
}

// Try is one transaction, after its end.
type Try struct {
	Time        time.Time
	Relay       string // its name
	Connection  uint64 // its number, from 1
	Ordinal     int    // which message it was on its connection, from 1
	Destination string
	ID          any // Message.ID
	Recipients  []TryRecipient
}

// TryRecipient is what a transaction meant for one recipient.
type TryRecipient struct {
	Address string
	Stage   classify.Stage  // the stage that decided
	Reply   *classify.Reply // the reply that decided; nil when there was none
	Err     error           // the reply or the I/O error that kept it from being delivered; nil when it is delivered
	Verdict classify.Verdict
}

// ReplyRead is one reply of a server.
type ReplyRead struct {
	Time       time.Time
	Relay      string
	Connection uint64
	Stage      classify.Stage
	Reply      *classify.Reply
}

// Connection is one connection at its opening or its end.
type Connection struct {
	Time  time.Time
	Relay string
	ID    uint64
	Err   error // why it ended; nil when it was opened, or ended in order
}
