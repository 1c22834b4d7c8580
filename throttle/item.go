package throttle

import "time"

// Job is what is queued: a value, and what the Scheduler must know of it.
type Job[T any] struct {
	Value       T
	Destination string    // whose limits apply
	Path        []string  // the endpoints that serve it, in order of preference; at least one
	Recipients  int       // how many RCPT it needs; less than 1 counts as 1
	Mailbox     string    // its recipient in one spelling, when there is one only; "" holds it back for no mailbox
	Lane        Lane      // how urgent it is
	Fresh       bool      // never tried: the bound on what is held applies
	NotBefore   time.Time // zero: at once
}

// Item is a job in the queue.
type Item[T any] struct {
	job        Job[T]
	in         place
	dest       *destination[T]
	list       *itemList[T] // when queued
	prev, next *Item[T]     // in list
	pos        int          // in dest.delayed, when delayed
}

// place is where an item is.
type place uint8

const (
	gone    place = iota // granted or removed
	queued               // in one of the lists of its destination
	delayed              // in the heap of its destination
)

// itemList is a first-in, first-out list of items, each of which can leave it
// at any time.
type itemList[T any] struct {
	head, tail *Item[T]
	n          int
}

func (l *itemList[T]) push(it *Item[T]) {
	it.in, it.list, it.prev, it.next = queued, l, l.tail, nil
	if l.tail == nil {
		l.head = it
	} else {
		l.tail.next = it
	}
	l.tail = it
	l.n++
}

func (l *itemList[T]) pushFront(it *Item[T]) {
	it.in, it.list, it.prev, it.next = queued, l, nil, l.head
	if l.head == nil {
		l.tail = it
	} else {
		l.head.prev = it
	}
	l.head = it
	l.n++
}

func (l *itemList[T]) remove(it *Item[T]) {
	if it.prev == nil {
		l.head = it.next
	} else {
		it.prev.next = it.next
	}
	if it.next == nil {
		l.tail = it.prev
	} else {
		it.next.prev = it.prev
	}
	it.in, it.list, it.prev, it.next = gone, nil, nil, nil
	l.n--
}
