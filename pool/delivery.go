package pool

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Delivery is one message for some recipients: the work of one transaction. It
// is handed to one connection, once; a further try is a new Delivery, or one
// whose Done has returned, set to its zero value while nobody can call Cancel. The
// fields must not change between [User.Next] and Done.
type Delivery struct {
	// From is the sender's address without brackets; empty for the null
	// sender (RFC 5321 4.5.5).
	From string

	// To are the recipients' addresses without brackets, their domains as
	// A-labels.
	To []string

	// Body is the message, as NewBody made it.
	Body Body

	// Provider is the profile of the receiver, for [classify.Input]; "" when
	// it is not known.
	Provider string

	// DSN asks for delivery status notifications, where they are offered.
	DSN DSN

	// NoParams are parameters of MAIL and RCPT to leave out; see Report.NoParams.
	NoParams Params

	// TryUTF8 has addresses that are not ASCII sent to a server that does not offer
	// SMTPUTF8, as they are and without the parameter. RFC 6531 3.2 forbids that;
	// some servers take them.
	TryUTF8 bool

	// DotTimeout is the time from the final dot to its reply; 0 means
	// Timeouts.Dot. A longer one at a further try finds out what has become of a
	// message whose reply was too late before.
	DotTimeout time.Duration

	// Confirm has [User.BeforeDot] called when all but the final dot is written.
	Confirm bool

	// Value is the user's own.
	Value any

	state atomic.Uint32 // a deliveryState
	wire  *wire         // the connection that runs it; valid while it is running
	mu    sync.Mutex    // keeps a delivery running while Cancel aborts its connection
}

// Cancel stops the delivery if that can still be done, and reports whether its
// final dot was sent, or is about to be. It never waits, and is safe to call
// from any goroutine, at any time, more than once.
//
// If it returns false, the message has not been sent and will not be. Done follows
// with [ErrCancelled] for every recipient that was not refused already: at once if
// the delivery is running, else when a connection takes it. A connection that was at
// work on it is dropped, but not before the reply to the dot of a delivery in front.
// If it returns true, the connection goes on as if nothing had happened, and Done
// tells the outcome.
func (d *Delivery) Cancel() (sent bool) {
	if d.becomes(fresh, cancelled) {
		return false
	}
	// Under the lock: after end another delivery uses the connection.
	d.mu.Lock()
	if d.becomes(running, cancelled) {
		w := d.wire
		w.abort(ErrCancelled)
		defer w.Close()
	}
	d.mu.Unlock()
	return d.is(dotted)
}

// deliveryState is a stage of a Delivery. Only one goroutine can make each change of
// state, so a message that nobody cancels takes no lock.
type deliveryState = uint32

const (
	fresh     deliveryState = iota // no connection runs it yet
	running                        // a connection runs it, and may be aborted for it
	dotted                         // the right to write the dot is taken
	cancelled                      // no dot will be written
	over                           // it has ended without a dot
)

func (d *Delivery) is(s deliveryState) bool             { return d.state.Load() == s }
func (d *Delivery) becomes(from, to deliveryState) bool { return d.state.CompareAndSwap(from, to) }

func (d *Delivery) isCancelled() bool { return d.is(cancelled) }

// begin ties the delivery to its connection; false means that it was cancelled before.
func (d *Delivery) begin(w *wire) bool {
	d.wire = w
	return d.becomes(fresh, running)
}

// claimDot takes the right to write the final dot. After true Cancel stops
// nothing any more, after false the dot must not be written.
func (d *Delivery) claimDot() bool { return d.becomes(running, dotted) }

// end unties the delivery from its connection. Once the dot is claimed Cancel does
// not touch that any more.
func (d *Delivery) end() {
	if !d.is(dotted) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.becomes(running, over)
	}
	d.wire = nil
}

// Report is the outcome of one [Delivery].
type Report struct {
	// Recipients has one answer for each of Delivery.To, in the same order. The slice
	// is valid until Done returns; the answers may be copied.
	Recipients []Answer

	// Ordinal is the number of this transaction on its connection, from 1; 0
	// when its MAIL was not written.
	Ordinal int

	// Began is the time at which MAIL was written; zero when it was not.
	Began time.Time

	// Accepted is the number of RCPT commands that were accepted before the
	// transaction was broken off, or more recipients were refused for a limit.
	Accepted int

	// NotAttempted is set when nobody was judged: the same delivery can be tried again at
	// once on another connection. There are four reasons. A connection used before had
	// ended by the time of MAIL: without a reply, with a 221 or a 421 that names no
	// limit, or during the message before or its RSET. MAIL was sent too soon, see
	// TooSoon. The server refused parameters, see NoParams. Or the server had forgotten
	// the login after an EHLO; the next connection does not send that EHLO.
	NotAttempted bool

	// TooSoon is set, with NotAttempted, when MAIL was refused as out of sequence (503)
	// because it was sent behind the dot of the message before. The next are not.
	TooSoon bool

	// NoParams are, with NotAttempted, the parameters of MAIL or RCPT that the server
	// seems not to take, although it offers them (500, 501, 503, 504, 555). The next try
	// should have them in Delivery.NoParams, with those of this Delivery.
	NoParams Params
}

// Answer is the outcome of one transaction for one recipient.
type Answer struct {
	// Stage is the stage of the answer: StageDot if the message went out, else that of
	// the refusal or fault.
	Stage classify.Stage

	// Err is nil when the recipient was delivered; else the *[classify.Reply]
	// that decided, or the I/O or protocol error, or [ErrCancelled] or
	// [ErrClosed], or the error of User.BeforeDot.
	Err error

	// Reply is the deciding reply, an acceptance too; nil when there was none. It can
	// also come from this package, before anything is sent: to an address or a message
	// that the server could not take.
	Reply *classify.Reply

	// Verdict is the judgement of Config.Classifier on Err or Reply.
	Verdict classify.Verdict

	given bool // whether there is an answer; until then the recipient is open
}

// newAnswer returns the answer that a verdict on a reply or an error makes.
func newAnswer(stage classify.Stage, err error, v classify.Verdict) Answer {
	r, _ := err.(*classify.Reply)
	if v.Recipient == classify.RecipientDelivered {
		err = nil
	}
	return Answer{Stage: stage, Err: err, Reply: r, Verdict: v, given: true}
}
