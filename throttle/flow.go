package throttle

import "time"

// flow holds the items that wait at one destination for one path. It is a part
// of the destination, whose limits bind all its flows together.
//
// A flow is in the rings of its path while the limits of its destination let
// something go. It is in the heap of its path while it must be looked at again
// at a known time: when these limits allow the next item, or when a delayed
// item is due. When it is in neither, the end of a transaction of its
// destination brings it back, or a Release does. rescheduleFlowLocked decides
// all this anew after every change.
type flow[T any] struct {
	d       *destination[T]
	path    *path[T]
	queues  [lanes][kinds]itemList[T]
	delayed *timeHeap[*Item[T]] // delayed items; usually nil
	dropped *[lanes]itemList[T] // tried items that must be rendered anew; usually nil
	blocked *Item[T]            // the item that goes next and waits for the tokens of its recipients; usually nil
	need    int32               // the number of these; 0 without blocked
	queued  int32               // items, the delayed ones included
	until   time.Time           // the time at which it is rescheduled, when it is in path.waiting
	pos     int32               // its index in path.waiting; -1 when it is not there
	nodes   *ringNodes[T]       // its nodes in path.rings; nil when it is in none
	mayGo   readyCount          // the items that may go now, which path.mayGo includes
	rings   ringSet             // those of path.rings that it is in

	untriedNext [lanes]bool
}

// The kinds of items in a lane: tried before, and untried. They take turns, so that
// neither messages refused for ever nor a long list hold up the others. The bound on
// rendered messages stops the untried ones, and of the tried ones those whose rendered
// bytes were dropped. These are in flow.dropped and go after the rendered ones; their
// flow is in the ring of the untried kind.
const (
	tried = iota
	untried
	kinds
)

// readyItems counts the items of each lane and kind that may go as far as the
// destination is concerned.
type readyItems struct{ bulkTried, bulkUntried, singleTried, singleUntried int }

// add takes in an item, which is delayed or queued.
func (f *flow[T]) add(now time.Time, it *Item[T]) {
	f.queued++
	f.d.queued++
	f.path.queued++
	if it.job.NotBefore.After(now) {
		f.aside(it)
		return
	}
	f.enqueue(it)
}

// aside delays an item until its NotBefore.
func (f *flow[T]) aside(it *Item[T]) {
	it.state = delayed
	if f.delayed == nil {
		f.delayed = new(timeHeap[*Item[T]])
	}
	f.delayed.push(it)
}

// enqueue puts an item at the end of its list, or once at the front.
func (f *flow[T]) enqueue(it *Item[T]) {
	if it.job.Front {
		it.job.Front = false
		f.queueOf(&it.job).pushFront(it)
		return
	}
	f.queueOf(&it.job).push(it)
}

// queueOf returns the list that a job belongs to.
func (f *flow[T]) queueOf(j *Job[T]) *itemList[T] {
	switch {
	case j.Fresh:
		return &f.queues[j.Lane][untried]
	case !j.Dropped:
		return &f.queues[j.Lane][tried]
	case f.dropped == nil:
		f.dropped = new([lanes]itemList[T])
	}
	return &f.dropped[j.Lane]
}

// unrendered counts the items of a lane that are queued and not held rendered.
func (f *flow[T]) unrendered(lane Lane) int {
	n := f.queues[lane][untried].n
	if f.dropped != nil {
		n += f.dropped[lane].n
	}
	return n
}

// drop takes an item out, wherever it is.
func (f *flow[T]) drop(it *Item[T]) {
	if it.state == delayed {
		f.delayed.remove(it)
		it.state = gone
	} else {
		it.list.remove(it)
	}
	f.queued--
	f.d.queued--
	f.path.queued--
}

// mature enqueues the delayed items that are due, maturesAtOnce at most, and returns the
// time at which the next is due; zero is never.
func (f *flow[T]) mature(now time.Time) (next time.Time) {
	if f.delayed != nil {
		it, ok := f.delayed.first()
		for n := 0; ok && n < maturesAtOnce && !it.job.NotBefore.After(now); it, ok = f.delayed.first() {
			n++
			f.delayed.remove(it)
			f.enqueue(it)
		}
		if ok {
			next = it.job.NotBefore
		}
	}
	if m := f.d.boxes; m != nil {
		if b, ok := m.waiting.first(); ok {
			next = earlier(next, b.until)
		}
	}
	return next
}

// head returns the first item of a lane that may go; nil when there is none.
func (f *flow[T]) head(lane Lane, unheldMayGo bool) *Item[T] {
	old := f.queues[lane][tried].first()
	if !unheldMayGo {
		return old
	}
	if old == nil && f.dropped != nil {
		old = f.dropped[lane].first()
	}
	young := f.queues[lane][untried].first()
	if young != nil && (old == nil || f.untriedNext[lane]) {
		return young
	}
	return old
}

// ready counts the queued items. may holds the lanes in which items count although they
// are not held rendered.
func (f *flow[T]) ready(may laneSet) readyItems {
	l := readyItems{bulkTried: f.queues[Bulk][tried].n, singleTried: f.queues[Single][tried].n}
	if may.has(Bulk) {
		l.bulkUntried = f.unrendered(Bulk)
	}
	if may.has(Single) {
		l.singleUntried = f.unrendered(Single)
	}
	return l
}

// rings returns the rings for a flow with these items.
func (l readyItems) rings() (set ringSet) {
	if l.bulkTried > 0 {
		set |= ringOf(Bulk, tried)
	}
	if l.bulkUntried > 0 {
		set |= ringOf(Bulk, untried)
	}
	if l.singleTried > 0 {
		set |= ringOf(Single, tried)
	}
	if l.singleUntried > 0 {
		set |= ringOf(Single, untried)
	}
	return set
}

// needed returns the load of the next item: no more recipients than one transaction may
// have. A limit set meanwhile may have lowered that.
func (f *flow[T]) needed() load {
	size := 1
	if f.blocked != nil {
		size = f.blocked.job.Bytes
	}
	n := max(int(f.need), 1)
	if n > 1 {
		n = max(min(n, f.d.recipientsAtOnce()), 1)
	}
	return message(n, size)
}

// setReady puts f into the rings where it has something to send, and takes it out of the
// others.
func (f *flow[T]) setReady(l readyItems) {
	if in := l.rings(); in != f.rings {
		f.stand(in)
	}
	places := max(f.d.free(), 0)
	if f.d.state != nil && f.d.spaced() || f.d.bars != nil && f.d.bars.probed(f) {
		places = min(places, 1) // a rate says only that one may, and so does a probe
	}
	if c := l.count(places); c != f.mayGo {
		f.path.mayGo.add(c, f.mayGo)
		f.mayGo = c
	}
}

// wait sets the time at which f is rescheduled; zero sets none.
func (f *flow[T]) wait(until time.Time) {
	if f.pos >= 0 {
		if f.until.Equal(until) {
			return
		}
		f.path.waiting.remove(f)
		f.pos = -1
	}
	if f.until = until; !until.IsZero() {
		f.path.waiting.push(f)
	}
}

// readyCount counts the items that may go at once, by the bound on rendered messages
// that stops them. No bound stops items that were tried. A bound that lets untried Bulk
// items go lets Single ones go too.
type readyCount struct{ tried, single, bulk int32 }

// count shares out the places that are left, first to the items that are stopped last.
func (l readyItems) count(left int) readyCount {
	tries := min(l.singleTried+l.bulkTried, left)
	single := min(l.singleUntried, left-tries)
	bulk := min(l.bulkUntried, left-tries-single)
	return readyCount{int32(tries), int32(single), int32(bulk)}
}

// add adds one count and subtracts another.
func (c *readyCount) add(more, less readyCount) {
	c.tried += more.tried - less.tried
	c.single += more.single - less.single
	c.bulk += more.bulk - less.bulk
}
