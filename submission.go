package smtpace

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// Submission is the handle of a message that Submit has accepted. It need not
// be kept: an unused one costs nothing. Its methods are safe for concurrent
// use. It keeps its Message in memory for as long as it is referred to.
type Submission struct {
	// The fields of this group do not change once the message is accepted, but for
	// message.Data, which mu guards.
	sender    *Sender
	message   Message
	from      string // mailbox of the envelope sender; "" is the null sender
	lane      throttle.Lane
	batch     *batch        // the SendAll it belongs to; nil for Submit and Send
	onSettled func(*Result) // the done of Submit; may be nil
	expires   time.Time
	impatient bool // whether it ends at once when its relays have never worked

	use      *msgUse                       // use of the Msg, which ends when the message is settled; nil once the Msg is not read any more
	parties  uint64                        // hash of the parties of a Msg that is read later; 0 for others
	edges    uint64                        // edgesHash of the caller's Data; 0 for others
	admitted pass                          // share of the admission of its lane
	done     atomic.Pointer[chan struct{}] // channel of Done; nil until Done is called or the message is settled
	shard    uint8                         // index of its shard of the registry
	pos      int                           // index in that shard, guarded by the shard's lock; -1 outside

	mu sync.Mutex // guards all below
	content
	result     *Result
	recipients []recipientState // parallel to result.Recipients
	open       int              // number of recipients that are not settled
	deliveries []*delivery      // those that have not ended
	first      *delivery        // room for the first delivery of a single recipient; nil once used
	released   []*path          // paths of ended deliveries, for finish to release
	withdrawn  error            // reason for which nothing is queued again; nil while it may be
}

// recipientState is the history of a recipient that its next try depends on.
type recipientState struct {
	mailbox string
	class   classify.Class // class of the last attempt
	streak  int            // number of consecutive attempts of that class
}

// submissionOfOne is a Submission for one recipient in one allocation with the
// slices and the delivery that it needs.
type submissionOfOne struct {
	sub        Submission
	recipients [1]recipientState
	deliveries [1]*delivery
	released   [1]*path
	first      delivery
	indices    [1]int
}

// resultOfOne is a Result for one recipient in one allocation.
type resultOfOne struct {
	Result
	recipient [1]Recipient
}

// newSubmission returns a Submission with room for n recipients.
func newSubmission(n int) *Submission {
	if n != 1 {
		return &Submission{recipients: make([]recipientState, n), result: &Result{Recipients: make([]Recipient, n)}, open: n}
	}
	one, result := &submissionOfOne{}, &resultOfOne{}
	result.Recipients = result.recipient[:]
	sub := &one.sub
	sub.recipients, sub.result, sub.open = one.recipients[:], &result.Result, 1
	sub.deliveries, sub.released = one.deliveries[:0], one.released[:0]
	sub.first, one.first.to = &one.first, one.indices[:]
	return sub
}

// Withdraw takes back every recipient that is not in a transaction at this
// moment and returns the number of those. They end as NotTried, or as GaveUp or
// Unknown when they were tried before, with cause behind their errors; nil
// stands for ErrWithdrawn. A recipient in a transaction ends with it, and gets
// no further try when it is put off. Withdraw does not wait, and does nothing
// to a message that is settled or already withdrawn.
func (sub *Submission) Withdraw(cause error) (taken int) {
	if cause == nil {
		cause = ErrWithdrawn
	}
	return sub.withdraw(cause, false)
}

// Result returns the outcome; nil until every recipient is settled. It is the
// Result that the done function is given.
func (sub *Submission) Result() *Result {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.result.Settled.IsZero() {
		return nil
	}
	return sub.result
}

// Done returns a channel that is closed when every recipient is settled and the
// done function given to Submit has returned.
func (sub *Submission) Done() <-chan struct{} {
	if made := sub.done.Load(); made != nil {
		return *made
	}
	c := make(chan struct{})
	if sub.done.CompareAndSwap(nil, &c) {
		return c
	}
	return *sub.done.Load()
}

// closedChannel is the channel of messages that end before Done is called.
var closedChannel = func() *chan struct{} {
	c := make(chan struct{})
	close(c)
	return &c
}()

// closeDone closes the channel of Done. It is called once.
func (sub *Submission) closeDone() {
	if !sub.done.CompareAndSwap(nil, closedChannel) {
		close(*sub.done.Load())
	}
}

// withdraw ends the message and returns the number of recipients taken back: those not in
// a transaction. A transaction goes on to its end, or ends now when interrupt is set; a
// final dot that is already sent makes its recipients Unknown then.
func (sub *Submission) withdraw(why error, interrupt bool) (taken int) {
	return sub.withdrawFor(&withdrawal{why: why, interrupt: interrupt})
}

// withdrawal is the end of some messages for one reason. It belongs to one
// goroutine.
type withdrawal struct {
	why       error
	interrupt bool            // whether transactions end now
	reasons   map[*path]error // those that were found so far; nil for a single message
}

// withdrawFor does what withdraw does.
func (sub *Submission) withdrawFor(w *withdrawal) (taken int) {
	why := w.why
	sub.mu.Lock()
	if sub.open == 0 {
		sub.mu.Unlock()
		return 0
	}
	first := sub.withdrawn == nil
	if first {
		sub.withdrawn = why
	}
	var room [4]*delivery
	for _, d := range append(room[:0], sub.deliveries...) {
		waits := d.state == stateRouting || d.state == stateQueued && sub.sender.sched.Remove(time.Now(), d.item)
		if d.state != stateInFlight && (waits || first) {
			taken += len(d.to)
		}
		if !waits && !w.interrupt {
			continue // whoever has d at this moment ends it
		}
		dotOut := !waits && d.pooled != nil && d.pooled.Cancel()
		sub.endAllLocked(d, w.reasonLocked(sub, d), dotOut)
	}
	sub.finish()
	return taken
}

// reasonLocked returns the reason for which a delivery ends. It looks once at the
// relays of a path, however many messages wait for them.
func (w *withdrawal) reasonLocked(sub *Submission, d *delivery) error {
	if w.reasons == nil || d.lastFailure != nil || d.state == stateRouting {
		return sub.reasonLocked(d, w.why)
	}
	reason, known := w.reasons[d.path]
	if !known {
		reason = sub.reasonLocked(d, w.why)
		w.reasons[d.path] = reason
	}
	return reason
}

// reasonLocked returns why with the cause that has kept d from being tried. The cause
// is its last local failure, the fault of each relay if none can be reached, or the
// answer that has opened a breaker.
func (sub *Submission) reasonLocked(d *delivery, why error) error {
	if d.lastFailure != nil {
		return fmt.Errorf("%w; %w", why, d.lastFailure)
	}
	if d.state == stateRouting {
		return fmt.Errorf("%w; the Router has not answered", why)
	}
	if faults := d.path.faults(); len(faults) > 0 || !errors.Is(why, ErrExpired) {
		return because(why, faults)
	}
	if answer := breakerAnswer(sub.sender.sched.Explain(time.Now(), d.destination)); answer != "" {
		return fmt.Errorf("%w; relay: %s", why, answer)
	}
	return why
}

// breakerAnswer returns the answer that has opened the breaker in the way of the mail; ""
// when there is none.
func breakerAnswer(x throttle.Explanation) string {
	switch {
	case x.Bind.Limit != "breaker":
		return ""
	case x.Bind.Scope == throttle.ScopeEndpoint.String():
		return x.Via.Breaker
	}
	return x.Breaker
}

// settleLocked settles recipient i.
func (sub *Submission) settleLocked(i int, status Status, why error) {
	sub.open--
	r := &sub.result.Recipients[i]
	r.Status, r.Err = status, why
}

// endAllLocked ends d and settles its recipients without another try.
func (sub *Submission) endAllLocked(d *delivery, why error, dotOut bool) {
	sub.detachLocked(d)
	for _, i := range d.to {
		end := ended(&sub.result.Recipients[i], why, dotOut)
		sub.settleLocked(i, end.status, end.err)
	}
}

// refuseAllLocked ends d and settles its recipients as refused.
func (sub *Submission) refuseAllLocked(d *delivery, why error) {
	sub.detachLocked(d)
	for _, i := range d.to {
		sub.settleLocked(i, Refused, why)
	}
}

// finish unlocks the message, releases the paths of ended deliveries, and
// reports the Result when the last recipient has been settled.
func (sub *Submission) finish() { sub.finishAt(time.Time{}) }

// finishAt does the same as finish. now is the present time; zero means that it is not
// known yet.
func (sub *Submission) finishAt(now time.Time) {
	s, released, settled := sub.sender, sub.released, sub.open == 0 && sub.result.Settled.IsZero()
	if len(released) > 0 {
		sub.released = nil // the paths are released without the lock
	}
	switch {
	case settled:
		if now.IsZero() {
			now = time.Now()
		}
		sub.result.Settled = now
		if sub.unmade {
			s.unmade.Add(-1)
		}
		if sub.rendering != nil {
			sub.rendering.aborted.Store(true)
		}
		sub.uncacheLocked()
		sub.uncountLocked(sub.result.Settled)
	case sub.admitted.vacant:
		s.admission(sub.lane).settle(&sub.admitted)
	}
	file := sub.file
	sub.mu.Unlock()
	if settled {
		defer s.drained(released) // also when a function of the user's ends the goroutine
		if file != "" {
			sub.removeFile(file)
		}
		s.settled(sub, sub.result)
		return
	}
	releaseAll(released)
}

// drained has connections do what is ready behind a settled message, and releases its
// paths.
func (s *Sender) drained(released []*path) {
	if !s.isStopping() {
		s.dispatcher.drive()
	}
	releaseAll(released)
}

// releaseAll releases paths.
func releaseAll(paths []*path) {
	for _, p := range paths {
		p.release()
	}
}
