package throttle

import "time"

// path is the destinations that go through the same endpoints, in the same
// order of preference. The first endpoint that is up serves them all.
type path[T any] struct {
	key       string
	names     []string
	endpoints []*endpoint[T]
	rings     [lanes][kinds]ring[T]
	ticket    uint64 // the last one drawn
	singles   int    // turns in a row of the Single lane
	waiting   timeHeap[*destination[T]]
	members   int     // destinations
	queued    int     // items of all of them
	credit    credits // how many items may go now, as far as destinations go
}

// server is the endpoint that serves the path at present, nil when all rest.
func (p *path[T]) server() *endpoint[T] {
	for _, e := range p.endpoints {
		if !e.down {
			return e
		}
	}
	return nil
}

// serves reports whether e is to serve the path: at present, or, when e rests,
// after it has been probed.
func (p *path[T]) serves(e *endpoint[T]) bool { return e.down || p.server() == e }

// pick is the destination that has the next turn, and its lane. room says in
// which lanes items may go that were never tried.
func (p *path[T]) pick(room [lanes]bool) (*destination[T], Lane) {
	lane, other := Single, Bulk
	if p.singles >= singleTurns {
		lane, other = Bulk, Single
	}
	if d := p.first(lane, room[lane]); d != nil {
		return d, lane
	}
	return p.first(other, room[other]), other
}

// first is the destination that has waited longest for its turn in a lane.
func (p *path[T]) first(lane Lane, room bool) *destination[T] {
	old, young := p.rings[lane][tried].head, p.rings[lane][untried].head
	switch {
	case !room || young == nil:
		return old
	case old == nil || young.ring[lane][untried].ticket < old.ring[lane][tried].ticket:
		return young
	}
	return old
}

// turned notes that a lane had its turn: its destination goes to the end.
func (p *path[T]) turned(d *destination[T], lane Lane) {
	if lane == Single {
		p.singles++
	} else {
		p.singles = 0
	}
	p.ticket++
	for kind := range kinds {
		if d.ring[lane][kind].ticket > 0 {
			p.rings[lane][kind].remove(d, int(lane), kind)
			p.rings[lane][kind].push(d, int(lane), kind, p.ticket)
		}
	}
}

// ready is how many items may go now.
func (p *path[T]) ready(room [lanes]bool) int {
	n := p.credit.tried
	if room[Single] {
		n += p.credit.single
	}
	if room[Bulk] {
		n += p.credit.bulk
	}
	return int(n)
}

// soonest is when the first of the waiting destinations is ready; zero when
// none waits.
func (p *path[T]) soonest() time.Time {
	if d, ok := p.waiting.first(); ok {
		return d.until
	}
	return time.Time{}
}

// ring is destinations that take turns with one kind of item in one lane. The
// tickets ascend; they order the destinations of a lane over both its rings.
type ring[T any] struct{ head, tail *destination[T] }

// spot is where a destination stands in a ring.
type spot[T any] struct {
	ticket     uint64 // 0: it does not
	prev, next *destination[T]
}

func (r *ring[T]) push(d *destination[T], lane, kind int, ticket uint64) {
	d.ring[lane][kind] = spot[T]{ticket: ticket, prev: r.tail}
	if r.tail == nil {
		r.head = d
	} else {
		r.tail.ring[lane][kind].next = d
	}
	r.tail = d
}

func (r *ring[T]) remove(d *destination[T], lane, kind int) {
	at := d.ring[lane][kind]
	if at.prev == nil {
		r.head = at.next
	} else {
		at.prev.ring[lane][kind].next = at.next
	}
	if at.next == nil {
		r.tail = at.prev
	} else {
		at.next.ring[lane][kind].prev = at.prev
	}
	d.ring[lane][kind] = spot[T]{}
}
