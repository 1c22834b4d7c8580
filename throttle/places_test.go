package throttle

import (
	"testing"
	"time"
)

// checkPlaces fails the test when a destination is not where its state belongs,
// so that it could miss its turn, or when a sum that is kept is wrong.
func checkPlaces[T any](t *testing.T, s *Scheduler[T], now time.Time) {
	t.Helper()
	queued, credit := map[*path[T]]int{}, map[*path[T]]readyCount{}
	members := map[*path[T]]int{}
	s.dests.each(func(d *destination[T]) bool {
		checkDestination(t, d)
		d.each(func(f *flow[T]) {
			checkPlace(t, s, f, now)
			queued[f.path] += int(f.queued)
			members[f.path]++
			c := credit[f.path]
			c.add(f.mayGo, readyCount{})
			credit[f.path] = c
		})
		return true
	})
	s.paths.each(func(p *path[T]) bool {
		if p.queued != queued[p] || p.mayGo != credit[p] || p.members != members[p] {
			t.Errorf("path %q counts %d items, %d members and %+v; they are %d, %d and %+v",
				p.of.key, p.queued, p.members, p.mayGo, queued[p], members[p], credit[p])
		}
		checkRings(t, p)
		return true
	})
	checkParents(t, s, now)
}

// checkParents fails the test when a sum of a parent is wrong, or when a parked
// item could go that nobody will put back.
func checkParents[T any](t *testing.T, s *Scheduler[T], now time.Time) {
	t.Helper()
	for f, all := range s.lots {
		for i, l := range all.lots {
			if int(l.pos) != i || l.flow != f || l.turns.of.lots[lotKey[T]{f, l.turns.class}] != l || l.parked.n == 0 && l.unparked == nil {
				t.Errorf("a lot of %s for %v is not where it belongs, or empty", f.d.name, l.turns.of.of)
			}
			if l.turns.path != f.path {
				t.Errorf("a lot of %s for %v waits for its turn at a path that its flow has left", f.d.name, l.turns.of.of)
			}
		}
	}
	s.parents.each(func(p *parent[T]) bool {
		parked, back := 0, 0
		for _, l := range p.lots {
			parked += l.parked.n
			if l.unparked != nil {
				back++
			}
			for it, n := l.parked.first(), l.parked.n; n > 0; it, n = it.next, n-1 {
				if it.lot != l || it.class() != l.turns.class {
					t.Errorf("%v: an item is in a lot of another class", p.of)
				}
			}
		}
		if parked != p.parked || back != p.back {
			t.Errorf("%v counts %d items parked and %d back; they are %d and %d", p.of, p.parked, p.back, parked, back)
		}
		if !p.unused && !p.works() {
			t.Errorf("%v has no work and will never be forgotten", p.of)
		}
		wanting, waits := 0, 0
		for _, q := range p.turns {
			if !q.mayBringBack(s) {
				continue
			}
			if wanting++; !q.wanting {
				t.Errorf("%v: an item could be put back, and will not have its turn", p.of)
			}
			if n, _ := s.recipientsOf(now, q.lots[0].parked.first()); p.allows(now, n, 1).Equal(never) {
				waits++ // perhaps for all, if it has many recipients
			}
		}
		if wanting > 0 && waits == 0 && !p.offered && p.pos < 0 {
			t.Errorf("%v: an item could go, and nobody will put it back", p.of)
		}
		return true
	})
}

func checkDestination[T any](t *testing.T, d *destination[T]) {
	t.Helper()
	sum, paths := 0, map[string]bool{}
	d.each(func(f *flow[T]) {
		sum += int(f.queued)
		home := splitKey(d.home(f), f.path.sender, false)
		if f.d != d || paths[home] {
			t.Errorf("%s has a flow of another, or two for a path", d.name)
		}
		paths[home] = true
	})
	if sum != int(d.queued) {
		t.Errorf("%s counts %d items, its flows have %d", d.name, d.queued, sum)
	}
	if d.queued == 0 && d.inUse == 0 && d.renders() == 0 && !d.unused {
		t.Errorf("%s has no work and will never be forgotten", d.name)
	}
}

func checkPlace[T any](t *testing.T, s *Scheduler[T], f *flow[T], now time.Time) {
	t.Helper()
	d := f.d
	if p, ok := s.paths.get(splitKey(f.path.of, f.path.sender, f.path.suspect)); !ok || p != f.path {
		t.Errorf("%s goes through a path that is forgotten", d.name)
	}
	lined := 0
	for lane := range f.queues {
		lined += f.queues[lane][tried].n + f.unrendered(Lane(lane))
	}
	if sum := lined + asideOrDelayed(s, f); sum != int(f.queued) {
		t.Errorf("%s counts %d items, and has %d", d.name, f.queued, sum)
	}
	waits := f.pos >= 0
	if d.paused {
		if waits || f.mayGo != (readyCount{}) {
			t.Errorf("%s is paused, and waits or stands somewhere", d.name)
		}
		return
	}
	if it, ok := f.firstDelayed(); ok && d.free() > 0 && d.inUse == 0 && lined == 0 && (!waits || f.until.After(it.job.NotBefore)) {
		t.Errorf("%s misses the item that is due at %v", d.name, it.job.NotBefore)
	}
	if !checkDetour(t, f, now) {
		return
	}
	may, full := s.shares(d)
	placed := waits || d.free() <= 0 || d.inUse > 0 || f.inRing(Single, untried) || f.inRing(Bulk, untried) // later, without a Release
	if at := d.cappedPos; full > 0 && !placed && f.unrendered(Single)+f.unrendered(Bulk) > 0 && (at < 0 || s.capped[at].d != d || s.capped[at].level > full) {
		t.Errorf("%s has its share, and will not be placed when there is room", d.name)
	}
	ready := f.ready(may)
	const rounding = time.Microsecond                                                           // of the buckets
	if ready == (readyItems{}) || d.free() <= 0 || waits && !f.until.After(now.Add(rounding)) { // the last is placed when it is asked for
		return
	}
	due := d.at(now, f.needed())
	items := [lanes][kinds]int{Bulk: {ready.bulkTried, ready.bulkUntried}, Single: {ready.singleTried, ready.singleUntried}}
	for lane := range Lane(lanes) {
		for kind, n := range items[lane] {
			stands := f.inRing(lane, kind)
			switch {
			case n > 0 && !stands && !due.After(now):
				t.Errorf("%s misses its turn in %v, kind %d", d.name, lane, kind)
			case n > 0 && !stands && due.Equal(never) && d.inUse == 0 && d.meter(leaseKind) == nil:
				t.Errorf("%s waits for tokens that nobody holds", d.name)
			case n > 0 && !stands && !due.Equal(never) && (!waits || f.until.After(due.Add(rounding))):
				t.Errorf("%s could go at %v, but waits until %v", d.name, due, f.until)
			case n == 0 && stands && (kind == tried || may.has(lane)):
				t.Errorf("%s stands in %v, kind %d, with nothing to send", d.name, Lane(lane), kind)
			}
		}
	}
}

// checkDetour checks that a flow leaves out the endpoints whose breakers are open
// for its destination, or waits for the first probe. It reports whether anything may
// go.
func checkDetour[T any](t *testing.T, f *flow[T], now time.Time) bool {
	t.Helper()
	if f.d.bars == nil {
		return true
	}
	free := false
	for _, e := range f.path.endpoints {
		free = free || !f.d.bars.holds(now, f, e.name)
	}
	if free || f.queued == 0 || f.pos >= 0 && f.until.Equal(now) {
		return free
	}
	if f.mayGo != (readyCount{}) {
		t.Errorf("%s may go where it is refused", f.d.name)
	}
	for _, e := range f.path.endpoints {
		for _, at := range [...]*breaker[T]{f.d.bars.of(e.name), f.d.bars.ofSender(e.name, f.path.sender)} {
			if at.open() && !at.probing && (f.pos < 0 || f.until.After(at.until)) {
				t.Errorf("%s misses the probe at %v, and waits until %v", f.d.name, at.until, f.until)
			}
		}
	}
	return false
}

// checkRings checks the order of the tickets.
func checkRings[T any](t *testing.T, p *path[T]) {
	t.Helper()
	for lane := range Lane(lanes) {
		for kind := range p.rings[lane] {
			last := uint64(0)
			for f := p.rings[lane][kind].head; f != nil; f = f.nodes.at[lane][kind].next {
				if f.path != p || !f.inRing(lane, kind) || f.nodes.at[lane][kind].seq <= last {
					t.Fatalf("%s stands wrong in %v, kind %d", f.d.name, lane, kind)
				}
				last = f.nodes.at[lane][kind].seq
			}
		}
	}
}

// asideOrDelayed returns the number of items that are not lined up.
func asideOrDelayed[T any](s *Scheduler[T], f *flow[T]) (n int) {
	if f.delayed != nil {
		n = len(*f.delayed)
	}
	if lots := s.lotsOf(f); lots != nil {
		for _, l := range lots.lots {
			n += l.parked.n
		}
	}
	if f.d.boxes == nil {
		return n
	}
	for _, b := range f.d.boxes.by {
		for it, left := b.parked.first(), b.parked.n; left > 0; it, left = it.next, left-1 {
			if it.flow == f {
				n++
			}
		}
	}
	return n
}

func (f *flow[T]) firstDelayed() (it *Item[T], ok bool) {
	if f.delayed == nil {
		return nil, false
	}
	return f.delayed.first()
}
