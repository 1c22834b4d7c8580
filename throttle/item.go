package throttle

import (
	"time"
)

// Job is a delivery to be queued: a value, and the facts that the Scheduler
// needs.
type Job[T any] struct {
	Value        T
	Scopes       *ScopeList // further scopes whose limits apply; nil is none
	Tries        *Tries     // the record of the delivery that it carries a part of; nil for one that was never tried
	Mailbox      string     // the only recipient, always spelt the same; "" when no limit of a mailbox applies
	Recipients   int        // the number of RCPTs that it needs; less than 1 counts as 1
	Bytes        int        // the size of its message; 0 is not known yet: see Grant.Sized
	Lane         Lane       // its urgency
	Fresh        bool       // whether it was never tried, and the bound on rendered messages applies
	Dropped      bool       // whether it was tried and is not held rendered any more: the bound applies, after Fresh items
	Holds        bool       // whether its message is held rendered while a grant for it lasts: Hold and Release are not called for that
	Render       bool       // whether its message takes time to render; Grant.Next does not grant it before that is done
	Newcomer     bool       // whether it comes to its destination for the first time: a warm-up that has no room for it today may refuse it
	Front        bool       // whether it goes before the other items of its kind, because it was granted and returned
	RefusedTwice bool       // whether one has refused it so before RefusedBy
	Destination  string     // the destination whose limits apply
	Path         *Path      // the endpoints that may carry it
	NotBefore    time.Time  // the earliest time; zero is at once
	Sender       string     // the domain of the envelope sender; "" when it is not known
	From         string     // the address of the envelope sender, always spelt the same; "" when it is not known
	Tenant       string     // on whose behalf it is sent
	RefusedBy    string     // the endpoint that refused it last, for a reason that speaks of the sender or the quota of a login; "" when none did
}

// Item is a job in the queue. What every grant looks at comes first, so that it is
// in few lines of the processor's cache.
type Item[T any] struct {
	prev, next *Item[T]     // in list
	list       *itemList[T] // when queued
	flow       *flow[T]
	lot        *scopeLot[T] // the lot of a scope in which it is parked, or from which it is back; else nil
	pos        int32        // in the heap of its flow, when delayed
	state      itemState
	ahead      bool // whether RenderedAhead was called
	claimed    bool // whether Grant.Unready has returned it
	job        Job[T]
	wait       time.Duration // from Push to NotBefore, of a job with Tries
}

// rendered reports whether the message of the job is held rendered, so that the
// bound on rendered messages does not stop it.
func (j *Job[T]) rendered() bool { return !j.Fresh && !j.Dropped }

// unready reports whether the message must be rendered before the item goes.
func (it *Item[T]) unready() bool { return it.job.Render && !it.ahead && !it.job.rendered() }

// itemState says where an item is.
type itemState uint8

const (
	gone    itemState = iota // granted or removed
	queued                   // in one of the lists of its flow
	delayed                  // in the heap of its flow
)

// itemList is a first-in, first-out list of items, each of which can leave it
// at any time. It is a ring.
type itemList[T any] struct {
	last *Item[T] // nil when empty
	n    int
}

// first returns the item that goes next; nil when there is none.
func (l *itemList[T]) first() *Item[T] {
	if l.last == nil {
		return nil
	}
	return l.last.next
}

func (l *itemList[T]) push(it *Item[T]) {
	l.pushFront(it)
	l.last = it
}

func (l *itemList[T]) pushFront(it *Item[T]) {
	it.state, it.list = queued, l
	l.n++
	if l.last == nil {
		it.prev, it.next = it, it
		l.last = it
		return
	}
	it.prev, it.next = l.last, l.last.next
	it.prev.next, it.next.prev = it, it
}

func (l *itemList[T]) remove(it *Item[T]) {
	it.prev.next, it.next.prev = it.next, it.prev
	if l.last == it {
		l.last = it.prev
	}
	if l.n--; l.n == 0 {
		l.last = nil
	}
	it.state, it.list, it.prev, it.next = gone, nil, nil, nil
}

// Lane is the urgency of an item. The zero value is Bulk.
type Lane uint8

// The lanes. When both have work, Single gets 9 of 10 turns.
const (
	Bulk   Lane = iota // many, and in no hurry: newsletters
	Single             // one by one: a password reset
	lanes  = 2
)

// laneSet is a set of lanes.
type laneSet uint8

// bothLanes has all lanes.
const bothLanes laneSet = 1<<lanes - 1

func (s laneSet) has(lane Lane) bool { return s&(1<<lane) != 0 }

// set puts a lane into the set, or takes it out.
func (s *laneSet) set(lane Lane, in bool) {
	*s &^= 1 << lane
	if in {
		*s |= 1 << lane
	}
}

// singleTurns is the number of turns in a row that the Single lane gets at most
// while the Bulk lane has work.
const singleTurns = 9
