package throttle

import "time"

// scope is one holder of limits: the process, an endpoint or a destination.
// Whatever goes must be allowed by every scope concerned. There may be a
// million scopes, so fields that few of them need are behind a pointer.
type scope struct {
	name        string
	limits      *Limits      // ceilings; shared, never changed in place
	state       *scopeState  // nil when nothing is limited over time or learned
	recent      recentTotals // totals of what was accepted of late
	inUse       int32        // places in use: connections, or transactions of a destination
	inFlight    int32        // transactions at once
	concurrency int32        // the most places in use; it grows up to the ceiling
	lessons     int32        // the number of lessons so far; see Grant
	kind        ScopeKind
}

// scopeState holds the meters of a scope and its lessons.
type scopeState struct {
	meters   []fitted
	learned  *learned   // nil until something was refused
	inferred *inference // nil until something was refused without words
	holders  *holders   // nil until something was refused to mail of a known sender
}

// newScope returns a scope with meters for its limits.
func newScope(kind ScopeKind, name string, limits *Limits) scope {
	s := scope{kind: kind, name: name, limits: limits, concurrency: 1}
	for _, set := range settings {
		if m := set.fit(limits); m != nil {
			s.fit(m, &set.meterKind, 0)
		}
	}
	return s
}

// mostAtFirst is the most connections that are opened at once where so many are set
// or have been open before. Fewer than these were refused by none of the receivers
// whose limits are published for senders without a history.
const mostAtFirst = 8

// beginAt has a scope that is new begin with so many places, if its limits allow it.
func (s *scope) beginAt(n int32) {
	s.concurrency = max(s.concurrency, int32(min(int(n), ceiling(s.limits.Connections))))
}

// fit adds a meter.
func (s *scope) fit(m meter, kind *meterKind, generation int32) {
	if s.state == nil {
		s.state = &scopeState{}
	}
	s.state.meters = append(s.state.meters, fitted{meter: m, kind: kind, born: generation})
}

// meters returns all meters of the scope.
func (s *scope) meters() []fitted {
	if s.state == nil {
		return nil
	}
	return s.state.meters
}

// meter returns the meter of a kind; nil when there is none.
func (s *scope) meter(kind *meterKind) meter {
	for _, m := range s.meters() {
		if m.kind == kind {
			return m.meter
		}
	}
	return nil
}

// setLimits changes the ceilings. What was used of a limit that stays, stays
// used.
func (s *scope) setLimits(now time.Time, l *Limits, generation int32) {
	s.limits = l
	for _, set := range settings {
		m, fresh := s.meter(&set.meterKind), set.fit(l)
		switch {
		case m == nil && fresh != nil:
			s.fit(fresh, &set.meterKind, generation)
		case m != nil && fresh != nil:
			set.set(m, now, l)
			s.lift(m, false)
		case m != nil && m.asNew(now):
			s.drop(func(f fitted) bool { return f.meter == m })
		case m != nil: // it may be set again, and its use counts then
			s.lift(m, true)
		}
	}
}

// lift has a meter bind nothing, or bind again.
func (s *scope) lift(m meter, lifted bool) {
	for i := range s.state.meters {
		if s.state.meters[i].meter == m {
			s.state.meters[i].lifted = lifted
		}
	}
}

// drop takes meters out.
func (s *scope) drop(which func(fitted) bool) {
	var kept []fitted
	for _, m := range s.meters() {
		if !which(m) {
			kept = append(kept, m)
		}
	}
	if s.state != nil {
		s.state.meters = kept
	}
}

// at returns the earliest time at which this scope lets a transaction begin.
func (s *scope) at(now time.Time, l load) time.Time {
	if s.state == nil {
		return now
	}
	return s.metersAt(now, l)
}

// metersAt does what at does where something is limited or learned.
func (s *scope) metersAt(now time.Time, l load) time.Time {
	t := now
	if s.inFlight >= narrow && s.state.inferred.narrows() {
		return never
	}
	for _, m := range s.meters() {
		if m.kind.unit == connections || m.lifted {
			continue
		}
		if u := m.at(now, l.of(m.kind.unit)); u.After(t) {
			t = u
		}
	}
	return t
}

// take takes the tokens of a transaction, which at has allowed. It returns the units of
// which a meter has reserved some.
func (s *scope) take(now time.Time, l load) (reserved unitSet) {
	for _, m := range s.meters() {
		if m.kind.unit == connections {
			continue
		}
		m.take(now, l.of(m.kind.unit))
		if !m.kind.learned || m.kind.unit == bytes { // others reserve nothing
			reserved.add(m.kind.unit)
		}
	}
	return reserved
}

// commit counts as written what was taken of one unit. A meter that was fitted
// after the grant's generation has taken nothing for it. A limit that was set
// since counts it all the same, for it is written after that.
func (s *scope) commit(now time.Time, u unit, n int, generation int32) {
	for _, m := range s.meters() {
		if m.kind.unit != u {
			continue
		}
		if m.born > generation {
			if m.kind.learned {
				continue
			}
			m.take(now, n)
		}
		m.commit(now, n)
	}
}

// release gives back what was taken of one unit and will not be used.
func (s *scope) release(now time.Time, u unit, n int, generation int32) {
	for _, m := range s.meters() {
		if m.kind.unit == u && m.born <= generation {
			m.release(now, n)
		}
	}
}

// spaced reports whether a rate is set or learned, so that only one message may
// go at a time.
func (s *scope) spaced() bool {
	for _, m := range s.meters() {
		if m.kind.unit != connections && !m.lifted && m.spaces() {
			return true
		}
	}
	return false
}

// free returns the number of places that are not in use.
func (s *scope) free() int {
	return min(int(s.concurrency), ceiling(s.limits.Connections)) - int(s.inUse)
}

// ceiling returns a limit of type int as a number to compare with.
func ceiling(limit int) int {
	if limit == Unlimited {
		return int(^uint(0) >> 1)
	}
	return limit
}

// openAt returns the earliest time at which the rates let one more connection
// be opened.
func (s *scope) openAt(now time.Time) time.Time {
	t := now
	for _, m := range s.meters() {
		if m.kind.unit != connections || m.lifted {
			continue
		}
		if u := m.at(now, 1); u.After(t) {
			t = u
		}
	}
	return t
}

// opened counts a connection that is being opened.
func (s *scope) opened(now time.Time) {
	s.inUse++
	for _, m := range s.meters() {
		if m.kind.unit == connections {
			m.take(now, 1)
			m.commit(now, 1)
		}
	}
}

// messagesAtMost returns the number of messages that one connection may carry.
func (s *scope) messagesAtMost() int {
	n := ceiling(s.limits.MessagesPerConnection)
	if l := s.learned(); l != nil && l.perConnection.most > 0 {
		n = min(n, int(l.perConnection.most))
	}
	return n
}

// asNew reports whether a new scope in its place would behave the same.
func (s *scope) asNew(now time.Time) bool {
	if s.inUse > 0 || s.inFlight > 0 {
		return false
	}
	if h := s.holders(); h != nil && h.lessons > 0 {
		return false
	}
	if l := s.learned(); l != nil && !s.stale(now) || s.inferred().remembers(now) {
		return false
	}
	for _, m := range s.meters() {
		if !m.kind.learned && !m.asNew(now) {
			return false
		}
	}
	return true
}
