package throttle

import (
	"time"
)

// Job is what is queued: a value, and what the Scheduler must know of it.
type Job[T any] struct {
	Value       T
	Destination string    // whose limits apply
	Path        *Path     // the endpoints that serve it
	Recipients  int       // how many RCPT it needs; less than 1 counts as 1
	Mailbox     string    // its recipient in one spelling, when there is one only; "" holds it back for no mailbox
	Lane        Lane      // how urgent it is
	Fresh       bool      // never tried: the bound on what is held applies
	Dropped     bool      // tried, and not held rendered any more: the bound applies as well; Fresh goes before it
	NotBefore   time.Time // zero: at once
}

// Item is a job in the queue.
type Item[T any] struct {
	job        Job[T]
	state      itemState
	flow       *flow[T]
	list       *itemList[T] // when queued
	prev, next *Item[T]     // in list
	pos        int32        // in the heap of its flow, when delayed
}

// rendered reports whether the message of the item is held rendered, so that
// the bound on what is held does not stop it.
func (j *Job[T]) rendered() bool { return !j.Fresh && !j.Dropped }

// place is where an item is.
type itemState uint8

const (
	gone    itemState = iota // granted or removed
	queued                   // in one of the lists of its flow
	delayed                  // in the heap of its flow
)

// itemList is a first-in, first-out list of items, each of which can leave it
// at any time. It is a ring, of which it knows the last.
type itemList[T any] struct {
	last *Item[T]
	n    int
}

// first is the next to go; nil when there is none.
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

// Lane is how urgent an item is. The zero value is Bulk.
type Lane uint8

// The lanes. When both have work, Single gets 9 of 10 turns.
const (
	Bulk   Lane = iota // newsletters: many, and in no hurry
	Single             // given one by one: a password reset
	lanes  = 2
)

// singleTurns is how many turns in a row the Single lane gets at most while
// the Bulk lane has work.
const singleTurns = 9
