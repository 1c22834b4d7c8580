package throttle

import "time"

// scope is one holder of limits: the process, an endpoint or a destination.
// What may go must be allowed by all scopes concerned. The limiters are made
// when they are first used.
type scope struct {
	kind   string // "process", "endpoint" or "destination"
	name   string
	limits *Limits // ceilings; shared, never changed
	busy   int     // connections open; for a destination, transactions at once
	flying int     // transactions at once
	window int     // how many may be busy; grows up to the ceiling

	messages, recipients, openings *bucket
	quota                          *window
	warm                           *warming // nil without one
	learned                        *lessons // nil until something was refused
	taught                         int      // lessons so far; see Grant
	tally                          tally
}

func newScope(kind, name string, limits *Limits) scope {
	return scope{kind: kind, name: name, limits: limits, window: 1}
}

// holdRecheck is when to ask again for tokens that another connection has in
// hand: it writes its command within less, and then they flow again.
const holdRecheck = time.Millisecond

// at is the earliest time at which a message to n recipients may go, as far as
// this scope is concerned; the zero time is now.
func (s *scope) at(now time.Time, n int) time.Time {
	t := now
	later := func(u time.Time) {
		if u.After(t) {
			t = u
		}
	}
	if s.limits.MessageRate.Count > 0 {
		later(made(&s.messages, s.limits.MessageRate).at(now, 1))
	}
	if s.limits.RecipientRate.Count > 0 {
		later(made(&s.recipients, s.limits.RecipientRate).at(now, n))
	}
	if s.limits.Quota.Count > 0 {
		if s.quota == nil {
			s.quota = newWindow(s.limits.Quota)
		}
		later(s.quota.at(now))
	}
	if s.warm != nil {
		later(s.warm.at(now))
	}
	if s.learned != nil {
		later(s.learned.at(now, s.flying))
	}
	return t
}

func made(b **bucket, r Rate) *bucket {
	if *b == nil {
		*b = newBucket(r)
	}
	return *b
}

// take counts a message to n recipients; at has allowed it.
func (s *scope) take(now time.Time, n int) {
	s.flying++
	if s.messages != nil {
		s.messages.take(now, 1)
	}
	if s.recipients != nil {
		s.recipients.take(now, n)
	}
	if s.quota != nil {
		s.quota.take(now)
	}
	if s.warm != nil {
		s.warm.held++
	}
	if s.learned != nil {
		s.learned.take(now, n)
	}
}

// wrote notes that MAIL is on the wire: it counts from now on.
func (s *scope) wrote(now time.Time) {
	if s.messages != nil {
		s.messages.wrote(now, 1)
	}
	if s.quota != nil {
		s.quota.wrote(now)
	}
	if s.warm != nil {
		s.warm.wrote(now)
	}
}

// asked notes that all RCPTs are on the wire.
func (s *scope) asked(now time.Time, n int) {
	if s.recipients != nil {
		s.recipients.wrote(now, n)
	}
}

// unwritten gives back what a message that was not sent has taken.
func (s *scope) unwritten(now time.Time, n int) {
	if s.learned != nil {
		s.learned.back(n)
	}
	if s.messages != nil {
		s.messages.back(now, 1)
	}
	if s.quota != nil {
		s.quota.back(now)
	}
	if s.warm != nil {
		s.warm.held--
	}
}

// unasked gives back the tokens of recipients that were not asked for.
func (s *scope) unasked(now time.Time, n int) {
	if s.recipients != nil {
		s.recipients.back(now, n)
	}
}

// paced reports whether a rate is set or learned, so that what may go now is
// one message at a time.
func (s *scope) paced() bool {
	l := s.limits
	return l.MessageRate.Count > 0 || l.RecipientRate.Count > 0 || l.Quota.Count > 0 || s.warm != nil ||
		s.learned != nil && s.learned.paced()
}

// free is how many more may be busy.
func (s *scope) free() int { return min(s.window, ceiling(s.limits.Connections)) - s.busy }

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
		t = made(&s.openings, s.limits.ConnectionRate).at(now, 1)
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
	if s.openings != nil {
		s.openings.take(now, 1)
		s.openings.wrote(now, 1)
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
	return s.busy == 0 && s.flying == 0 &&
		(s.messages == nil || s.messages.full(now)) &&
		(s.recipients == nil || s.recipients.full(now)) &&
		(s.openings == nil || s.openings.full(now)) &&
		(s.quota == nil || s.quota.empty(now)) &&
		(s.warm == nil || s.warm.empty(now)) &&
		(s.learned == nil || s.learned.stale(now))
}
