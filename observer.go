package smtpace

import (
	"context"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// Observer is a set of functions that are called on events. Every field may be
// nil. An event that no Observer of Config.Observers asks for costs nothing.
//
// The functions are called concurrently, with no lock held, on the goroutine that does
// the work. They must be quick and safe for concurrent use. They must not call methods
// of the Sender that wait (Send, Submit, SendAll, Verify, Shutdown, Close). They may
// call the others, such as Stats, Explain and Pause. For one message Accepted comes
// first, then its Tries, then Settled. Their arguments are shared with other observers
// and must not be changed.
type Observer struct {
	// Accepted is called when a message was accepted, before its first try, on
	// the goroutine of the caller of Send, Submit or SendAll. Messages that
	// are invalid are not accepted. The context is the one that the caller gave; it
	// may hold much and must not be kept. What an Observer needs of it for later
	// events, such as the span of the caller, it can keep by the number of the message.
	Accepted func(context.Context, Acceptance)
	// Try is called when a transaction has ended, on its connection's goroutine.
	Try func(Try)
	// Settled is called once for every accepted message, when its Result is
	// final, before the caller is given it. It runs on the goroutine that
	// settled the last recipient: a connection's, a timer's, or the one of the
	// caller that withdrew the message; once the Sender is ending, on one for all
	// messages.
	Settled func(*Result)
	// Reply is called for every reply of a server, on the connection's goroutine.
	Reply func(ReplyRead)
	// Opened is called when a connection is ready for mail, on its goroutine.
	Opened func(Connection)
	// Closed is called when a connection has ended, or could not be opened, on
	// its goroutine.
	Closed func(Connection)
	// Limit is called when a learned limit has changed, on the goroutine of the
	// connection whose reply has changed it.
	Limit func(throttle.Change)
}

// compose returns an Observer that calls all Observers of a list in order.
func compose(list []Observer) Observer {
	var all Observer
	for _, o := range list {
		all = Observer{
			Accepted: bothAccepted(all.Accepted, o.Accepted), Try: both(all.Try, o.Try), Settled: both(all.Settled, o.Settled),
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

// bothAccepted does what both does, for Observer.Accepted.
func bothAccepted(a, b func(context.Context, Acceptance)) func(context.Context, Acceptance) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(ctx context.Context, v Acceptance) { a(ctx, v); b(ctx, v) }
}

// Acceptance is the event of Observer.Accepted: a message was accepted.
type Acceptance struct {
	Time       time.Time
	Number     uint64 // number of the message, as Result.Number
	ID         any    // Message.ID
	Tenant     string // Message.Tenant
	Recipients int    // number of recipients
	Bulk       bool   // whether it was given to SendAll
	Expires    time.Time
}

// Try is the event of Observer.Try: a transaction has ended.
type Try struct {
	Time        time.Time // the end
	Began       time.Time // the time at which MAIL was written or, behind another message, at which that had ended
	Accepted    time.Time // the time at which the message was accepted
	Again       bool      // whether it was tried before
	Relay       string    // name of the relay
	Connection  uint64    // number of the connection, from 1
	Ordinal     int       // number of the message on its connection, from 1
	Destination string
	Number      uint64 // number of the message, as Result.Number
	ID          any    // Message.ID
	Tenant      string // Message.Tenant
	Recipients  []TryRecipient
}

// TryRecipient is the part of a Try for one recipient.
type TryRecipient struct {
	Address string
	pool.Answer
}

// ReplyRead is the event of Observer.Reply: a server has replied.
type ReplyRead struct {
	Time       time.Time
	Relay      string
	Connection uint64
	Stage      classify.Stage
	Reply      *classify.Reply
}

// Connection is the event of Observer.Opened and Observer.Closed.
type Connection struct {
	Time   time.Time
	Relay  string
	ID     uint64    // number of the connection, from 1
	Began  time.Time // the time at which its opening began
	Opened time.Time // the time at which it was ready for mail; zero when it never was
	Err    error     // reason of an end that was not in order; else nil
}
