package smtpace

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// letter is a message that has been accepted and is not settled yet. It owns
// the outcome of each recipient; deliveries carry the recipients to their
// destinations.
type Submission struct {
	sender    *Sender
	message   Message
	from      string
	lane      throttle.Lane
	batch     *batch // nil when given singly
	onSettled func(*Result)
	ended     atomic.Pointer[chan struct{}] // closed once done has returned; nil until somebody asks for it
	admitted  pass                          // what it takes up of the admission of its lane
	expires   time.Time
	shard     uint8 // of Sender.live
	pos       int   // in that shard, guarded by its lock; -1 when it is not there

	mu sync.Mutex
	content
	result     *Result
	recipients []recipientState
	open       int         // recipients that are not settled
	deliveries []*delivery // queued or on the wire
	first      *delivery   // room for the first delivery of a letter to one recipient; nil once used
	released   []*path     // of deliveries that have ended, to be released by finish
	withdrawn  error       // set: nothing is queued again, for this reason
}

// letterOfOne is a letter to one recipient and what lives as long as it does, in
// one piece.
type submissionOfOne struct {
	sub     Submission
	to      [1]recipientState
	parts   [1]*delivery
	freed   [1]*path
	first   delivery
	indices [1]int
}

// resultOfOne is a Result with its one recipient in one piece.
type resultOfOne struct {
	Result
	recipient [1]Recipient
}

// newLetter returns a letter with room for n recipients.
func newSubmission(n int) *Submission {
	if n != 1 {
		return &Submission{recipients: make([]recipientState, n), result: &Result{Recipients: make([]Recipient, n)}, open: n}
	}
	one, result := &submissionOfOne{}, &resultOfOne{}
	result.Recipients = result.recipient[:]
	sub := &one.sub
	sub.recipients, sub.result, sub.open = one.to[:], &result.Result, 1
	sub.deliveries, sub.released = one.parts[:0], one.freed[:0]
	sub.first, one.first.to = &one.first, one.indices[:]
	return sub
}

// target is what the next try of a recipient needs to know.
type recipientState struct {
	mailbox string
	class   classify.Class // of the last attempt
	streak  int            // consecutive attempts of that class
}

// delivery is one message for one destination: the recipients there that are
// still open.
type delivery struct {
	route
	sub         *Submission
	pos         int   // in letter.parts; -1 when it has ended
	to          []int // indices of letter.to
	going       bool  // a connection has taken it
	routing     bool  // the Router is asked about it
	item        *throttle.Item[*delivery]
	due         time.Time      // the next try is not before; zero: at once
	pooled      *pool.Delivery // nil unless a connection has it
	bare        bool           // without parameters of MAIL that were refused
	failures    int            // local failures to render it, one after the other
	lastFailure error          // the last of them
}

// settleLocked gives recipient i its end.
func (sub *Submission) settleLocked(i int, status Status, why error) {
	sub.open--
	r := &sub.result.Recipients[i]
	r.Status = status
	r.Err = why
}

// endLocked ends recipient i without another try.
func (sub *Submission) endLocked(i int, why error, dotOut bool) {
	end := ended(&sub.result.Recipients[i], why, dotOut)
	sub.settleLocked(i, end.status, end.err)
}

// attachLocked makes a delivery of l for some recipients.
func (sub *Submission) attachLocked(r route, to []int) *delivery {
	d := &delivery{to: to}
	return sub.attachedLocked(d, r)
}

// attachFirstLocked makes the first delivery of l for one recipient.
func (sub *Submission) attachFirstLocked(r route, i int) *delivery {
	d := sub.first
	if d == nil {
		d = &delivery{to: []int{i}}
	}
	sub.first = nil
	return sub.attachedLocked(d, r)
}

func (sub *Submission) attachedLocked(d *delivery, r route) *delivery {
	d.route, d.sub, d.pos = r, sub, len(sub.deliveries)
	r.path.retain()
	sub.deliveries = append(sub.deliveries, d)
	sub.admitted.attached(r.destination)
	return d
}

// detachLocked takes d out of l; finish releases its path.
func (sub *Submission) detachLocked(d *delivery) {
	last := sub.deliveries[len(sub.deliveries)-1]
	sub.deliveries[d.pos], last.pos = last, d.pos
	sub.deliveries[len(sub.deliveries)-1] = nil
	sub.deliveries = sub.deliveries[:len(sub.deliveries)-1]
	d.pos = -1
	sub.released = append(sub.released, d.path)
	sub.admitted.detached(d.destination)
}

// endAllLocked ends every recipient of d, and d with them.
func (sub *Submission) endAllLocked(d *delivery, why error, dotOut bool) {
	sub.detachLocked(d)
	for _, i := range d.to {
		sub.endLocked(i, why, dotOut)
	}
}

// refuseAllLocked settles every recipient of d as refused, for a local reason.
func (sub *Submission) refuseAllLocked(d *delivery, why error) {
	sub.detachLocked(d)
	for _, i := range d.to {
		sub.settleLocked(i, Refused, why)
	}
}

// withdraw ends the letter and returns how many recipients it has taken back:
// those that are not on the wire. What is on the wire ends with its
// transaction or, when onWire is set, now: its connection is interrupted unless
// the final dot is out.
func (sub *Submission) withdraw(why error, onWire bool) (taken int) {
	sub.mu.Lock()
	if sub.open == 0 {
		sub.mu.Unlock()
		return 0
	}
	first := sub.withdrawn == nil
	if first {
		sub.withdrawn = why
	}
	for _, d := range slices.Clone(sub.deliveries) {
		queued := d.routing || d.item != nil && sub.sender.sched.Remove(time.Now(), d.item)
		if !d.going && (queued || first) {
			taken += len(d.to)
		}
		if !queued && !onWire {
			continue // push, take or transacted ends it
		}
		dotOut := !queued && d.pooled != nil && d.pooled.Cancel()
		sub.endAllLocked(d, sub.whyNot(d, why), dotOut)
	}
	sub.finish()
	return taken
}

// whyNot adds to the reason of an end what has kept the delivery from being
// tried: a local failure, and to an expiry the fault of its relays.
func (sub *Submission) whyNot(d *delivery, why error) error {
	if d.lastFailure != nil {
		return fmt.Errorf("%w; %w", why, d.lastFailure)
	}
	if !errors.Is(why, ErrExpired) {
		return why
	}
	if fault := d.path.fault(); fault != nil {
		return fmt.Errorf("%w; relay: %w", why, fault)
	}
	return why
}

// finish unlocks l and, when its last recipient has been settled, reports it.
func (sub *Submission) finish() {
	freed := sub.released
	sub.released = nil
	settled := sub.open == 0 && sub.result.Settled.IsZero()
	if sub.admitted.vacant && !settled {
		sub.sender.admission(sub.lane).settle(&sub.admitted)
	}
	if settled {
		sub.result.Settled = time.Now()
		sub.uncacheLocked()
		sub.uncountLocked(time.Now())
	}
	file := sub.file
	sub.mu.Unlock()
	if settled {
		if file != "" {
			sub.removeFile(file)
		}
		sub.sender.settled(sub, sub.result)
		if !sub.sender.isStopping() {
			sub.sender.dispatcher.drive()
		}
	}
	for _, p := range freed {
		p.release()
	}
}
