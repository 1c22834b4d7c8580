package throttle

import "time"

// path is the destinations that go through the same endpoints, in the same
// order of preference. The first endpoint that is up serves them all.
type path[T any] struct {
	key       string
	names     []string
	endpoints []*endpoint[T]
	rings     [lanes]ring[T]
	singles   int // turns in a row of the Single lane
	waiting   timeHeap[*destination[T]]
	members   int // destinations
	queued    int // items of all of them
	credit    int // how many items may go now, as far as destinations go
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

// pick is the destination that has the next turn, and its lane.
func (p *path[T]) pick() (*destination[T], Lane) {
	lane := Single
	if p.rings[Single].n == 0 || p.singles >= singleTurns && p.rings[Bulk].n > 0 {
		lane = Bulk
	}
	return p.rings[lane].head, lane
}

// turned notes that a lane had its turn: its destination goes to the end.
func (p *path[T]) turned(d *destination[T], lane Lane) {
	if lane == Single {
		p.singles++
	} else {
		p.singles = 0
	}
	if d.ring[lane].in {
		p.rings[lane].remove(d, lane)
		p.rings[lane].push(d, lane)
	}
}

// soonest is when the first of the waiting destinations is ready; zero when
// none waits.
func (p *path[T]) soonest() time.Time {
	if d, ok := p.waiting.first(); ok {
		return d.until
	}
	return time.Time{}
}

// ring is destinations that take turns in one lane.
type ring[T any] struct {
	head, tail *destination[T]
	n          int
}

// spot is where a destination stands in a ring.
type spot[T any] struct {
	in         bool
	prev, next *destination[T]
}

func (r *ring[T]) push(d *destination[T], lane Lane) {
	d.ring[lane] = spot[T]{in: true, prev: r.tail}
	if r.tail == nil {
		r.head = d
	} else {
		r.tail.ring[lane].next = d
	}
	r.tail = d
	r.n++
}

func (r *ring[T]) remove(d *destination[T], lane Lane) {
	at := d.ring[lane]
	if at.prev == nil {
		r.head = at.next
	} else {
		at.prev.ring[lane].next = at.next
	}
	if at.next == nil {
		r.tail = at.prev
	} else {
		at.next.ring[lane].prev = at.prev
	}
	d.ring[lane] = spot[T]{}
	r.n--
}
