package throttle

import "time"

// scope is one holder of limits: the process, an endpoint or a destination.
// What may go must be allowed by all scopes concerned. There may be a million
// of them, so that what few need is behind a pointer.
type scope struct {
	name    string
	limits  *Limits   // ceilings; shared, never changed
	used    *limiters // nil when nothing is limited over time
	learned *lessons  // nil until something was refused
	tally   tally
	busy    int32 // connections open; for a destination, transactions at once
	flying  int32 // transactions at once
	window  int32 // how many may be busy; grows up to the ceiling
	taught  int32 // lessons so far; see Grant
	kind    kind
}

// kind is what a scope is of.
type kind uint8

const (
	ofProcess kind = iota
	ofEndpoint
	ofDestination
)

func (k kind) String() string { return [...]string{"process", "endpoint", "destination"}[k] }

func newScope(kind kind, name string, limits *Limits) scope {
	s := scope{kind: kind, name: name, limits: limits, window: 1}
	if limits.hasRates() {
		s.used = &limiters{}
	}
	return s
}

// holdRecheck is when to ask again for tokens that another connection has in
// hand: it writes its command within less, and then they flow again.
const holdRecheck = time.Millisecond

// at is the earliest time at which a message to n recipients may go, as far as
// this scope is concerned.
func (s *scope) at(now time.Time, n int) time.Time {
	t := now
	if s.used != nil {
		t = s.used.at(s.limits, now, n)
	}
	if s.learned != nil {
		if u := s.learned.at(now, int(s.flying)); u.After(t) {
			t = u
		}
	}
	return t
}

// take counts a message to n recipients; at has allowed it.
func (s *scope) take(now time.Time, n int) {
	s.flying++
	if s.used != nil {
		s.used.take(now, n)
	}
	if s.learned != nil {
		s.learned.take(now, n)
	}
}

// wrote notes that MAIL is on the wire: it counts from now on.
func (s *scope) wrote(now time.Time) {
	if s.used != nil {
		s.used.wrote(now)
	}
}

// asked notes that all RCPTs are on the wire.
func (s *scope) asked(now time.Time, n int) {
	if s.used != nil {
		s.used.asked(now, n)
	}
}

// unwritten gives back what a message that was not sent has taken.
func (s *scope) unwritten(now time.Time, n int) {
	if s.used != nil {
		s.used.unwritten(now)
	}
	if s.learned != nil {
		s.learned.back(n)
	}
}

// unasked gives back the tokens of recipients that were not asked for.
func (s *scope) unasked(now time.Time, n int) {
	if s.used != nil {
		s.used.unasked(now, n)
	}
}

// paced reports whether a rate is set or learned, so that what may go now is
// one message at a time.
func (s *scope) paced() bool {
	l := s.limits
	return s.used != nil && (l.MessageRate.Count > 0 || l.RecipientRate.Count > 0 || l.Quota.Count > 0 || s.used.warm != nil) ||
		s.learned != nil && s.learned.paced()
}

// free is how many more may be busy.
func (s *scope) free() int { return min(int(s.window), ceiling(s.limits.Connections)) - int(s.busy) }

// ceiling reads a limit of type int.
func ceiling(limit int) int {
	if limit == Unlimited {
		return int(^uint(0) >> 1)
	}
	return limit
}

// openAt is when one more connection may be opened, as far as rates go.
func (s *scope) openAt(now time.Time) time.Time {
	t := now
	if s.limits.ConnectionRate.Count > 0 {
		t = made(&s.used.openings, s.limits.ConnectionRate).at(now, 1)
	}
	if s.learned != nil {
		if u := s.learned.openAt(now); u.After(t) {
			t = u
		}
	}
	return t
}

// opened counts a connection that is being opened.
func (s *scope) opened(now time.Time) {
	s.busy++
	if s.used != nil {
		s.used.opened(now)
	}
	if s.learned != nil && s.learned.openings != nil {
		s.learned.openings.take(now, 1)
	}
}

// recipientsAtOnce is how many recipients one transaction may have here.
func (s *scope) recipientsAtOnce() int {
	n := ceiling(s.limits.RecipientsPerMessage)
	if s.limits.RecipientRate.Count > 0 {
		n = min(n, max(s.limits.RecipientRate.Burst, 1))
	}
	if s.learned != nil && s.learned.caps.perMessage > 0 {
		n = min(n, s.learned.caps.perMessage)
	}
	return n
}

// messagesAtMost is how many messages one connection may carry here.
func (s *scope) messagesAtMost() int {
	n := ceiling(s.limits.MessagesPerConnection)
	if s.learned != nil && s.learned.caps.perConnection > 0 {
		n = min(n, s.learned.caps.perConnection)
	}
	return n
}

// fresh reports whether a new scope in its place would behave the same.
func (s *scope) fresh(now time.Time) bool {
	return s.busy == 0 && s.flying == 0 && (s.used == nil || s.used.fresh(now)) &&
		(s.learned == nil || s.learned.stale(now))
}
