package throttle

import "math/bits"

// ring is the flows that take turns with one kind of item in one lane. The
// sequence numbers ascend. They order the flows of a lane over both its rings.
type ring[T any] struct{ head, tail *flow[T] }

// ringSet is a set of the rings of a path.
type ringSet uint8

func ringOf(lane Lane, kind int) ringSet { return 1 << (int(lane)*kinds + kind) }

// inRing reports whether f is in a ring.
func (f *flow[T]) inRing(lane Lane, kind int) bool { return f.rings&ringOf(lane, kind) != 0 }

// stand puts f into a set of rings, at their ends, and takes it out of all others. It keeps
// its place in those that it is in.
func (f *flow[T]) stand(in ringSet) {
	for others := f.rings ^ in; others != 0; others &= others - 1 {
		i := bits.TrailingZeros8(uint8(others))
		lane, kind := Lane(i/kinds), i%kinds
		if f.inRing(lane, kind) {
			f.path.rings[lane][kind].remove(f, lane, kind)
		} else {
			f.path.lastSeq++
			f.path.rings[lane][kind].push(f, lane, kind, f.path.lastSeq)
		}
	}
	f.path.reclaim(f)
}

// ringNodes are the nodes of a flow in the rings of its path.
type ringNodes[T any] struct {
	at   [lanes][kinds]ringNode[T]
	next *ringNodes[T] // in path.spare
}

// ringNode is the node of a flow in one ring.
type ringNode[T any] struct {
	seq        uint64
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

// reclaim takes back the nodes of a flow if it is in no ring.
func (p *path[T]) reclaim(f *flow[T]) {
	s := f.nodes
	if s == nil || f.rings != 0 {
		return
	}
	f.nodes = nil
	if p.spareCount < maxSpareNodes {
		s.next, p.spareNodes = p.spareNodes, s
		p.spareCount++
	}
}

func (r *ring[T]) push(f *flow[T], lane Lane, kind int, seq uint64) {
	f.rings |= ringOf(lane, kind)
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

// toEnd moves f from its place in the ring to the end.
func (r *ring[T]) toEnd(f *flow[T], lane Lane, kind int, seq uint64) {
	at := &f.nodes.at[lane][kind]
	if at.seq = seq; at.next == nil {
		return
	}
	if at.prev == nil {
		r.head = at.next
	} else {
		at.prev.nodes.at[lane][kind].next = at.next
	}
	at.next.nodes.at[lane][kind].prev = at.prev
	r.tail.nodes.at[lane][kind].next = f
	at.prev, at.next, r.tail = r.tail, nil, f
}

func (r *ring[T]) remove(f *flow[T], lane Lane, kind int) {
	f.rings &^= ringOf(lane, kind)
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
