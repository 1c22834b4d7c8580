package throttle

import "time"

// An endpoint whose breaker was opened by refusals from RCPT on may still take mail for
// destinations without part in them. It does not rest for these. Mail for the others has
// paths of its own, which wait for the breaker; the rest goes one message at a time, each
// firstGap after the one before, until one is accepted. Then the others are on their own:
// each has a breaker that is open. Where a path has another endpoint, all its mail goes
// that way instead.

// suspects reports whether the breaker is open for the destinations that were
// refused.
func (e *endpoint[T]) suspects() bool { return e.breaker.open() && e.breaker.partial }

// unsuspected reports whether the path has mail for destinations that no endpoint
// suspects, and one endpoint only.
func (p *path[T]) unsuspected() bool { return !p.suspect && len(p.endpoints) == 1 }

// blamed reports whether something was refused since the last acceptance.
func (b *breaker[T]) blamed() bool { return b != nil && b.run > 0 }

// suspectsLocked reports whether a flow by some way is for a destination that the
// only endpoint suspects.
func (s *Scheduler[T]) suspectsLocked(b *bars[T], way *Path) bool {
	if len(way.levels) > 1 || len(way.levels[0]) > 1 {
		return false
	}
	e, ok := s.endpoints.get(way.levels[0][0].Endpoint)
	return ok && e.suspects() && b.of(e.name).blamed()
}

// misplaced reports whether a flow is to be looked at again before something of it
// goes through an endpoint: because its destination is suspected there, or is so no
// more.
func (f *flow[T]) misplaced(e *endpoint[T]) bool {
	if f.path.suspect {
		return !e.suspects()
	}
	return e.suspects() && f.path.unsuspected() && f.d.bars.of(e.name).blamed()
}

// clearLocked opens the breaker of a destination that its endpoint suspected, when
// that endpoint takes other mail now.
func (s *Scheduler[T]) clearLocked(now time.Time, f *flow[T]) {
	if !f.path.suspect {
		return
	}
	e := f.path.endpoints[0]
	if b := f.d.bars.of(e.name); !e.suspects() && e.apart && b.blamed() && !b.open() {
		b.since, b.quiet = now, true
		s.restLocked(now, b, 0)
	}
}

// rests reports whether an endpoint takes only probes of the path.
func (p *path[T]) rests(e *endpoint[T]) bool {
	return e.rests() || p.breakerAt(e).open()
}

// breakerAt returns the breaker of an endpoint that stops this path alone; nil when
// there is none.
func (p *path[T]) breakerAt(e *endpoint[T]) *breaker[T] {
	switch {
	case e.suspects() && !p.unsuspected():
		return &e.breaker
	case p.sender != "":
		return e.bySender[p.sender]
	}
	return nil
}

// heldAt reports whether an endpoint takes nothing of the path now, not even a
// probe, while it takes that of others. again is the time at which it does; zero is
// not before a change.
func (p *path[T]) heldAt(now time.Time, e *endpoint[T]) (again time.Time, held bool) {
	if p.sender == "" && !e.suspects() { // as nearly always
		return time.Time{}, false
	}
	if b := p.breakerAt(e); b.holds(now) {
		return b.nextProbe(), true
	}
	if !e.suspects() || !p.unsuspected() {
		return time.Time{}, false
	}
	if e.newcomer {
		return time.Time{}, true
	}
	return e.newcomerAt, e.newcomerAt.After(now)
}
