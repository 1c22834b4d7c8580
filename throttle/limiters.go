package throttle

import "time"

// limiters keep the rates and the quota of a scope, and its warm-up. Each is
// made when it is first used; a scope without any has no limiters at all.
type limiters struct {
	messages, recipients, openings *bucket
	quota                          *window
	warm                           *warming
}

// hasRates reports whether l limits anything over time.
func (l *Limits) hasRates() bool {
	return l.MessageRate.Count > 0 || l.RecipientRate.Count > 0 || l.ConnectionRate.Count > 0 || l.Quota.Count > 0
}

// at is the earliest time at which a message to n recipients may go.
func (s *limiters) at(l *Limits, now time.Time, n int) time.Time {
	t := now
	later := func(u time.Time) {
		if u.After(t) {
			t = u
		}
	}
	if l.MessageRate.Count > 0 {
		later(made(&s.messages, l.MessageRate).at(now, 1))
	}
	if l.RecipientRate.Count > 0 {
		later(made(&s.recipients, l.RecipientRate).at(now, n))
	}
	if l.Quota.Count > 0 {
		if s.quota == nil {
			s.quota = newWindow(l.Quota)
		}
		later(s.quota.at(now))
	}
	if s.warm != nil {
		later(s.warm.at(now))
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
func (s *limiters) take(now time.Time, n int) {
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
}

// wrote notes that MAIL is on the wire: it counts from now on.
func (s *limiters) wrote(now time.Time) {
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

// unwritten gives back what a message that was not sent has taken.
func (s *limiters) unwritten(now time.Time) {
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

// asked notes that all RCPTs are on the wire.
func (s *limiters) asked(now time.Time, n int) {
	if s.recipients != nil {
		s.recipients.wrote(now, n)
	}
}

// unasked gives back the tokens of recipients that were not asked for.
func (s *limiters) unasked(now time.Time, n int) {
	if s.recipients != nil {
		s.recipients.back(now, n)
	}
}

// opened counts a connection.
func (s *limiters) opened(now time.Time) {
	if s.openings != nil {
		s.openings.take(now, 1)
		s.openings.wrote(now, 1)
	}
}

// fresh reports whether new limiters would behave the same.
func (s *limiters) fresh(now time.Time) bool {
	return (s.messages == nil || s.messages.full(now)) &&
		(s.recipients == nil || s.recipients.full(now)) &&
		(s.openings == nil || s.openings.full(now)) &&
		(s.quota == nil || s.quota.empty(now)) &&
		(s.warm == nil || s.warm.empty(now))
}
