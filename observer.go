package smtpace

import (
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// Observer is told what happens, as it happens. Every field may be nil. The
// functions are called from the goroutines that do the work, with no lock held
// and concurrently: they must be quick and safe for concurrent use, and must
// not call the Sender's blocking methods.
type Observer struct {
	Try    func(Try)             // a transaction has ended
	Reply  func(ReplyRead)       // a reply was read
	Opened func(Connection)      // a connection is ready for mail
	Closed func(Connection)      // a connection has ended, or was never ready
	Limit  func(throttle.Change) // a learned limit has changed
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
