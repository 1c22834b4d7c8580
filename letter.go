package smtpace

import (
	"errors"
	"fmt"
	"slices"
	"sync"
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
	pass    pass // what it takes up of the admission of its lane
	expires time.Time
	livePos int // in Sender.live

	mu sync.Mutex
	content
	result  *Result
	to      []target
	open    int         // recipients that are not settled
	parts   []*delivery // queued or on the wire
	freed   []*path     // of deliveries that have ended, to be released by finish
	leaving error       // set: nothing is queued again, for this reason
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
	letter *letter
	pos    int   // in letter.parts; -1 when it has ended
	to     []int // indices of letter.to
	item   *throttle.Item[*delivery]
	due    time.Time // the next try is not before; zero: at once
	wire   wire      // nil unless a connection has it
	bare   bool      // without parameters of MAIL that were refused
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

// endLocked ends recipient i without another try. A final dot that is out
// without a reply, now or at an earlier try, leaves its fate unknown.
func (l *letter) endLocked(i int, why error, dotOut bool) {
	r := &l.result.Recipients[i]
	if r.Err != nil {
		why = fmt.Errorf("%w; last answer: %w", why, r.Err)
	}
	switch {
	case dotOut || r.Ambiguous > 0:
		l.settleLocked(i, Unknown, why)
	case r.Tries > 0:
		l.settleLocked(i, GaveUp, why)
	default:
		l.settleLocked(i, NotTried, why)
	}
}

// attachLocked makes a delivery of l for some recipients.
func (l *letter) attachLocked(r route, to ...int) *delivery {
	d := &delivery{route: r, letter: l, to: to, pos: len(l.parts)}
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

// withdraw ends the letter: what is queued ends now; what is on the wire ends
// now as well, its connection interrupted unless the final dot is out, or,
// when onWire is false, with the transaction that has it.
func (l *letter) withdraw(why error, onWire bool) {
	l.mu.Lock()
	if l.open == 0 {
		l.mu.Unlock()
		return
	}
	if l.leaving == nil {
		l.leaving = why
	}
	for _, d := range slices.Clone(l.parts) {
		queued := d.item != nil && l.s.sched.Remove(time.Now(), d.item)
		if !queued && !onWire {
			continue // push, take or transacted ends it
		}
		dotOut := !queued && d.wire != nil && d.wire.Cancel()
		l.endAllLocked(d, l.whyNot(d, why), dotOut)
	}
	l.finish()
}

// whyNot adds to an expiry what has kept the relays from serving.
func (l *letter) whyNot(d *delivery, why error) error {
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
		l.s.dispatcher.drive()
	}
	for _, p := range freed {
		p.release()
	}
}
