package throttle

import "time"

// destination is what waits for one destination, and its limits.
//
// It is in one of four states, which place decides anew after every change:
// ready, when something may go as far as its own limits are concerned: then it
// is in the rings of its path; waiting until a time: then it is in the heap of
// its path; blocked until one of its transactions ends or something is
// released; or idle.
type destination[T any] struct {
	scope
	path    *path[T]
	lanes   [lanes]lineup[T]
	delayed timeHeap[*Item[T]]
	queued  int // items, the delayed ones included

	until   time.Time // when it waits: until then
	pos     int       // in path.waiting; -1 when it does not wait
	ring    [lanes]spot[T]
	credit  int // how many may go now, counted in path.credit
	held    int
	bytes   int64
	starved bool // it is in Scheduler.starved
	resting bool // it is in Scheduler.idle
}

// lineup is what is ready in one lane. Retries and fresh items take turns, so
// that neither a message that is refused for ever nor a long list holds up the
// other.
type lineup[T any] struct {
	retries, fresh itemList[T]
	freshNext      bool
}

func (d *destination[T]) add(it *Item[T], now time.Time) {
	d.queued++
	d.path.queued++
	if it.job.NotBefore.After(now) {
		it.in = delayed
		d.delayed.push(it)
		return
	}
	d.line(it)
}

func (d *destination[T]) line(it *Item[T]) {
	l := &d.lanes[it.job.Lane]
	if it.job.Fresh {
		l.fresh.push(it)
	} else {
		l.retries.push(it)
	}
}

// drop takes an item out, wherever it is.
func (d *destination[T]) drop(it *Item[T]) {
	if it.in == delayed {
		d.delayed.remove(it)
		it.in = gone
	} else {
		it.list.remove(it)
	}
	d.queued--
	d.path.queued--
}

// mature lines up what has waited long enough.
func (d *destination[T]) mature(now time.Time) {
	for it, ok := d.delayed.first(); ok && !it.job.NotBefore.After(now); it, ok = d.delayed.first() {
		d.delayed.remove(it)
		d.line(it)
	}
}

// head is the item that has the next turn in a lane; nil when there is none
// that may go.
func (d *destination[T]) head(lane Lane, freshMayGo bool) *Item[T] {
	l := &d.lanes[lane]
	switch {
	case l.fresh.n > 0 && freshMayGo && (l.freshNext || l.retries.n == 0):
		return l.fresh.head
	case l.retries.n > 0:
		return l.retries.head
	}
	return nil
}

// waits reports how many items a lane could send now.
func (d *destination[T]) waits(lane Lane, freshMayGo bool) int {
	l := &d.lanes[lane]
	if freshMayGo {
		return l.retries.n + l.fresh.n
	}
	return l.retries.n
}

// credits sets how many may go now.
func (d *destination[T]) credits(n int) {
	if n > 1 && d.limited() {
		n = 1 // a rate says only that one may
	}
	d.path.credit += n - d.credit
	d.credit = n
}

// wait puts d into the heap of those that wait; it is in none.
func (d *destination[T]) wait(until time.Time) {
	d.until = until
	d.path.waiting.push(d)
}

func (d *destination[T]) leaveHeap() {
	if d.pos >= 0 {
		d.path.waiting.remove(d)
		d.pos = -1
	}
}
