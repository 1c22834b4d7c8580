package throttle

// ring is the flows that take turns with one kind of item in one lane. The
// sequence numbers ascend. They order the flows of a lane over both its rings.
type ring[T any] struct{ head, tail *flow[T] }

// ringNodes are the nodes of a flow in the rings of its path.
type ringNodes[T any] struct {
	at   [lanes][kinds]ringNode[T]
	next *ringNodes[T] // in path.spare
}

// ringNode is the node of a flow in one ring.
type ringNode[T any] struct {
	seq        uint64 // 0 where the flow is not in the ring
	prev, next *flow[T]
}

// maxSpareNodes bounds the spare nodes that a path keeps.
const maxSpareNodes = 1000

// nodesFor returns nodes for a flow that is in no ring yet.
func (p *path[T]) nodesFor() *ringNodes[T] {
	s := p.spareNodes
	if s == nil {
		return new(ringNodes[T])
	}
	p.spareNodes, s.next = s.next, nil
	p.spareCount--
	return s
}

// reclaim takes back the nodes of a flow that is in no ring.
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

func (r *ring[T]) push(f *flow[T], lane, kind int, seq uint64) {
	if f.nodes == nil {
		f.nodes = f.path.nodesFor()
	}
	f.nodes.at[lane][kind] = ringNode[T]{seq: seq, prev: r.tail}
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
