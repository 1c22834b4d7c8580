package throttle

import "time"

// scope is one holder of limits: the process, an endpoint, a destination. What
// may go must be allowed by all scopes concerned. There may be a million of
// them; what few need is behind a pointer.
type scope struct {
	name     string
	limits   *Limits      // ceilings; shared, never changed in place
	state    *scopeState  // nil when nothing is limited over time or learned
	recent   recentTotals // what was accepted of late
	inUse    int32        // connections open; for a destination, transactions at once
	inFlight int32        // transactions at once
	window   int32        // how many may be busy; grows up to the ceiling
	lessons  int32        // lessons so far; see Grant
	kind     ScopeKind
}

// scopeState is the meters of a scope and what it has learned.
type scopeState struct {
	meters  []fitted
	learned *learned // nil until something was refused
}

func newScope(kind ScopeKind, name string, limits *Limits) scope {
	s := scope{kind: kind, name: name, limits: limits, window: 1}
	for _, set := range settings {
		if m := set.fit(limits); m != nil {
			s.fit(m, &set.meterKind, 0)
		}
	}
	return s
}

// fit adds a meter.
func (s *scope) fit(m meter, kind *meterKind, generation int32) {
	if s.state == nil {
		s.state = &scopeState{}
	}
	s.state.meters = append(s.state.meters, fitted{m, kind, generation})
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
		case m != nil:
			s.drop(func(f fitted) bool { return f.meter == m })
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

// recheck is when to ask again for tokens that another connection has in hand:
// it writes its command within less, and then they flow again.
const recheck = time.Millisecond

// at returns the earliest time at which a transaction may begin, as far as this
// scope is concerned.
func (s *scope) at(now time.Time, l load) time.Time {
	t := now
	for _, m := range s.meters() {
		if m.kind.unit == connections {
			continue
		}
		if u := m.at(now, l[m.kind.unit]); u.After(t) {
			t = u
		}
	}
	return t
}

// take counts a transaction, which at has allowed. It returns the units of which
// a meter has reserved tokens.
func (s *scope) take(now time.Time, l load) (reserved unitSet) {
	s.inFlight++
	for _, m := range s.meters() {
		if m.kind.unit == connections {
			continue
		}
		m.take(now, l[m.kind.unit])
		if !m.kind.learned { // those reserve nothing
			reserved.add(m.kind.unit)
		}
	}
	return reserved
}

// commit counts what was taken of one unit and is on the wire now. Meters that
// were fitted after the grant's generation have taken nothing for it.
func (s *scope) commit(now time.Time, u unit, n int, generation int32) {
	for _, m := range s.meters() {
		if m.kind.unit == u && m.born <= generation {
			m.commit(now, n)
		}
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

// spaced reports whether a rate is set or learned, so that what may go now is
// one message at a time.
func (s *scope) spaced() bool {
	for _, m := range s.meters() {
		if m.kind.unit != connections && m.spaces() {
			return true
		}
	}
	return false
}

// free returns how many more may be busy.
func (s *scope) free() int { return min(int(s.window), ceiling(s.limits.Connections)) - int(s.inUse) }

// ceiling returns a limit of type int as a number to compare with.
func ceiling(limit int) int {
	if limit == Unlimited {
		return int(^uint(0) >> 1)
	}
	return limit
}

// openAt returns when one more connection may be opened, as far as rates go.
func (s *scope) openAt(now time.Time) time.Time {
	t := now
	for _, m := range s.meters() {
		if m.kind.unit != connections {
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

// recipientsAtOnce returns how many recipients one transaction may have here.
func (s *scope) recipientsAtOnce() int {
	n := ceiling(s.limits.RecipientsPerMessage)
	if s.limits.RecipientRate.Count > 0 {
		n = min(n, max(s.limits.RecipientRate.Burst, 1))
	}
	if l := s.learned(); l != nil && l.perMessage > 0 {
		n = min(n, l.perMessage)
	}
	return n
}

// messagesAtMost returns how many messages one connection may carry here.
func (s *scope) messagesAtMost() int {
	n := ceiling(s.limits.MessagesPerConnection)
	if l := s.learned(); l != nil && l.perConnection > 0 {
		n = min(n, l.perConnection)
	}
	return n
}

// idle reports whether a new scope in its place would behave the same.
func (s *scope) asNew(now time.Time) bool {
	if s.inUse > 0 || s.inFlight > 0 {
		return false
	}
	if l := s.learned(); l != nil && !s.stale(now) {
		return false
	}
	for _, m := range s.meters() {
		if !m.kind.learned && !m.asNew(now) {
			return false
		}
	}
	return true
}
