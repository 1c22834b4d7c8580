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
	waiting   timeHeap[*flow[T]]
	members   int     // destinations
	queued    int     // items of all of them
	credit    credits // how many items may go now, as far as destinations go
	spare     *spots[T]
	spares    int
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
func (p *path[T]) pick(room [lanes]bool) (*flow[T], Lane) {
	lane, other := Single, Bulk
	if p.singles >= singleTurns {
		lane, other = Bulk, Single
	}
	if f := p.first(lane, room[lane]); f != nil {
		return f, lane
	}
	return p.first(other, room[other]), other
}

// first is the destination that has waited longest for its turn in a lane.
func (p *path[T]) first(lane Lane, room bool) *flow[T] {
	old, young := p.rings[lane][tried].head, p.rings[lane][untried].head
	switch {
	case !room || young == nil:
		return old
	case old == nil || young.spots.at[lane][untried].ticket < old.spots.at[lane][tried].ticket:
		return young
	}
	return old
}

// turned notes that a lane had its turn: its destination goes to the end.
func (p *path[T]) turned(f *flow[T], lane Lane) {
	if lane == Single {
		p.singles++
	} else {
		p.singles = 0
	}
	p.ticket++
	for kind := range kinds {
		if f.stands(int(lane), kind) {
			p.rings[lane][kind].remove(f, int(lane), kind)
			p.rings[lane][kind].push(f, int(lane), kind, p.ticket)
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
	if f, ok := p.waiting.first(); ok {
		return f.until
	}
	return time.Time{}
}

// ring is flows that take turns with one kind of item in one lane. The tickets
// ascend; they order the flows of a lane over both its rings.
type ring[T any] struct{ head, tail *flow[T] }

// spots are the places of a flow in the rings of its path.
type spots[T any] struct {
	at   [lanes][kinds]spot[T]
	next *spots[T] // in path.spare
}

// spot is the place of a flow in one ring.
type spot[T any] struct {
	ticket     uint64 // 0 where it does not stand
	prev, next *flow[T]
}

// mostSpare bounds how many spots of flows that stand nowhere a path keeps.
const mostSpare = 1000

// spotsFor returns spots for a flow that begins to stand.
func (p *path[T]) spotsFor() *spots[T] {
	s := p.spare
	if s == nil {
		return new(spots[T])
	}
	p.spare, s.next = s.next, nil
	p.spares--
	return s
}

// reclaim takes the spots of a flow that stands nowhere.
func (p *path[T]) reclaim(f *flow[T]) {
	s := f.spots
	if s == nil {
		return
	}
	for lane := range s.at {
		for kind := range s.at[lane] {
			if s.at[lane][kind].ticket > 0 {
				return
			}
		}
	}
	f.spots = nil
	if p.spares < mostSpare {
		s.next, p.spare = p.spare, s
		p.spares++
	}
}

func (r *ring[T]) push(f *flow[T], lane, kind int, ticket uint64) {
	if f.spots == nil {
		f.spots = f.path.spotsFor()
	}
	f.spots.at[lane][kind] = spot[T]{ticket: ticket, prev: r.tail}
	if r.tail == nil {
		r.head = f
	} else {
		r.tail.spots.at[lane][kind].next = f
	}
	r.tail = f
}

func (r *ring[T]) remove(f *flow[T], lane, kind int) {
	at := f.spots.at[lane][kind]
	if at.prev == nil {
		r.head = at.next
	} else {
		at.prev.spots.at[lane][kind].next = at.next
	}
	if at.next == nil {
		r.tail = at.prev
	} else {
		at.next.spots.at[lane][kind].prev = at.prev
	}
	f.spots.at[lane][kind] = spot[T]{}
}
