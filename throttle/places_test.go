package throttle

import (
	"testing"
	"time"
)

// checkPlaces fails the test when a destination is not where its state belongs,
// so that it could miss its turn, or when a sum that is kept is wrong.
func checkPlaces[T any](t *testing.T, s *Scheduler[T], now time.Time) {
	t.Helper()
	queued, credit := map[*path[T]]int{}, map[*path[T]]credits{}
	members := map[*path[T]]int{}
	s.dests.each(func(d *destination[T]) bool {
		checkPlace(t, s, d, now)
		queued[d.path] += int(d.queued)
		members[d.path]++
		c := credit[d.path]
		c.add(d.credit, credits{})
		credit[d.path] = c
		return true
	})
	s.paths.each(func(p *path[T]) bool {
		if p.queued != queued[p] || p.credit != credit[p] || p.members != members[p] {
			t.Errorf("path %q counts %d items, %d members and %+v; they are %d, %d and %+v",
				p.names, p.queued, p.members, p.credit, queued[p], members[p], credit[p])
		}
		checkRings(t, p)
		return true
	})
}

func checkPlace[T any](t *testing.T, s *Scheduler[T], d *destination[T], now time.Time) {
	t.Helper()
	if p, ok := s.paths.get(d.path.key); !ok || p != d.path {
		t.Errorf("%s goes through a path that is forgotten", d.name)
	}
	lined := 0
	for lane := range d.lines {
		lined += d.lines[lane][tried].n + d.unheld(Lane(lane))
	}
	if sum := lined + d.asideOrDelayed(); sum != int(d.queued) {
		t.Errorf("%s counts %d items, and has %d", d.name, d.queued, sum)
	}
	if d.queued == 0 && d.busy == 0 && d.held == 0 && !d.idle {
		t.Errorf("%s has no work and will never be forgotten", d.name)
	}
	waits := d.pos >= 0
	if d.paused {
		if waits || d.credit != (credits{}) {
			t.Errorf("%s is paused, and waits or stands somewhere", d.name)
		}
		return
	}
	if it, ok := d.firstDelayed(); ok && d.free() > 0 && d.busy == 0 && lined == 0 && (!waits || d.until.After(it.job.NotBefore)) {
		t.Errorf("%s misses the item that is due at %v", d.name, it.job.NotBefore)
	}
	may, full := s.shares(d)
	if at := d.fullPos; full > 0 && (at < 0 || s.full[at].d != d || s.full[at].level > full) && !standsUnheld(d) {
		t.Errorf("%s has its share, and will not be placed when there is room", d.name)
	}
	ready, more := d.ready(may)
	const rounding = time.Microsecond                                         // of the buckets
	if !more || d.free() <= 0 || waits && !d.until.After(now.Add(rounding)) { // the last is placed when it is asked for
		return
	}
	due := d.at(now, message(int(max(d.need, 1))))
	for lane := range ready {
		for kind, n := range ready[lane] {
			stands := d.ring[lane][kind].ticket > 0
			switch {
			case n > 0 && !stands && !due.After(now):
				t.Errorf("%s misses its turn in %v, kind %d", d.name, Lane(lane), kind)
			case n > 0 && !stands && due.Equal(never) && d.busy == 0:
				t.Errorf("%s waits for tokens that nobody holds", d.name)
			case n > 0 && !stands && !due.Equal(never) && (!waits || d.until.After(due.Add(rounding))):
				t.Errorf("%s could go at %v, but waits until %v", d.name, due, d.until)
			case n == 0 && stands && (kind == tried || may[lane]):
				t.Errorf("%s stands in %v, kind %d, with nothing to send", d.name, Lane(lane), kind)
			}
		}
	}
}

// standsUnheld reports whether d stands where it will be found out that it has
// its share.
func standsUnheld[T any](d *destination[T]) bool {
	return d.ring[Single][untried].ticket > 0 || d.ring[Bulk][untried].ticket > 0
}

// checkRings checks the order of the tickets.
func checkRings[T any](t *testing.T, p *path[T]) {
	t.Helper()
	for lane := range p.rings {
		for kind := range p.rings[lane] {
			last := uint64(0)
			for d := p.rings[lane][kind].head; d != nil; d = d.ring[lane][kind].next {
				if d.path != p || d.ring[lane][kind].ticket <= last {
					t.Fatalf("%s stands wrong in %v, kind %d", d.name, Lane(lane), kind)
				}
				last = d.ring[lane][kind].ticket
			}
		}
	}
}

// asideOrDelayed is how many items are not lined up.
func (d *destination[T]) asideOrDelayed() int {
	if d.later == nil {
		return 0
	}
	return len(d.later.delayed) + d.later.boxes.aside
}

func (d *destination[T]) firstDelayed() (it *Item[T], ok bool) {
	if d.later == nil {
		return nil, false
	}
	return d.later.delayed.first()
}
