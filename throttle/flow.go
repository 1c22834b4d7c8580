package throttle

import "time"

// flow is what waits at one destination for one path. It is a part of the
// destination, whose limits bind all its flows together.
//
// It stands in the rings of its path while something may go as far as the
// destination's limits are concerned, and in the heap of its path while it must
// be looked at again at a certain time: when these limits allow the next, or
// when a delayed item is due. When it is in neither, the end of a transaction of
// its destination, or a Release, brings it back. All this is decided anew after
// every change, by placeLocked.
type flow[T any] struct {
	d       *destination[T]
	path    *path[T]
	queues  [lanes][kinds]itemList[T]
	delayed *timeHeap[*Item[T]] // delayed items; nil mostly
	dropped *[lanes]itemList[T] // tried, lined up, and to be rendered anew; nil mostly
	blocked *Item[T]            // has the turn and waits for the tokens of its recipients; nil mostly
	need    int32               // how many these are; 0 without turn
	queued  int32               // items, those in later included
	until   time.Time           // when it is in path.waiting: until then
	pos     int32               // in path.waiting; -1 when it is not there
	nodes   *ringNodes[T]       // in path.rings; nil when it stands in none
	mayGo   readyCount          // how many may go now, counted in path.credit

	untriedNext [lanes]bool
}

// Within a lane, items that were tried before and items that never were stand
// apart. They take turns, so that neither messages that are refused for ever
// nor a long list hold up the others. The bound on what is held stops those that
// were never tried, and of the others those whose rendered bytes were dropped.
// These stand in flow.again and go after those that are held. Their flow stands
// in the ring of what was never tried.
const (
	tried = iota
	untried
	kinds
)

// lineup is how many items of each lane and kind may go, as far as the
// destination goes.
type readyItems [lanes][kinds]int

func (f *flow[T]) add(now time.Time, it *Item[T]) {
	f.queued++
	f.d.queued++
	f.path.queued++
	if it.job.NotBefore.After(now) {
		it.state = delayed
		if f.delayed == nil {
			f.delayed = new(timeHeap[*Item[T]])
		}
		f.delayed.push(it)
		return
	}
	f.enqueue(it)
}

func (f *flow[T]) enqueue(it *Item[T]) {
	f.queueOf(&it.job).push(it)
}

// lineOf returns the list in which a job is lined up.
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

// unheld counts the items of a lane that are lined up and not held rendered.
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

// mature lines up what has waited long enough, and tells when more will have;
// zero is never.
func (f *flow[T]) mature(now time.Time) (next time.Time) {
	if f.delayed != nil {
		it, ok := f.delayed.first()
		for ; ok && !it.job.NotBefore.After(now); it, ok = f.delayed.first() {
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

// head is the item that has the next turn in a lane; nil when there is none
// that may go.
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

// ready counts what is lined up, and tells whether there is any. may says in
// which lanes what is not held rendered counts.
func (f *flow[T]) ready(may [lanes]bool) (l readyItems, more bool) {
	for lane := range f.queues {
		l[lane][tried] = f.queues[lane][tried].n
		if may[lane] {
			l[lane][untried] = f.unrendered(Lane(lane))
		}
		more = more || l[lane][tried]+l[lane][untried] > 0
	}
	return l, more
}

// stands reports whether f stands in a ring.
func (f *flow[T]) inRing(lane, kind int) bool {
	return f.nodes != nil && f.nodes.at[lane][kind].seq > 0
}

// stand has f stand in the rings in which it has something that may go.
func (f *flow[T]) setReady(l readyItems) {
	for lane := range l {
		for kind, n := range l[lane] {
			r, in := &f.path.rings[lane][kind], f.inRing(lane, kind)
			switch {
			case in && n == 0:
				r.remove(f, lane, kind)
			case !in && n > 0:
				f.path.lastSeq++
				r.push(f, lane, kind, f.path.lastSeq)
			}
		}
	}
	f.path.reclaim(f)
	left := max(f.d.free(), 0)
	if f.d.spaced() {
		left = min(left, 1) // a rate says only that one may
	}
	c := l.count(left)
	f.path.mayGo.add(c, f.mayGo)
	f.mayGo = c
}

// wait has f placed anew at a time; zero is at no time.
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

// credits is how many items may go at once, by what the bound on what is held
// means for them: those that were tried always may, and when Bulk ones may that
// were not, so may Single ones.
type readyCount struct{ tried, single, bulk int32 }

// credits shares out what is left of a window, first to what is stopped last.
func (l readyItems) count(left int) readyCount {
	tries := min(l[Single][tried]+l[Bulk][tried], left)
	single := min(l[Single][untried], left-tries)
	bulk := min(l[Bulk][untried], left-tries-single)
	return readyCount{int32(tries), int32(single), int32(bulk)}
}

func (c *readyCount) add(more, less readyCount) {
	c.tried += more.tried - less.tried
	c.single += more.single - less.single
	c.bulk += more.bulk - less.bulk
}
