package throttle

import "time"

const (
	// manyMailboxes is the number of mailboxes refused at the same time that
	// shows a limit on all mail, rather than on each mailbox.
	manyMailboxes = 8
	// mostMailboxes is the number of mailboxes that a destination remembers.
	mostMailboxes = 256
	// mailboxLife is the time for which a mailbox without waiting items is
	// remembered.
	mailboxLife = time.Hour
)

// mailbox is an address with too much mail, by the words of its receiver. It
// has a rate of its own. Its items are parked until they may go, and hold up
// nothing else.
type mailbox[T any] struct {
	lot[T]
	name     string
	rate     rateEstimate
	inFlight int
	refused  time.Time // the time of the last refusal
	until    time.Time // the time at which the next comes back, when it is in mailboxes.waiting
	pos      int32     // its index in mailboxes.waiting; -1 when it is not there
}

// mailboxes holds the mailboxes of a destination. The zero value holds none.
type mailboxes[T any] struct {
	by      map[string]*mailbox[T]
	waiting timeHeap[*mailbox[T]]
	parked  int // parked items of all mailboxes
}

func (b *mailbox[T]) due() time.Time   { return b.until }
func (b *mailbox[T]) position() *int32 { return &b.pos }

// of returns the mailbox of an item; nil when nothing holds it back.
func (m *mailboxes[T]) of(it *Item[T]) *mailbox[T] {
	if m == nil || len(m.by) == 0 || it.job.Mailbox == "" {
		return nil
	}
	return m.by[it.job.Mailbox]
}

// add notes that an address was refused, and returns its mailbox. It returns
// nil when there are too many to tell apart.
func (m *mailboxes[T]) add(now time.Time, name string) *mailbox[T] {
	if b, ok := m.by[name]; ok {
		b.refused = now
		return b
	}
	if len(m.by) >= mostMailboxes {
		m.tidy(now)
	}
	if len(m.by) >= mostMailboxes {
		return nil
	}
	if m.by == nil {
		m.by = map[string]*mailbox[T]{}
	}
	b := &mailbox[T]{name: name, rate: newRateEstimate(now, 0, now), refused: now, pos: -1}
	b.rate.strict = true // whoever refuses one address for its rate means it
	m.by[name] = b
	return b
}

// has reports whether an address is known to get too much mail.
func (m *mailboxes[T]) has(name string) bool { return m != nil && m.by[name] != nil }

// tidy forgets the mailboxes that were not refused for long and hold nothing.
func (m *mailboxes[T]) tidy(now time.Time) {
	for name, b := range m.by {
		if b.parked.n == 0 && b.unparked == nil && b.inFlight == 0 && now.Sub(b.refused) > mailboxLife {
			delete(m.by, name)
		}
	}
}

// many reports whether many addresses refuse at present.
func (m *mailboxes[T]) many() bool {
	n := 0
	for _, b := range m.by {
		if b.rate.outage.lasts() {
			n++
		}
	}
	return n >= manyMailboxes
}

// mayGo reports whether an item may go as far as its mailbox is concerned.
func (b *mailbox[T]) mayGo(now time.Time, it *Item[T]) bool {
	return b.unparked == it || b.unparked == nil && b.parked.n == 0 && !b.at(now).After(now)
}

// at returns the time at which the next may go; never while a probe is under
// way.
func (b *mailbox[T]) at(now time.Time) time.Time {
	if b.rate.outage.lasts() && b.inFlight > 0 {
		return never
	}
	return b.rate.at(now, 0, 1)
}

// park takes an item out of its queue until its mailbox may get it.
func (m *mailboxes[T]) park(now time.Time, it *Item[T], b *mailbox[T]) {
	b.park(it)
	m.parked++
	m.schedule(now, b)
}

// schedule sets the time at which the next parked item of a mailbox comes back.
func (m *mailboxes[T]) schedule(now time.Time, b *mailbox[T]) {
	if b.pos >= 0 {
		m.waiting.remove(b)
		b.pos = -1
	}
	if b.unparked != nil || b.parked.n == 0 {
		return
	}
	if b.until = b.at(now); !b.until.Equal(never) {
		m.waiting.push(b)
	}
}

// bringBackLocked puts the first parked item of every mailbox that is due in
// front of its list.
func (s *Scheduler[T]) bringBackLocked(now time.Time, d *destination[T]) {
	m := d.boxes
	for b, ok := m.waiting.first(); ok && !b.until.After(now); b, ok = m.waiting.first() {
		it := b.bringBack()
		m.parked--
		m.schedule(now, b)
		if len(d.more) > 0 {
			s.rescheduleFlowLocked(now, it.flow)
		}
	}
}

// goes counts a message to the mailbox that is granted.
func (m *mailboxes[T]) goes(now time.Time, b *mailbox[T], it *Item[T]) {
	b.rate.take(now, 1)
	b.inFlight++
	if b.unparked == it {
		b.unparked = nil
	}
	m.schedule(now, b)
}

// left notes that an item has left the queue without a grant.
func (m *mailboxes[T]) left(now time.Time, it *Item[T], wasParked bool) {
	if m == nil {
		return
	}
	if wasParked {
		m.parked--
	}
	if b := m.of(it); b != nil {
		if b.unparked == it {
			b.unparked = nil
		}
		m.schedule(now, b)
	}
}

// isParked reports whether an item is parked.
func (m *mailboxes[T]) isParked(it *Item[T]) bool {
	b := m.of(it)
	return b != nil && it.list == &b.parked
}

// accepted notes that a message to an address was accepted.
func (m *mailboxes[T]) accepted(now, begun time.Time, name string) {
	if m == nil {
		return
	}
	if b, ok := m.by[name]; ok {
		b.rate.accept(now, begun, 1)
		m.schedule(now, b)
	}
}

// refuse notes that an address gets too much mail, and the delay in the reply;
// 0 is none. It reports false when too many addresses do.
func (m *mailboxes[T]) refuse(now, begun time.Time, name string, hint time.Duration) bool {
	b := m.add(now, name)
	if b == nil {
		return false
	}
	b.rate.refuse(now, begun, 1)
	if hint > 0 {
		b.rate.outage.hint(now, hint)
	}
	m.schedule(now, b)
	return !m.many()
}

// ends notes that a transaction to a mailbox has ended.
func (m *mailboxes[T]) ends(now time.Time, b *mailbox[T], returned bool) {
	b.inFlight--
	if returned {
		b.rate.release(1)
	}
	m.schedule(now, b)
}

// stale reports whether nothing that is remembered still counts.
func (m *mailboxes[T]) stale(now time.Time) bool {
	if m == nil {
		return true
	}
	m.tidy(now)
	return len(m.by) == 0
}

// forgetMailboxes drops the lessons about mailboxes, and queues their parked
// items again.
func (d *destination[T]) forgetMailboxes() {
	if d.boxes == nil {
		return
	}
	for _, b := range d.boxes.by {
		b.pos = -1
		for it := b.parked.first(); it != nil; it = b.parked.first() {
			b.parked.remove(it)
			it.flow.enqueue(it)
		}
	}
	d.boxes = nil
}
