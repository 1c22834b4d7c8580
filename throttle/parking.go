package throttle

import (
	"slices"
	"time"
)

// lot holds parked items: each was the first of its queue, and a limit that concerns few
// others did not let it go. They hold up nothing else meanwhile. One of them at a time is
// put back in front of its queue. A lot belongs to a mailbox, or to a scope that jobs
// name.
type lot[T any] struct {
	parked   itemList[T]
	unparked *Item[T] // the item that is back in its queue; nil when none is
}

// park takes an item out of its queue. One that was back in it goes to the front
// of the lot.
func (l *lot[T]) park(it *Item[T]) {
	it.list.remove(it)
	if l.unparked == it {
		l.unparked = nil
		l.parked.pushFront(it)
	} else {
		l.parked.push(it)
	}
	if f := it.flow; f.blocked == it {
		f.blocked, f.need = nil, 0
	}
}

// bringBack puts the first parked item in front of its queue.
func (l *lot[T]) bringBack() *Item[T] {
	it := l.parked.first()
	l.parked.remove(it)
	l.unparked = it
	it.flow.queueOf(&it.job).pushFront(it)
	return it
}

// class is a lane and a kind of items.
type class struct {
	lane Lane
	kind int
}

// classes are all of them; items that are held rendered go first.
var classes = [...]class{{Single, tried}, {Single, untried}, {Bulk, tried}, {Bulk, untried}}

// class returns the class of an item. The bound on rendered messages stops all
// items of a class or none.
func (it *Item[T]) class() class {
	if it.job.rendered() {
		return class{it.job.Lane, tried}
	}
	return class{it.job.Lane, untried}
}

// scopeLot holds the items of one flow and class that are parked for one scope.
type scopeLot[T any] struct {
	lot[T]
	turns  *turns[T]
	flow   *flow[T]
	inTurn bool  // whether it is in turns.lots
	pos    int32 // its index in flowLots.lots
}

// flowLots is the lots of one flow. Most flows have none.
type flowLots[T any] struct {
	lots []*scopeLot[T]
	open [lanes][kinds]bool // the classes of which the flow could let an item go
}

// turns is the lots of one scope, path and class, which take turns. One of them
// has an item back in its queue, so that any connection of the path finds it.
type turns[T any] struct {
	of      *parent[T]
	path    *path[T]
	class   class
	lots    []*scopeLot[T] // lots of open flows in turn; some may have become empty, or their flow not open
	n       int            // lots
	back    *scopeLot[T]   // the lot that has an item back; nil when none has
	wanting bool           // whether it is in parent.wanting
}

// next returns the lot whose turn it is; nil when there is none.
func (q *turns[T]) next(s *Scheduler[T]) *scopeLot[T] {
	for len(q.lots) > 0 {
		l := q.lots[0]
		if l.parked.n > 0 && s.lots[l.flow].open[q.class.lane][q.class.kind] {
			return l
		}
		q.drop()
	}
	return nil
}

// mayBringBack reports whether an item could be put back in its queue.
func (q *turns[T]) mayBringBack(s *Scheduler[T]) bool { return q.back == nil && q.next(s) != nil }

// drop takes the first lot out of its turn.
func (q *turns[T]) drop() {
	q.lots[0].inTurn = false
	q.lots[0] = nil
	if q.lots = q.lots[1:]; len(q.lots) == 0 {
		q.lots = nil
	}
}

// parkLocked takes an item out of its queue until a scope may let it go.
func (s *Scheduler[T]) parkLocked(now time.Time, it *Item[T], p *parent[T]) {
	if it.lot != nil && it.lot.turns.of != p {
		s.leftLotLocked(now, it, false)
	}
	l := it.lot
	if l == nil {
		l = s.lotLocked(now, it, p)
	} else { // it was back
		l.turns.back = nil
		p.back--
	}
	l.park(it)
	it.lot = l
	p.parked++
	s.queueLotLocked(l)
	s.offerLocked(p)
}

// parksLocked parks an item that a scope of its job does not let go now, and
// reports whether one does not.
func (s *Scheduler[T]) parksLocked(now time.Time, it *Item[T]) bool {
	n, parents := s.recipientsOf(now, it)
	return s.parksAtLocked(now, it, parents, n)
}

// parksAtLocked does so for n recipients of an item with parents.
func (s *Scheduler[T]) parksAtLocked(now time.Time, it *Item[T], parents []*parent[T], n int) bool {
	p := it.withholds(now, parents, n)
	if p != nil {
		s.parkLocked(now, it, p)
	}
	return p != nil
}

// lotLocked finds or makes the lot of an item at a scope.
func (s *Scheduler[T]) lotLocked(now time.Time, it *Item[T], p *parent[T]) *scopeLot[T] {
	key := lotKey[T]{it.flow, it.class()}
	if l := p.lots[key]; l != nil {
		return l
	}
	at := turnsKey[T]{it.flow.path, key.class}
	q := p.turns[at]
	if q == nil {
		q = &turns[T]{of: p, path: it.flow.path, class: key.class}
		p.turns[at] = q
	}
	q.n++
	all := s.lots[it.flow]
	if all == nil {
		all = &flowLots[T]{open: s.open(now, it.flow)}
		s.lots[it.flow] = all
	}
	l := &scopeLot[T]{turns: q, flow: it.flow, pos: int32(len(all.lots))}
	all.lots = append(all.lots, l)
	p.lots[key] = l
	return l
}

// queueLotLocked has a lot wait for its turn, if its flow could let an item go.
func (s *Scheduler[T]) queueLotLocked(l *scopeLot[T]) {
	q := l.turns
	if l.parked.n == 0 || l.unparked != nil || !s.lots[l.flow].open[q.class.lane][q.class.kind] {
		return
	}
	if !l.inTurn {
		l.inTurn = true
		q.lots = append(q.lots, l)
	}
	s.wantLocked(q)
}

// wantLocked has turns without an item that is back wait for one.
func (s *Scheduler[T]) wantLocked(q *turns[T]) {
	if q.back != nil || len(q.lots) == 0 {
		return
	}
	if !q.wanting {
		q.wanting = true
		q.of.wanting[q.class.lane] = append(q.of.wanting[q.class.lane], q)
	}
	s.offerLocked(q.of)
}

// leftLotLocked notes that an item belongs to its lot no longer.
func (s *Scheduler[T]) leftLotLocked(now time.Time, it *Item[T], wasParked bool) {
	l := it.lot
	if l == nil {
		return
	}
	it.lot = nil
	p := l.turns.of
	if wasParked {
		p.parked--
	} else {
		l.unparked, l.turns.back = nil, nil
		p.back--
		s.queueLotLocked(l)
		s.wantLocked(l.turns)
	}
	s.offerLocked(p)
	if l.parked.n > 0 || l.unparked != nil {
		return
	}
	delete(p.lots, lotKey[T]{l.flow, l.turns.class})
	if l.turns.n--; l.turns.n == 0 {
		delete(p.turns, turnsKey[T]{l.turns.path, l.turns.class})
	}
	all := s.lots[l.flow]
	last := all.lots[len(all.lots)-1]
	all.lots[l.pos], last.pos = last, l.pos
	all.lots[len(all.lots)-1] = nil
	if all.lots = all.lots[:len(all.lots)-1]; len(all.lots) == 0 {
		delete(s.lots, l.flow)
	}
	s.unusedParentLocked(now, p)
}

// open returns the classes in which a flow could let an item go from the front of its
// queue, as far as its destination and the bound on rendered messages are concerned.
func (s *Scheduler[T]) open(now time.Time, f *flow[T]) (by [lanes][kinds]bool) {
	d := f.d
	if d.paused || d.free() <= 0 || d.at(now, f.needed()).After(now) {
		return by
	}
	may, _ := s.shares(d)
	room := s.room()
	for lane := range by {
		by[lane] = [kinds]bool{tried: true, untried: (room & may).has(Lane(lane))}
	}
	return by
}

// reopenLocked notes what a flow could let go now. The lots of a flow that could begin
// wait for their turn. An item stays in its queue if its flow can no longer begin, and
// another of its scope has its turn.
func (s *Scheduler[T]) reopenLocked(now time.Time, f *flow[T], all *flowLots[T]) {
	open := s.open(now, f)
	if all.open == open {
		return
	}
	all.open = open
	for i := len(all.lots) - 1; i >= 0; i-- { // some are dropped
		l := all.lots[i]
		switch is := open[l.turns.class.lane][l.turns.class.kind]; {
		case is:
			s.queueLotLocked(l)
		case l.unparked != nil:
			s.leftLotLocked(now, l.unparked, false)
		default: // its parent may have waited for its tokens
			s.offerLocked(l.turns.of)
		}
	}
}

// offerLotsLocked has the parents looked at again that have parked items of a
// destination: how many recipients one may have has changed.
func (s *Scheduler[T]) offerLotsLocked(d *destination[T]) {
	d.each(func(f *flow[T]) {
		if all := s.lotsOf(f); all != nil {
			for _, l := range all.lots {
				s.offerLocked(l.turns.of)
			}
		}
	})
}

// emptyLotsLocked puts all items of a flow that are parked for scopes back in
// front of its queues, because the flow leaves its path. Those that their scopes do
// not let go are parked again when it is their turn.
func (s *Scheduler[T]) emptyLotsLocked(now time.Time, f *flow[T]) {
	for all := s.lotsOf(f); all != nil; all = s.lotsOf(f) {
		l := all.lots[len(all.lots)-1]
		if l.unparked != nil {
			s.leftLotLocked(now, l.unparked, false)
			continue // it was the last of the lot, if there is none parked
		}
		var items []*Item[T]
		for it := l.parked.first(); it != nil; it = l.parked.first() {
			l.parked.remove(it)
			items = append(items, it)
			s.leftLotLocked(now, it, true)
		}
		for _, it := range slices.Backward(items) {
			f.queueOf(&it.job).pushFront(it)
		}
	}
}

// isParked reports whether an item is parked for a scope that its job names.
func (it *Item[T]) isParked() bool { return it.lot != nil && it.list == &it.lot.parked }
