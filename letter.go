package smtpace

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// letter is a message that has been accepted and is not settled yet. It owns
// the outcome of each recipient; deliveries carry the recipients to their
// destinations.
type letter struct {
	s       *Sender
	in      Message
	from    string
	lane    throttle.Lane
	batch   *batch // nil when given singly
	done    func(*Result)
	ended   atomic.Pointer[chan struct{}] // closed once done has returned; nil until somebody asks for it
	pass    pass                          // what it takes up of the admission of its lane
	expires time.Time
	shard   uint8 // of Sender.live
	pos     int   // in that shard, guarded by its lock; -1 when it is not there

	mu sync.Mutex
	content
	result  *Result
	to      []target
	open    int         // recipients that are not settled
	parts   []*delivery // queued or on the wire
	spare   *delivery   // room for the first delivery of a letter to one recipient; nil once used
	freed   []*path     // of deliveries that have ended, to be released by finish
	leaving error       // set: nothing is queued again, for this reason
}

// letterOfOne is a letter to one recipient and what lives as long as it does, in
// one piece.
type letterOfOne struct {
	letter
	to      [1]target
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
func newLetter(n int) *letter {
	if n != 1 {
		return &letter{to: make([]target, n), result: &Result{Recipients: make([]Recipient, n)}, open: n}
	}
	one, result := &letterOfOne{}, &resultOfOne{}
	result.Recipients = result.recipient[:]
	l := &one.letter
	l.to, l.result, l.open = one.to[:], &result.Result, 1
	l.parts, l.freed = one.parts[:0], one.freed[:0]
	l.spare, one.first.to = &one.first, one.indices[:]
	return l
}

// target is what the next try of a recipient needs to know.
type target struct {
	wire   string
	class  classify.Class // of the last attempt
	streak int            // consecutive attempts of that class
}

// delivery is one message for one destination: the recipients there that are
// still open.
type delivery struct {
	route
	letter  *letter
	pos     int   // in letter.parts; -1 when it has ended
	to      []int // indices of letter.to
	going   bool  // a connection has taken it
	routing bool  // the Router is asked about it
	item    *throttle.Item[*delivery]
	due     time.Time // the next try is not before; zero: at once
	wire    wire      // nil unless a connection has it
	bare    bool      // without parameters of MAIL that were refused
	failed  int       // local failures to render it, one after the other
	local   error     // the last of them
}

// wire is a delivery that a connection has; *pool.Delivery.
type wire interface {
	Cancel() (sent bool)
}

// settleLocked gives recipient i its end.
func (l *letter) settleLocked(i int, status Status, why error) {
	l.open--
	r := &l.result.Recipients[i]
	r.Status = status
	r.Err = why
}

// endLocked ends recipient i without another try.
func (l *letter) endLocked(i int, why error, dotOut bool) {
	end := ended(&l.result.Recipients[i], why, dotOut)
	l.settleLocked(i, end.status, end.err)
}

// attachLocked makes a delivery of l for some recipients.
func (l *letter) attachLocked(r route, to []int) *delivery {
	d := &delivery{to: to}
	return l.attachedLocked(d, r)
}

// attachFirstLocked makes the first delivery of l for one recipient.
func (l *letter) attachFirstLocked(r route, i int) *delivery {
	d := l.spare
	if d == nil {
		d = &delivery{to: []int{i}}
	}
	l.spare = nil
	return l.attachedLocked(d, r)
}

func (l *letter) attachedLocked(d *delivery, r route) *delivery {
	d.route, d.letter, d.pos = r, l, len(l.parts)
	r.path.retain()
	l.parts = append(l.parts, d)
	l.pass.attached(r.destination)
	return d
}

// detachLocked takes d out of l; finish releases its path.
func (l *letter) detachLocked(d *delivery) {
	last := l.parts[len(l.parts)-1]
	l.parts[d.pos], last.pos = last, d.pos
	l.parts[len(l.parts)-1] = nil
	l.parts = l.parts[:len(l.parts)-1]
	d.pos = -1
	l.freed = append(l.freed, d.path)
	l.pass.detached(d.destination)
}

// endAllLocked ends every recipient of d, and d with them.
func (l *letter) endAllLocked(d *delivery, why error, dotOut bool) {
	l.detachLocked(d)
	for _, i := range d.to {
		l.endLocked(i, why, dotOut)
	}
}

// refuseAllLocked settles every recipient of d as refused, for a local reason.
func (l *letter) refuseAllLocked(d *delivery, why error) {
	l.detachLocked(d)
	for _, i := range d.to {
		l.settleLocked(i, Refused, why)
	}
}

// withdraw ends the letter and returns how many recipients it has taken back:
// those that are not on the wire. What is on the wire ends with its
// transaction or, when onWire is set, now: its connection is interrupted unless
// the final dot is out.
func (l *letter) withdraw(why error, onWire bool) (taken int) {
	l.mu.Lock()
	if l.open == 0 {
		l.mu.Unlock()
		return 0
	}
	first := l.leaving == nil
	if first {
		l.leaving = why
	}
	for _, d := range slices.Clone(l.parts) {
		queued := d.routing || d.item != nil && l.s.sched.Remove(time.Now(), d.item)
		if !d.going && (queued || first) {
			taken += len(d.to)
		}
		if !queued && !onWire {
			continue // push, take or transacted ends it
		}
		dotOut := !queued && d.wire != nil && d.wire.Cancel()
		l.endAllLocked(d, l.whyNot(d, why), dotOut)
	}
	l.finish()
	return taken
}

// whyNot adds to the reason of an end what has kept the delivery from being
// tried: a local failure, and to an expiry the fault of its relays.
func (l *letter) whyNot(d *delivery, why error) error {
	if d.local != nil {
		return fmt.Errorf("%w; %w", why, d.local)
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
func (l *letter) finish() {
	freed := l.freed
	l.freed = nil
	settled := l.open == 0 && l.result.Settled.IsZero()
	if l.pass.loose && !settled {
		l.s.admission(l.lane).settle(&l.pass)
	}
	if settled {
		l.result.Settled = time.Now()
		l.unrestLocked()
		l.releaseLocked(time.Now())
	}
	file := l.file
	l.mu.Unlock()
	if settled {
		if file != "" {
			l.removeFile(file)
		}
		l.s.settled(l, l.result)
		if !l.s.isStopping() {
			l.s.dispatcher.drive()
		}
	}
	for _, p := range freed {
		p.release()
	}
}
