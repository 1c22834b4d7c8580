package throttle

import (
	"maps"
	"time"
)

// moveBatch bounds how many items and flows are moved to other paths for one
// question.
const moveBatch = 200

// sentBy notes a sender of the mail of a path.
func (p *path[T]) sentBy(sender string) {
	switch {
	case p.from == "":
		p.from = sender
	case sender != "" && p.from != sender:
		p.mixed = true
	}
}

// mixed reports whether the endpoint has mail of several senders. Then one of them
// may be refused for what the others have no part in.
func (e *endpoint[T]) mixed() bool {
	for _, p := range e.paths {
		if p.mixed || p.from != e.paths[0].from {
			return true
		}
	}
	return false
}

// senderBreakerLocked returns the breaker of a sender, made when it is first used. It
// returns nil where there are too many to tell apart: the breaker of the endpoint alone
// has seen the mail of that sender.
func (s *Scheduler[T]) senderBreakerLocked(now time.Time, e *endpoint[T], sender string) *breaker[T] {
	if b := e.bySender[sender]; b != nil {
		return b
	}
	if len(e.bySender) >= mostBreakers {
		other, least := dispensable(now, maps.All(e.bySender))
		if least == nil {
			return nil
		}
		if delete(e.bySender, other); least.open() {
			s.splitsLess(other)
			e.stirServersLocked(s)
		}
	}
	if e.bySender == nil {
		e.bySender = map[string]*breaker[T]{}
	}
	b := &breaker[T]{}
	e.bySender[sender] = b
	return b
}

// acceptedOf notes that a message of a sender was accepted. It reports whether this
// has closed the breaker of the sender.
func (s *Scheduler[T]) acceptedOf(e *endpoint[T], sender string, begun time.Time) (closed bool) {
	b := e.bySender[sender]
	if b == nil {
		return false
	}
	if closed = b.accepted(begun); closed {
		s.splitsLess(sender)
	}
	if b.run == 0 && b.share > 0.9 { // a new one would do the same
		delete(e.bySender, sender)
	}
	return closed
}

// splitsLess notes that one breaker less is open for a sender.
func (s *Scheduler[T]) splitsLess(sender string) {
	if s.split[sender]--; s.split[sender] <= 0 {
		delete(s.split, sender)
	}
}

// splitsMore notes that one more breaker is open for a sender: its items go into flows of
// their own from now on, and the waiting ones when their turn comes.
func (s *Scheduler[T]) splitsMore(sender string) {
	if s.split == nil {
		s.split = map[string]int{}
	}
	s.split[sender]++
}

// forgetSenders drops what was seen of senders.
func (s *Scheduler[T]) forgetSenders(e *endpoint[T]) {
	for sender, b := range e.bySender {
		if b.open() {
			s.splitsLess(sender)
		}
	}
	e.bySender = nil
}

// blameSenderLocked tells the breaker of a sender of a refusal.
func (s *Scheduler[T]) blameSenderLocked(now time.Time, e *endpoint[T], l blame) []Change {
	b := s.senderBreakerLocked(now, e, l.sender)
	if !b.refused(l) || !b.concernsAll() {
		return nil
	}
	s.splitsMore(l.sender)
	c := s.tripLocked(now, b, l, Change{Scope: e.kind.String(), Name: e.name, Sender: l.sender})
	e.stirServersLocked(s)
	return []Change{c}
}

// blameSenderAtLocked tells the breaker of a sender at a destination of a refusal from
// RCPT on. The sender may be blocked there alone, or write to nobody else. It stays
// closed where that of the sender or of the destination is open.
func (s *Scheduler[T]) blameSenderAtLocked(now time.Time, e *endpoint[T], d *destination[T], l blame) []Change {
	b := s.barredAtLocked(now, d, e.name, l.sender)
	if !b.refused(l) || e.suspects() || e.bySender[l.sender].open() || d.bars.of(e.name).open() {
		return nil
	}
	s.splitsMore(l.sender)
	return []Change{s.tripLocked(now, b, l, Change{Scope: d.kind.String(), Name: d.name, Via: e.name, Sender: l.sender})}
}

// anotherSenderLocked notes that mail of a sender waits for endpoints. A breaker with
// mail of only one other sender becomes the breaker of that sender.
func (s *Scheduler[T]) anotherSenderLocked(now time.Time, p *path[T], d *destination[T], sender string) {
	if sender == "" {
		return
	}
	for _, e := range p.endpoints {
		b := &e.breaker
		if only := b.only(); b.open() && only != "" && only != sender {
			if of := s.senderBreakerLocked(now, e, only); of != nil && !of.open() {
				*of = *b
				of.probing = false // the end of a probe that is under way would not reach it
				s.splitsMore(only)
			}
			b.since, b.until, b.probing = time.Time{}, time.Time{}, false
			e.stirServersLocked(s)
		}
		at := d.bars.of(e.name)
		if only := at.only(); at.open() && only != "" && only != sender {
			delete(d.bars.at, barKey{e.name, ""})
		}
	}
}

// splitLocked moves an item that is not delayed to the flow of its sender.
func (s *Scheduler[T]) splitLocked(now time.Time, it *Item[T]) {
	f := it.flow
	s.leftLotLocked(now, it, false)
	f.drop(it)
	f.d.boxes.left(now, it, false)
	if it == f.blocked {
		f.blocked, f.need = nil, 0
	}
	to := s.enterLocked(now, f.d.name, f.d.home(f), it.job.Sender)
	to.path.sentBy(it.job.Sender)
	it.flow = to
	to.add(now, it)
	s.rescheduleFlowLocked(now, f)
	s.rescheduleFlowLocked(now, to)
}

// splits reports whether an item belongs in a flow of its sender, and is not there.
func (s *Scheduler[T]) splits(it *Item[T]) bool {
	return len(s.split) > 0 && it.flow.path.sender == "" && s.split[it.job.Sender] > 0
}

// splitKey returns the key of a path for mail that is kept apart; without a sender
// and suspicion, of the path for all other.
func splitKey(of *Path, sender string, suspect bool) string {
	if suspect {
		return of.key + "\x00\x01" + sender
	}
	if sender == "" {
		return of.key
	}
	return of.key + "\x00\x00" + sender
}

// senderOf returns the sender that a job's flow is for: "" unless mail of its
// sender is kept apart.
func (s *Scheduler[T]) senderOf(sender string) string {
	if len(s.split) == 0 || s.split[sender] == 0 {
		return ""
	}
	return sender
}
