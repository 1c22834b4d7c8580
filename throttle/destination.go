package throttle

import "time"

// destination is what waits for one destination, and its limits.
//
// It stands in the rings of its path while something may go as far as its own
// limits are concerned, and in the heap of its path while it must be looked at
// again at a certain time: when its limits allow the next, or when a delayed
// item is due. When it is in neither, the end of one of its transactions, or a
// Release, brings it back. All this is decided anew after every change, by
// placeLocked.
type destination[T any] struct {
	scope
	path   *path[T]
	lines  [lanes][kinds]itemList[T]
	later  *later[T] // nil mostly
	turn   *Item[T]  // has the turn and waits for the tokens of its recipients; nil mostly
	need   int32     // how many these are; 0 without turn
	queued int32     // items, those in later included
	until  time.Time // when it is in path.waiting: until then
	pos    int32     // in path.waiting; -1 when it is not there
	held   int32     // messages held rendered
	bytes  int64     // of them
	ring   [lanes][kinds]spot[T]
	credit credits // how many may go now, counted in path.credit

	fullPos     int32 // in Scheduler.full; -1 when it is not there
	untriedNext [lanes]bool
	idle        bool // it is in Scheduler.idle
	paused      bool // see Scheduler.Pause
}

// later is what few destinations have: items that wait for a time, those that
// wait for their mailbox, and those that are to be rendered again.
type later[T any] struct {
	delayed timeHeap[*Item[T]]
	dropped [lanes]itemList[T] // tried, lined up, and to be rendered anew
	boxes   mailboxes[T]
}

// waiting is d.later, made when it is first used.
func (d *destination[T]) waiting() *later[T] {
	if d.later == nil {
		d.later = &later[T]{}
	}
	return d.later
}

// boxes are the mailboxes; nil when none was ever refused.
func (d *destination[T]) boxes() *mailboxes[T] {
	if d.later == nil {
		return nil
	}
	return &d.later.boxes
}

// aside is how many items wait for their mailboxes.
func (d *destination[T]) aside() int {
	if d.later == nil {
		return 0
	}
	return d.later.boxes.aside
}

// Within a lane, items that were tried before and items that never were stand
// apart. They take turns, so that neither messages that are refused for ever
// nor a long list hold up the others. The bound on what is held stops those that
// were never tried, and of the others those whose rendered bytes were dropped:
// these stand in later.dropped, behind those that are held, and their
// destination in the ring of what was never tried.
const (
	tried = iota
	untried
	kinds
)

// lineup is how many items of each lane and kind may go, as far as the
// destination goes.
type lineup [lanes][kinds]int

func (d *destination[T]) add(it *Item[T], now time.Time) {
	d.queued++
	d.path.queued++
	if it.job.NotBefore.After(now) {
		it.in = delayed
		d.waiting().delayed.push(it)
		return
	}
	d.line(it)
}

func (d *destination[T]) line(it *Item[T]) {
	d.lineOf(&it.job).push(it)
}

// lineOf returns the list in which a job is lined up.
func (d *destination[T]) lineOf(j *Job[T]) *itemList[T] {
	switch {
	case j.Fresh:
		return &d.lines[j.Lane][untried]
	case j.Dropped:
		return &d.waiting().dropped[j.Lane]
	}
	return &d.lines[j.Lane][tried]
}

// unheld counts the items of a lane that are lined up and not held rendered.
func (d *destination[T]) unheld(lane Lane) int {
	n := d.lines[lane][untried].n
	if d.later != nil {
		n += d.later.dropped[lane].n
	}
	return n
}

// drop takes an item out, wherever it is.
func (d *destination[T]) drop(it *Item[T]) {
	if it.in == delayed {
		d.later.delayed.remove(it)
		it.in = gone
	} else {
		it.list.remove(it)
	}
	d.queued--
	d.path.queued--
}

// mature lines up what has waited long enough, and tells when more will have;
// zero is never.
func (d *destination[T]) mature(now time.Time) (next time.Time) {
	if d.later == nil {
		return time.Time{}
	}
	h := &d.later.delayed
	it, ok := h.first()
	for ; ok && !it.job.NotBefore.After(now); it, ok = h.first() {
		h.remove(it)
		d.line(it)
	}
	d.bringBack(now)
	if ok {
		next = it.job.NotBefore
	}
	if b, ok := d.later.boxes.waiting.first(); ok {
		next = earlier(next, b.until)
	}
	return next
}

// head is the item that has the next turn in a lane; nil when there is none
// that may go.
func (d *destination[T]) head(lane Lane, unheldMayGo bool) *Item[T] {
	old := d.lines[lane][tried].first()
	if !unheldMayGo {
		return old
	}
	if old == nil && d.later != nil {
		old = d.later.dropped[lane].first()
	}
	young := d.lines[lane][untried].first()
	if young != nil && (old == nil || d.untriedNext[lane]) {
		return young
	}
	return old
}

// ready counts what is lined up, and tells whether there is any. may says in
// which lanes what is not held rendered counts.
func (d *destination[T]) ready(may [lanes]bool) (l lineup, more bool) {
	for lane := range d.lines {
		l[lane][tried] = d.lines[lane][tried].n
		if may[lane] {
			l[lane][untried] = d.unheld(Lane(lane))
		}
		more = more || l[lane][tried]+l[lane][untried] > 0
	}
	return l, more
}

// stand has d stand in the rings in which it has something that may go.
func (d *destination[T]) stand(l lineup) {
	for lane := range l {
		for kind, n := range l[lane] {
			r, in := &d.path.rings[lane][kind], d.ring[lane][kind].ticket > 0
			switch {
			case in && n == 0:
				r.remove(d, lane, kind)
			case !in && n > 0:
				d.path.ticket++
				r.push(d, lane, kind, d.path.ticket)
			}
		}
	}
	left := max(d.free(), 0)
	if d.spaced() {
		left = min(left, 1) // a rate says only that one may
	}
	c := l.credits(left)
	d.path.credit.add(c, d.credit)
	d.credit = c
}

// wait has d placed anew at a time; zero is at no time.
func (d *destination[T]) wait(until time.Time) {
	if d.pos >= 0 {
		if d.until.Equal(until) {
			return
		}
		d.path.waiting.remove(d)
		d.pos = -1
	}
	if d.until = until; !until.IsZero() {
		d.path.waiting.push(d)
	}
}

// credits is how many items may go at once, by what the bound on what is held
// means for them: those that were tried always may, and when Bulk ones may that
// were not, so may Single ones.
type credits struct{ tried, single, bulk int32 }

// credits shares out what is left of a window, first to what is stopped last.
func (l lineup) credits(left int) credits {
	tries := min(l[Single][tried]+l[Bulk][tried], left)
	single := min(l[Single][untried], left-tries)
	bulk := min(l[Bulk][untried], left-tries-single)
	return credits{int32(tries), int32(single), int32(bulk)}
}

func (c *credits) add(more, less credits) {
	c.tried += more.tried - less.tried
	c.single += more.single - less.single
	c.bulk += more.bulk - less.bulk
}
