package throttle

import (
	"slices"
	"time"
)

// Grant allows one item to go on the connection that asked for it. It reserves
// tokens of every limit concerned until they are written, so that no delay in
// between makes a limit be exceeded.
//
// A Grant ends with Done or Return, and belongs to the Conn again from then on:
// a further call of a method of it panics. Its methods must not be called
// concurrently with each other; they belong to the goroutine of the connection.
type Grant[T any] struct {
	c         *Conn[T]
	item      *Item[T] // what was granted
	d         *destination[T]
	n         int          // recipients
	size      int          // bytes that it has taken
	ordinal   int          // of the message on its connection, from 1
	last      bool         // whether the connection must end after this
	wrote     bool         // whether Wrote was called; only the connection's goroutine knows
	asked     bool         // whether Asked was called; only the connection's goroutine knows
	ended     bool         // whether Done or Return was called; only the connection's goroutine knows
	again     bool         // whether it was tried less than repetition ago
	far       bool         // whether it was taken from elsewhere in its queue; see samples
	passed    bool         // whether its place at the destination has gone to the next
	countedTo bool         // whether Conn.by counts it
	holds     bool         // whether its message counts as held
	bytes     int64        // those that it counts
	bare      bool         // whether Again may let another message go
	more      int          // messages that Again has counted as accepted
	begun     time.Time    // the time at which it was given
	scopes    []*scope     // those that have counted it: the process, the endpoint and the destination first
	parents   []*parent[T] // those of them that the job names
	naming    int          // its index in Scheduler.naming, when the job names scopes

	// The units of which some meter has reserved tokens for it. A meter that is
	// fitted later has reserved nothing for it.
	reserved unitSet
	// The Scheduler's generation when it was given; see fitted.born.
	generation int32

	hasty   bool        // whether Tries.begins has counted it as a hasty try
	mailbox string      // the mailbox of the job, or that of the last message of Again
	viaOne  bool        // whether its path has one endpoint
	box     *mailbox[T] // nil when nothing was known of it then
	before  *Grant[T]   // the grant before it on its connection, if this one goes behind its dot; nil when it has ended
	behind  *Grant[T]   // the grant that goes behind its dot; nil when it has ended
	spare   *Grant[T]   // the next in Conn.spare, when ended

	newcomer bool          // whether it is the only one of an unsuspected destination; see endpoint.suspects
	probes   []*breaker[T] // those that it probes: of the endpoint, of the destination there, of the sender there, of the sender at the destination; usually none

	// The numbers of lessons of the two when this began: a refusal tells nothing
	// new after another lesson.
	endpointLessons, destinationLessons int32
}

// use panics when the grant has ended.
func (g *Grant[T]) use(method string) {
	if g.ended {
		panic("throttle: Grant." + method + " is called after Done or Return")
	}
}

// Value returns the value of the job.
func (g *Grant[T]) Value() T {
	g.use("Value")
	return g.item.job.Value
}

// Recipients returns the number of the job's recipients that may go. The rest
// must be pushed again.
func (g *Grant[T]) Recipients() int {
	g.use("Recipients")
	return g.n
}

// Holds notes that the message of a job with Job.Holds takes up so many bytes. They
// count until the grant ends.
func (g *Grant[T]) Holds(now time.Time, bytes int64) {
	g.use("Holds")
	g.c.s.mu.Lock()
	defer g.c.s.mu.Unlock()
	if g.holds {
		g.bytes += bytes
		g.c.s.holdLocked(g.d, g.item.job.Lane, 0, bytes)
		g.c.s.rescheduleLocked(now, g.d)
	}
}

// Next does what [Conn.Next] does for a connection that is about to write the
// last of this grant and can write more behind it. To the receiver the two come
// one after the other. So they need only one place at their destination, and it
// passes on. It grants no item whose message must still be rendered: the dot must
// not wait for that. When nothing may go, the connection must ask again with
// Conn.Next.
func (g *Grant[T]) Next(now time.Time) (*Grant[T], time.Time) {
	g.use("Next")
	s := g.c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.behind != nil {
		return g.c.nextLocked(now, true)
	}
	g.lend(now)
	next, again := g.c.nextLocked(now, true)
	for _, p := range g.parents {
		if next == nil || !next.belongs(p) {
			p.inUse++
		}
	}
	if next != nil {
		g.behind, next.before = next, g
		g.passed = next.d == g.d
	}
	if !g.passed {
		g.occupies(now)
	}
	return next, again
}

// lend frees the places of a grant at its destination and its parents, while its
// connection looks for an item that can follow. One more place matters only where there
// was none.
func (g *Grant[T]) lend(now time.Time) {
	full := g.d.free() <= 0
	g.d.inUse--
	for _, p := range g.parents {
		p.inUse--
	}
	if full {
		g.c.s.rescheduleLocked(now, g.d)
	}
	g.c.s.pullLocked(now, g.c.e, g.parents)
}

// occupies takes back the place at the destination that lend has freed.
func (g *Grant[T]) occupies(now time.Time) {
	g.d.inUse++
	if g.d.free() <= 0 {
		g.c.s.rescheduleLocked(now, g.d)
	}
}

// enters notes the parents of a new grant, and the scopes that its job names.
func (g *Grant[T]) enters() {
	for _, p := range g.parents {
		g.scopes = append(g.scopes, &p.scope)
		p.goes()
		g.c.s.offerLocked(p)
	}
	if g.item.job.Scopes != nil {
		g.naming = len(g.c.s.naming)
		g.c.s.naming = append(g.c.s.naming, g)
	}
}

// leaves undoes what enters has done.
func (g *Grant[T]) leaves(now time.Time) {
	s := g.c.s
	for _, p := range g.parents {
		if !g.shares(p) {
			p.inUse--
		}
		s.offerLocked(p)
		s.unusedParentLocked(now, p)
	}
	if g.item.job.Scopes != nil {
		last := len(s.naming) - 1
		s.naming[g.naming] = s.naming[last]
		s.naming[g.naming].naming = g.naming
		s.naming[last] = nil
		s.naming = s.naming[:last]
	}
}

// belongs reports whether a grant has a parent.
func (g *Grant[T]) belongs(p *parent[T]) bool { return slices.Contains(g.parents, p) }

// shares reports whether the grant before or behind this one has the same parent:
// they have one place there.
func (g *Grant[T]) shares(p *parent[T]) bool {
	return g.behind != nil && g.behind.belongs(p) || g.before != nil && g.before.belongs(p)
}

// Wrote notes that MAIL is being written: the message counts from now. It must
// be called once at most. It takes the Scheduler's lock only where a limit over
// time is set.
func (g *Grant[T]) Wrote(now time.Time) {
	g.use("Wrote")
	if g.wrote {
		panic("throttle: Grant.Wrote is called twice")
	}
	g.wrote = true
	g.written(now, 1<<messages)
}

// Sized reports whether a message that turned out to have so many bytes may go: the
// grant has taken them, or no limit concerned counts bytes. Else it must be returned,
// and the job pushed again with its size.
func (g *Grant[T]) Sized(bytesNow int) bool {
	g.use("Sized")
	return bytesNow <= g.size || !g.reserved.has(bytes)
}

// Asked notes that the last RCPT is being written: the recipients and the bytes
// count from now. Until then they occupy their limits. It must be called once at most. It
// takes the Scheduler's lock only where a limit over time is set.
func (g *Grant[T]) Asked(now time.Time) {
	g.use("Asked")
	if g.asked {
		panic("throttle: Grant.Asked is called twice")
	}
	g.asked = true
	g.written(now, 1<<recipients|1<<bytes)
}

// written commits what is reserved of some units, and has what waits for tokens looked at
// again. Nothing waits for tokens that no meter has reserved; but a limit set meanwhile
// counts what is written after it.
func (g *Grant[T]) written(now time.Time, units unitSet) {
	s := g.c.s
	if units&g.reserved == 0 && s.generation.Load() == g.generation {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for u := range unitCount {
		if units.has(u) {
			g.commit(now, u)
		}
	}
	s.flowsLocked(now, g)
}

// flowsLocked looks again at what waits for tokens that a grant has reserved.
func (s *Scheduler[T]) flowsLocked(now time.Time, g *Grant[T]) {
	if g.d.state != nil {
		s.rescheduleLocked(now, g.d)
	}
	for _, p := range g.parents {
		s.offerLocked(p)
	}
	if g.c.e.state != nil || s.process.state != nil {
		s.stirLocked(g.c.e)
		s.stirAwaitingLocked(g.c.e)
	}
}

// Return ends a grant of which nothing was written and gives everything back.
// The message still counts as one that the connection has carried.
func (g *Grant[T]) Return(now time.Time) {
	g.use("Return")
	g.c.s.mu.Lock()
	defer g.c.s.mu.Unlock()
	g.countMoreLocked(now)
	if !g.wrote {
		g.c.uncarry(g)
		g.item.job.Tries.returned(g.begun, g.hasty)
	}
	g.endLocked(now)
}
