package throttle

// ring is flows that take turns with one kind of item in one lane. The tickets
// ascend; they order the flows of a lane over both its rings.
type ring[T any] struct{ head, tail *flow[T] }

// spots are the places of a flow in the rings of its path.
type ringNodes[T any] struct {
	at   [lanes][kinds]ringNode[T]
	next *ringNodes[T] // in path.spare
}

// spot is the place of a flow in one ring.
type ringNode[T any] struct {
	seq        uint64 // 0 where it does not stand
	prev, next *flow[T]
}

// mostSpare bounds how many spots of flows that stand nowhere a path keeps.
const maxSpareNodes = 1000

// spotsFor returns spots for a flow that begins to stand.
func (p *path[T]) nodesFor() *ringNodes[T] {
	s := p.spareNodes
	if s == nil {
		return new(ringNodes[T])
	}
	p.spareNodes, s.next = s.next, nil
	p.spareCount--
	return s
}

// reclaim takes the spots of a flow that stands nowhere.
func (p *path[T]) reclaim(f *flow[T]) {
	s := f.nodes
	if s == nil {
		return
	}
	for lane := range s.at {
		for kind := range s.at[lane] {
			if s.at[lane][kind].seq > 0 {
				return
			}
		}
	}
	f.nodes = nil
	if p.spareCount < maxSpareNodes {
		s.next, p.spareNodes = p.spareNodes, s
		p.spareCount++
	}
}

func (r *ring[T]) push(f *flow[T], lane, kind int, ticket uint64) {
	if f.nodes == nil {
		f.nodes = f.path.nodesFor()
	}
	f.nodes.at[lane][kind] = ringNode[T]{seq: ticket, prev: r.tail}
	if r.tail == nil {
		r.head = f
	} else {
		r.tail.nodes.at[lane][kind].next = f
	}
	r.tail = f
}

func (r *ring[T]) remove(f *flow[T], lane, kind int) {
	at := f.nodes.at[lane][kind]
	if at.prev == nil {
		r.head = at.next
	} else {
		at.prev.nodes.at[lane][kind].next = at.next
	}
	if at.next == nil {
		r.tail = at.prev
	} else {
		at.next.nodes.at[lane][kind].prev = at.prev
	}
	f.nodes.at[lane][kind] = ringNode[T]{}
}
