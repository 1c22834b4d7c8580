package throttle

import (
	"container/list"
	"slices"
	"strings"
	"sync"
	"time"
)

// Scheduler decides which item may go next, and when. It owns the queue, every
// limit, and what was learned of the receivers.
//
// It never waits and does no I/O; time is an argument, which must not go
// backwards by more than the callers' races explain. It is safe for concurrent
// use. Everything that is there to be waited for is told by the times that its
// methods return; a zero time means that only a change can help: a Push, a
// Done, a Closed.
type Scheduler[T any] struct {
	mu        sync.Mutex // never held over a wait, I/O or a callback
	cfg       Config
	process   scope
	endpoints *keys[*endpoint[T]]
	paths     *keys[*path[T]]
	dests     *keys[*destination[T]]
	held      int
	heldBytes int64
	starved   list.List // of *destination[T], whose fresh items wait for something to be released
	idle      list.List // of idled[T], the first to be looked at first
}

// idled is a destination without work, and when it may be forgotten.
type idled[T any] struct {
	d     *destination[T]
	since time.Time
}

const (
	// keepIdle is how long a destination without work is kept.
	keepIdle = 10 * time.Second
	// maxIdle is how many are kept for that long.
	maxIdle = 10_000
)

// New returns a Scheduler without endpoints, destinations or work. All
// mistakes of cfg are reported together.
func New[T any](cfg Config) (*Scheduler[T], error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Scheduler[T]{
		cfg: cfg, process: newScope("process", "", &cfg.Process),
		endpoints: newKeys[*endpoint[T]](), paths: newKeys[*path[T]](), dests: newKeys[*destination[T]](),
	}
	for name := range cfg.Endpoints {
		s.endpointLocked(name).pinned = true
	}
	return s, nil
}

// SetEndpoint sets the limits of an endpoint that Config does not name, before
// it is used; zero fields fall back to Config.Endpoint. Limits of an endpoint
// that is known stay as they are.
func (s *Scheduler[T]) SetEndpoint(name string, l Limits) error {
	if err := l.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.endpoints.get(name); known {
		return nil
	}
	l = l.or(s.cfg.Endpoint)
	s.endpointLocked(name).limits = &l
	return nil
}

func (s *Scheduler[T]) endpointLocked(name string) *endpoint[T] {
	if e, ok := s.endpoints.get(name); ok {
		return e
	}
	limits := &s.cfg.Endpoint
	if l, ok := s.cfg.Endpoints[name]; ok {
		limits = &l
	}
	e := &endpoint[T]{scope: newScope("endpoint", name, limits)}
	s.endpoints.put(name, e)
	return e
}

// Push queues a job at the end of its lane.
func (s *Scheduler[T]) Push(now time.Time, j Job[T]) *Item[T] {
	j.Recipients = max(j.Recipients, 1)
	it := &Item[T]{job: j}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(now, 2)
	d := s.destinationLocked(j.Destination, j.Path)
	it.dest = d
	d.add(it, now)
	s.placeLocked(d, now)
	return it
}

// Remove takes an item out of the queue. It returns false when the item has
// been granted or removed already.
func (s *Scheduler[T]) Remove(now time.Time, it *Item[T]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it.in == gone {
		return false
	}
	it.dest.drop(it)
	s.placeLocked(it.dest, now)
	return true
}

// destinationLocked finds or makes a destination, and moves it when its path
// has changed.
func (s *Scheduler[T]) destinationLocked(name string, names []string) *destination[T] {
	d, ok := s.dests.get(name)
	if ok && slices.Equal(d.path.names, names) {
		return d
	}
	p := s.pathLocked(names)
	p.members++
	if ok {
		s.moveLocked(d, p)
		return d
	}
	limits := &s.cfg.Destination
	if l, ok := s.cfg.Destinations[name]; ok {
		limits = &l
	}
	d = &destination[T]{scope: newScope("destination", name, limits), path: p, pos: -1}
	s.dests.put(name, d)
	return d
}

func (s *Scheduler[T]) moveLocked(d *destination[T], to *path[T]) {
	from := d.path
	s.unplaceLocked(d)
	from.queued -= d.queued
	to.queued += d.queued
	d.path = to
	s.leaveLocked(from)
}

func (s *Scheduler[T]) pathLocked(names []string) *path[T] {
	key := strings.Join(names, "\x00")
	if p, ok := s.paths.get(key); ok {
		return p
	}
	p := &path[T]{key: key, names: slices.Clone(names)}
	for _, name := range names {
		e := s.endpointLocked(name)
		p.endpoints = append(p.endpoints, e)
		e.paths = append(e.paths, p)
	}
	s.paths.put(key, p)
	return p
}

// leaveLocked drops a path that has no destinations left.
func (s *Scheduler[T]) leaveLocked(p *path[T]) {
	if p.members--; p.members > 0 {
		return
	}
	s.paths.drop(p.key)
	for _, e := range p.endpoints {
		e.leave(p)
	}
}

// placeLocked puts a destination where its state belongs. One that stays ready
// keeps its turn.
func (s *Scheduler[T]) placeLocked(d *destination[T], now time.Time) {
	d.mature(now)
	var waits [lanes]int
	ready := 0
	for lane := range d.lanes {
		waits[lane] = d.waits(Lane(lane), s.freshLocked(d, Lane(lane)))
		ready += waits[lane]
	}
	due := now
	if ready > 0 && d.free() > 0 {
		due = d.at(now, 1)
	}
	if ready == 0 || d.free() <= 0 || due.After(now) {
		s.unplaceLocked(d)
		switch {
		case d.queued == 0:
			s.idleLocked(d, now)
		case ready == 0:
			s.awaitLocked(d)
		case due.After(now) && !due.Equal(never):
			d.wait(due)
		}
		return // else until one of its transactions is written or ends
	}
	d.leaveHeap()
	d.credits(min(ready, d.free()))
	for lane := range d.ring {
		switch in := d.ring[lane].in; {
		case in && waits[lane] == 0:
			d.path.rings[lane].remove(d, Lane(lane))
		case !in && waits[lane] > 0:
			d.path.rings[lane].push(d, Lane(lane))
		}
	}
}

// awaitLocked has a destination wait for its first delayed item, and for
// something to be released when fresh items may not go.
func (s *Scheduler[T]) awaitLocked(d *destination[T]) {
	if d.lanes[Bulk].fresh.n+d.lanes[Single].fresh.n > 0 && !d.starved {
		d.starved = true
		s.starved.PushBack(d)
	}
	if it, ok := d.delayed.first(); ok {
		d.wait(it.job.NotBefore)
	}
}

// unplaceLocked takes a destination out of where it is.
func (s *Scheduler[T]) unplaceLocked(d *destination[T]) {
	d.credits(0)
	d.leaveHeap()
	for lane := range d.ring {
		if d.ring[lane].in {
			d.path.rings[lane].remove(d, Lane(lane))
		}
	}
}

// matureLocked places the destinations of a path that have waited long enough.
func (s *Scheduler[T]) matureLocked(p *path[T], now time.Time) {
	for d, ok := p.waiting.first(); ok && !d.until.After(now); d, ok = p.waiting.first() {
		s.placeLocked(d, now)
	}
}
