package throttle

import (
	"container/list"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/internal/chance"
	"github.com/smtpace/smtpace/internal/words"
)

// Scheduler decides which item goes next, and at which time. It owns the queue,
// every limit, and what was learned of the receivers.
//
// It never waits and does no I/O, and is safe for concurrent use. Time is an
// argument, which must not go backwards by more than calls at the same time
// explain. Methods return the time at which to ask again; zero is not before a
// change: a Push, a Done or a Closed.
type Scheduler[T any] struct {
	mu            sync.Mutex // never held over a wait, I/O or a callback
	cfg           Config
	chosen        chosen
	process       scope
	endpoints     *keys[*endpoint[T]]
	paths         *keys[*path[T]]
	dests         *keys[*destination[T]]
	split         map[string]int // open breakers of senders, whose items have flows of their own
	rendered      int
	renderedBytes int64
	capped        cappedHeap[T] // destinations that hold their share of rendered messages
	unused        list.List     // of unusedEntry[T], the oldest in front
	paused        map[string]bool
	restored      restoredRecords // restored records of destinations that nothing was sent to yet

	parents         *keys[*parent[T]]
	parentLimits    map[string]Limits         // limits of scopes that jobs name, by key
	restoredParents restoredRecords           // restored records of scopes that no job has named yet, by key
	lots            map[*flow[T]]*flowLots[T] // lots of scopes by flow
	waiting         timeHeap[*parent[T]]      // parents to look at again at a known time
	offers          []*parent[T]              // parents to look at again before the next connection is served
	returned        int                       // parked items that were put back in their queues so far
	partial         []*parent[T]              // parents that allow more than they have put back
	parentsRoom     []*parent[T]              // the result of parentsLocked
	naming          []*Grant[T]               // grants whose jobs name scopes
	held            map[heldKey]*parent[T]    // parents that hold lessons for senders, tenants or sources at a receiver
	restoredHolders map[string][]holderRecord // restored records of such lessons by the destination, of which nothing was sent to yet

	generation atomic.Int32 // the number of times at which meters were fitted
	wordsOnly  bool         // whether it infers no limits from refusals that name none
	random     *rand.Rand   // the source of everything that is drawn, such as the lengths of rests

	idleConns list.List // of *Conn[T], the longest idle first

	stirred  atomic.Bool // whether Drive has something to do
	stir     []*endpoint[T]
	alarms   timeHeap[*endpoint[T]]
	awaiting []*endpoint[T] // endpoints that were told never by a meter of theirs or of the process
	yielding int            // number of connections that end for one of starved
	starved  []*endpoint[T] // endpoints that wait for a connection of the process, the first in front
}

// New returns a Scheduler without endpoints, destinations or work. All
// mistakes of cfg are reported together.
func New[T any](cfg Config) (*Scheduler[T], error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	raw, cfg := cfg, cfg.withDefaults()
	s := &Scheduler[T]{
		cfg: cfg, chosen: chosen{endpoints: raw.Endpoint.Connections > 0, destinations: raw.Destination.Connections > 0}, process: newScope(ScopeProcess, "", &cfg.Process),
		endpoints: newKeys[*endpoint[T]](), paths: newKeys[*path[T]](), dests: newKeys[*destination[T]](),
		parents: newKeys[*parent[T]](), lots: map[*flow[T]]*flowLots[T]{},
		random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
	for name := range cfg.Endpoints {
		e := s.endpointLocked(name)
		e.pinned, e.configured = true, true
		if raw.Endpoints[name].Connections > 0 {
			e.beginAt(mostAtFirst)
		}
	}
	return s, nil
}

// init gives simulations of this module two settings that no user has.
func init() {
	chance.Use = func(scheduler any, seed chance.Seed) { scheduler.(interface{ seed(chance.Seed) }).seed(seed) }
	words.Only = func(scheduler any) { scheduler.(interface{ learnFromWords() }).learnFromWords() }
}

// learnFromWords has the Scheduler infer no limits from refusals that name none.
func (s *Scheduler[T]) learnFromWords() { s.wordsOnly = true }

// seed has the Scheduler draw the same numbers in each run.
func (s *Scheduler[T]) seed(seed chance.Seed) { s.random = rand.New(rand.NewPCG(uint64(seed), 0)) }

// jittered returns a duration with up to so large a part of it added at random.
func (s *Scheduler[T]) jittered(d time.Duration, part float64) time.Duration {
	return d + time.Duration(s.random.Float64()*part*float64(d))
}

// numberOf returns the number of a message, or one of its own for a message of which
// nothing is known.
func (s *Scheduler[T]) numberOf(message uint64) uint64 {
	if message == 0 {
		return s.random.Uint64()
	}
	return message
}

// chosen tells whether the connections of those scopes that Config does not name are
// set there, and are no default.
type chosen struct{ endpoints, destinations bool }

// SetEndpoint sets the limits that an endpoint has of its own. Zero fields fall back to
// Config.Endpoint. Those of Config and of SetLimits for its name come first. What is
// used and learned stays. An endpoint with limits of its own is not forgotten before
// ForgetEndpoint.
func (s *Scheduler[T]) SetEndpoint(now time.Time, name string, l Limits) error {
	if err := l.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	set := l.Connections > 0
	l = l.or(s.cfg.Endpoint)
	e, known := s.endpoints.get(name)
	_, named := s.cfg.Endpoints[name]
	switch {
	case named && !known && l == s.cfg.Endpoint:
		return nil
	case named:
		e = s.endpointLocked(name)
	case known && *e.limits == l || !known && !set && l == s.cfg.Endpoint:
		if known {
			e.pinned = e.pinned || l != s.cfg.Endpoint
		}
		return nil
	case !known:
		e = s.endpointLocked(name)
		e.scope = newScope(ScopeEndpoint, name, &l)
		if set || s.chosen.endpoints {
			e.beginAt(mostAtFirst)
		}
	default:
		e.setLimits(now, &l, s.newGeneration())
		s.lookAgainLocked(now, Scope{ScopeEndpoint, name})
	}
	e.pinned, e.own = true, &l
	return nil
}

// ForgetEndpoint lets an endpoint with limits of its own be forgotten, once it has
// no work and a new one would be the same. It does nothing to an endpoint that
// Config names. What SetLimits has set for its name holds for the next of that name.
func (s *Scheduler[T]) ForgetEndpoint(now time.Time, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.endpoints.get(name); ok && e.pinned && !e.configured {
		e.pinned = false
		s.unusedEndpointLocked(now, e)
	}
}

// endpointLocked finds or makes an endpoint.
func (s *Scheduler[T]) endpointLocked(name string) *endpoint[T] {
	if e, ok := s.endpoints.get(name); ok {
		return e
	}
	limits := &s.cfg.Endpoint
	if l, ok := s.cfg.Endpoints[name]; ok {
		limits = &l
	}
	e := &endpoint[T]{scope: newScope(ScopeEndpoint, name, limits), alarmPos: -1}
	if s.chosen.endpoints {
		e.beginAt(mostAtFirst)
	}
	s.endpoints.put(name, e)
	return e
}

// Push queues a job at the end of its lane, or at the front if it says so. It returns
// nil, and queues nothing, when the job is a Newcomer and a refusing [WarmUp] has no room
// for it today, beside those that wait.
func (s *Scheduler[T]) Push(now time.Time, j Job[T]) *Item[T] {
	j.Recipients = max(j.Recipients, 1)
	it := &Item[T]{job: j}
	if j.Tries != nil {
		it.wait = j.NotBefore.Sub(now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(now, 2)
	if j.Newcomer && !s.admitsLocked(now, j.Destination) {
		return nil
	}
	f := s.enterLocked(now, j.Destination, s.elsewhere(&j), j.Sender)
	it.flow = f
	f.path.sentBy(j.Sender)
	s.anotherSenderLocked(now, f.path, f.d, j.Sender)
	f.add(now, it)
	s.putOffLocked(now, it)
	s.suspendLocked(now, it)
	s.rescheduleFlowLocked(now, f)
	return it
}

// Remove takes an item out of the queue. It returns false when the item has
// been granted or removed already.
func (s *Scheduler[T]) Remove(now time.Time, it *Item[T]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it.state == gone {
		return false
	}
	f := it.flow
	ofBox, ofScope := f.d.boxes.isParked(it), it.isParked()
	f.drop(it)
	f.d.boxes.left(now, it, ofBox)
	s.leftLotLocked(now, it, ofScope)
	if it == f.blocked {
		f.blocked, f.need = nil, 0
	}
	s.rescheduleFlowLocked(now, f)
	return true
}

// Rendered notes that the message of an item is held rendered now, for the sake
// of another of its items. The bound on rendered messages stops it no longer:
// else messages of which one half waits for room that the other half takes
// would wait for each other.
func (s *Scheduler[T]) Rendered(now time.Time, it *Item[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it.state == gone || it.job.rendered() {
		return
	}
	it.job.Fresh, it.job.Dropped = false, false
	s.requeueLocked(now, it)
}

// Dropped notes that the message of an item is no longer held rendered. The
// bound on rendered messages applies to it as to a fresh one.
func (s *Scheduler[T]) Dropped(now time.Time, it *Item[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it.ahead, it.claimed = false, false
	if it.state == gone || !it.job.rendered() {
		return
	}
	it.job.Dropped = true
	s.requeueLocked(now, it)
}

// requeueLocked moves a queued item to the list that its job belongs to now.
func (s *Scheduler[T]) requeueLocked(now time.Time, it *Item[T]) {
	if it.state == delayed || it.flow.d.boxes.isParked(it) {
		return
	}
	parked := it.isParked()
	it.list.remove(it)
	s.leftLotLocked(now, it, parked)
	it.flow.enqueue(it)
	s.rescheduleFlowLocked(now, it.flow)
}

// enterLocked finds or makes the flow of a destination, a path and, when its mail
// is kept apart, a sender.
func (s *Scheduler[T]) enterLocked(now time.Time, name string, of *Path, sender string) *flow[T] {
	sender = s.senderOf(sender)
	if d, ok := s.dests.get(name); ok {
		if f := d.flowOf(of, sender); f != nil {
			return f
		}
		return s.flowLocked(now, d, s.pathLocked(of, sender, false))
	}
	limits := &s.cfg.Destination
	if l, ok := s.cfg.Destinations[name]; ok {
		limits = &l
	}
	d := &destination[T]{scope: newScope(ScopeDestination, name, limits), cappedPos: -1, paused: s.paused[name]}
	d.first = flow[T]{d: d, path: s.pathLocked(of, sender, false), pos: -1}
	d.first.path.members++
	d.beginAt(d.first.path.endpoints[0].first)
	if s.chosen.destinations || limits.Connections > 0 && limits.Connections != s.cfg.Destination.Connections {
		d.beginAt(mostAtFirst)
	}
	if w, ok := s.cfg.WarmUps[name]; ok {
		d.fit(&warmUpMeter{plan: &w}, warmUpKind, 0)
	}
	s.restored.take(now, &d.scope, name, s.generation.Load())
	s.dests.put(name, d)
	s.takeHoldersLocked(now, d)
	return &d.first
}

// pathLocked finds or makes a path.
func (s *Scheduler[T]) pathLocked(of *Path, sender string, suspect bool) *path[T] {
	key := splitKey(of, sender, suspect)
	if p, ok := s.paths.get(key); ok {
		return p
	}
	p := &path[T]{of: of, sender: sender, suspect: suspect}
	for _, level := range of.levels {
		var hops []*hop[T]
		for _, h := range level {
			e := s.endpointLocked(h.Endpoint)
			hops = append(hops, &hop[T]{e: e, weight: float64(max(h.Weight, 1))})
			p.endpoints = append(p.endpoints, e)
			e.paths = append(e.paths, p)
			if of.overflow == OverflowFull {
				e.overflows++
			}
		}
		p.levels = append(p.levels, hops)
	}
	s.paths.put(key, p)
	return p
}

// leaveLocked takes a flow out of a path, and drops a path without flows.
func (s *Scheduler[T]) leaveLocked(now time.Time, p *path[T]) {
	if p.members--; p.members > 0 {
		return
	}
	s.paths.drop(splitKey(p.of, p.sender, p.suspect))
	for _, e := range p.endpoints {
		e.leave(p)
		s.unusedEndpointLocked(now, e)
	}
}

// newGeneration returns the generation of meters that are fitted now. Grants
// that were given before have taken nothing of them.
func (s *Scheduler[T]) newGeneration() int32 {
	return s.generation.Add(1)
}
