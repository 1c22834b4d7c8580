package simulate

import (
	"io"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// The longest rest and the longest life of a connection, as in package pool.
const (
	idleTime = 8 * time.Second
	maxAge   = 5 * time.Minute
)

// closing is the longest time from a QUIT to the end of the connection, which
// the receiver counts meanwhile.
const closing = 5 * time.Millisecond

// line is one connection. The envelope of a message is written with the dot of
// the one before, if there is one (RFC 2920), so that a message takes one round
// trip.
type line struct {
	n      *network
	host   *host
	owner  any // set by the sender
	phase  phase
	born   time.Duration
	rested time.Duration // the time at which it last began to rest
	idling bool          // whether an event for idle is planned
	woken  bool          // whether it was woken before it rested

	inFlight []*message // messages whose envelopes are written: at most two
	dot      bool       // whether the dot of the first is on the wire
	served   bool       // whether a message was accepted on it
	lastMail int        // the code of the last MAIL if that was refused

	counted          bool          // whether the receiver counts it
	carried          int           // messages that the receiver counts on it
	lastUp, lastDown time.Duration // nothing overtakes on a connection
}

type phase uint8

const (
	dialling phase = iota
	working
	resting
	leaving
	gone
)

// dial opens a connection.
func (n *network) dial(h *host, owner any) *line {
	l := &line{n: n, host: h, owner: owner, born: n.now}
	n.after(3*h.hop(), l.arrive)
	return l
}

func (l *line) arrive() {
	a := l.host.connected(l)
	if a != nil {
		l.n.after(l.host.hop(), func() { l.notOpened(a) })
		return
	}
	for range 5 {
		l.lastDown += l.host.hop()
	}
	l.lastDown += l.n.now
	l.n.at(l.lastDown, l.ready)
}

func (l *line) notOpened(a *answer) {
	l.phase = gone
	l.n.tried(0, 1)
	l.n.sender.closed(l, a)
}

func (l *line) ready() {
	if l.phase == gone {
		return
	}
	l.n.tried(1, 0)
	l.phase = working
	l.n.sender.opened(l)
	l.ask()
}

// up calls do when what is written now arrives.
func (l *line) up(do func()) {
	l.lastUp = max(l.lastUp, l.n.now+l.host.hop())
	l.n.at(l.lastUp, do)
}

// down calls do when what is answered now arrives.
func (l *line) down(do func()) {
	l.lastDown = max(l.lastDown, l.n.now+l.host.hop())
	l.n.at(l.lastDown, do)
}

// ask gives a line that is free its next message.
func (l *line) ask() {
	if l.phase != working {
		return
	}
	if l.old() {
		l.quit()
		return
	}
	l.woken = false
	m := l.n.sender.next(l)
	if m != nil {
		l.write(m)
		l.up(func() { l.heard(nil, m) })
		return
	}
	if l.phase == working {
		l.rest()
	}
}

func (l *line) old() bool { return l.n.now-l.born >= maxAge }

func (l *line) rest() {
	l.phase, l.rested = resting, l.n.now
	if l.woken {
		l.woken = false
		l.wake()
		return
	}
	if !l.idling {
		l.idling = true
		l.n.after(idleTime, l.idle)
	}
}

// idle ends a line that has rested for long.
func (l *line) idle() {
	l.idling = false
	switch {
	case l.phase != resting:
	case l.n.now-l.rested >= idleTime:
		l.quit()
	default:
		l.idling = true
		l.n.at(l.rested+idleTime, l.idle)
	}
}

// wake makes a line that rests, or is about to, ask again.
func (l *line) wake() {
	switch l.phase {
	case resting:
		l.phase = working
		l.n.after(0, l.ask)
	case working:
		l.woken = true
	}
}

// quit ends a line that is free.
func (l *line) quit() {
	l.phase = leaving
	l.n.sender.leaves(l)
	l.up(func() {
		l.n.after(l.host.upTo(closing), func() {
			l.host.forget(l)
			l.down(l.left)
		})
	})
}

func (l *line) left() {
	if l.phase == gone {
		return
	}
	l.phase = gone
	l.n.sender.closed(l, nil)
}

// write puts an envelope on the wire.
func (l *line) write(m *message) {
	m.become(waiting, inFlight)
	l.inFlight = append(l.inFlight, m)
	l.n.sender.wrote(l, m)
}

// heard stores a message whose dot has come to the receiver, and judges an
// envelope. Both may be nil.
func (l *line) heard(stored, next *message) {
	if !l.counted {
		return
	}
	if next != nil {
		next.taken, next.refusal = l.host.envelope(l, next)
	}
	l.down(func() { l.told(stored, next) })
}

// told goes on at the sender when the replies have come.
func (l *line) told(stored, next *message) {
	if l.phase == gone {
		return
	}
	if stored != nil {
		l.dot = false
		l.end(stored)
	}
	switch {
	case next == nil:
		l.ask()
	case next.taken == 0:
		a := next.refusal
		l.end(next)
		l.refused(a)
	default:
		l.lastMail = 0
		l.finish(next)
	}
}

// finish writes a message and its dot, and the envelope of another behind it.
func (l *line) finish(m *message) {
	var next *message
	if !l.old() && (m.refusal == nil || !m.refusal.verdict.Throttled()) {
		next = l.n.sender.behind(l, m)
	}
	l.dot = true
	if next != nil {
		l.write(next)
	}
	l.up(func() {
		if l.counted {
			l.n.after(l.host.takes(), func() { l.heard(m, next) })
		}
	})
}

// end ends a transaction. The recipients that are refused are so many tries; a
// refusal of MAIL is one.
func (l *line) end(m *message) {
	l.inFlight = l.inFlight[1:]
	taken, a, refused := m.taken, m.refusal, 0
	m.taken, m.refusal = 0, nil
	if a != nil {
		refused = 1
		if a.stage == classify.StageRcpt {
			refused = m.n - taken
		}
	}
	l.n.tried(taken, refused)
	if taken > 0 {
		l.served = true
		l.n.took(m, taken)
	} else {
		m.become(inFlight, waiting)
	}
	l.n.sender.done(l, m, taken, a)
}

// refused goes on after a refusal as the pool does. A line that is refused at
// MAIL twice in a row in the same way is ended.
func (l *line) refused(a *answer) {
	if a.closes {
		l.left()
		return
	}
	again := a.stage == classify.StageMail && a.code == l.lastMail
	l.lastMail = 0
	if a.stage == classify.StageMail {
		l.lastMail = a.code
	}
	if again || a.verdict.Connection >= classify.ConnQuit {
		l.quit()
		return
	}
	l.ask()
}

// lost ends a connection that was reset.
func (l *line) lost() {
	switch l.phase {
	case gone:
		return
	case dialling:
		l.notOpened(fault(classify.StageBanner, io.ErrUnexpectedEOF))
		return
	}
	l.phase = gone
	for len(l.inFlight) > 0 {
		at := classify.StageMail
		if l.dot {
			at, l.dot = classify.StageDot, false
		}
		l.inFlight[0].taken, l.inFlight[0].refusal = 0, fault(at, io.ErrUnexpectedEOF)
		l.end(l.inFlight[0])
	}
	l.n.sender.closed(l, nil)
}

// unjudged reports whether nobody was judged, as the pool sees it: the server ended a
// connection that had been in use, without a word or with a 421 that names no limit.
func (l *line) unjudged(a *answer) bool {
	return l.served && a.stage < classify.StageDot && (a.code == 0 || a.code == 421 && !a.verdict.Throttled())
}
