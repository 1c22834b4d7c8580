package throttle

import (
	"slices"
	"time"
)

// destination holds the limits of one destination and the items that wait for
// it, in one flow for each path.
type destination[T any] struct {
	scope
	first    flow[T]       // nearly always the only one
	more     []*flow[T]    // the others
	boxes    *mailboxes[T] // nil when no mailbox was ever refused
	bars     *bars[T]      // nil when none of its mail was refused for the sender
	queued   int32         // items of all flows
	rendered [lanes]int32  // messages held rendered
	bytes    [lanes]int64  // their bytes
	unused   bool          // whether it is in Scheduler.unused
	paused   bool          // whether Scheduler.Pause holds it

	cappedPos int32 // its index in Scheduler.capped; -1 when it is not there
}

// each calls f for every flow.
func (d *destination[T]) each(f func(*flow[T])) {
	f(&d.first)
	for _, other := range d.more {
		f(other)
	}
}

// renders returns the number of messages held rendered.
func (d *destination[T]) renders() int { return int(d.rendered[Bulk] + d.rendered[Single]) }

// unrendered counts the items of a lane that are queued and not held rendered.
func (d *destination[T]) unrendered(lane Lane) (n int) {
	n = d.first.unrendered(lane)
	for _, f := range d.more {
		n += f.unrendered(lane)
	}
	return n
}

// mailboxes returns the mailboxes, made when they are first used.
func (d *destination[T]) mailboxes() *mailboxes[T] {
	if d.boxes == nil {
		d.boxes = &mailboxes[T]{}
	}
	return d.boxes
}

// parked returns the number of items that wait for their mailboxes.
func (d *destination[T]) parked() int {
	if d.boxes == nil {
		return 0
	}
	return d.boxes.parked
}

// flowLocked returns a flow of a destination for a path that it has none for. An
// empty one of another path is taken over.
func (s *Scheduler[T]) flowLocked(now time.Time, d *destination[T], p *path[T]) *flow[T] {
	var empty *flow[T]
	d.each(func(f *flow[T]) {
		if f.queued == 0 && empty == nil {
			empty = f
		}
	})
	if empty != nil {
		s.unscheduleLocked(empty)
		s.leaveLocked(now, empty.path)
		if d.bars != nil {
			delete(d.bars.homes, empty)
		}
	} else {
		empty = &flow[T]{d: d, pos: -1}
		d.more = append(d.more, empty)
	}
	empty.path = p
	p.members++
	return empty
}

// leavePathsLocked takes a destination that is forgotten out of its paths.
func (s *Scheduler[T]) leavePathsLocked(now time.Time, d *destination[T]) {
	d.each(func(f *flow[T]) { s.leaveLocked(now, f.path) })
	d.more = slices.Delete(d.more, 0, len(d.more))
}

// path returns the path with most of the waiting mail: that of the flow with
// the most items.
func (d *destination[T]) path() *path[T] {
	most := &d.first
	for _, f := range d.more {
		if f.queued > most.queued {
			most = f
		}
	}
	return most.path
}
