package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// refusal is what a scope must know of a refusal, beside the Outcome.
type refusal struct {
	begun   time.Time // when the try began
	news    bool      // it began after the last lesson
	ordinal int       // of the message on its connection
	atOnce  int       // connections, or transactions, this one included
}

// succeeded learns from a transaction that began at a time and in which the
// receiver took something.
func (s *scope) succeeded(now, begun time.Time, recipients int) []Change {
	changes := s.passed(now, begun, recipients)
	s.grow(now)
	return changes
}

// passed counts a transaction that no rate of this scope has stopped.
func (s *scope) passed(now, begun time.Time, recipients int) (changes []Change) {
	s.tally.count(now, recipients)
	l := s.learned
	if l == nil {
		return nil
	}
	if l.stale(now) {
		s.learned = nil
		return nil
	}
	tell := func(p *pace, limit classify.Limit, n int) {
		if p == nil || p.born.IsZero() {
			return
		}
		was := p.level
		if p.accept(now, begun, n) {
			changes = append(changes, Change{Time: now, Scope: s.kind.String(), Name: s.name, Limit: limit, From: was, To: p.level})
		}
	}
	tell(&l.messages, classify.LimitMessageRate, 1)
	tell(l.recipients, classify.LimitRecipientRate, recipients)
	return changes
}

// grow widens the window after a success, when it was all in use.
func (s *scope) grow(now time.Time) {
	switch {
	case s.busy < s.window || int(s.window) >= ceiling(s.limits.Connections):
	case s.learned == nil:
		s.window++
	default:
		s.window = int32(s.learned.connections.grown(now, int(s.window)))
	}
}

// refused learns from a refusal that names a limit of this scope.
func (s *scope) refused(now time.Time, o Outcome, r refusal) []Change {
	l := s.lessons(now)
	if o.Verdict.RetryAfter > 0 {
		l.hint(now, o.Verdict.RetryAfter)
	}
	c := Change{Time: now, Scope: s.kind.String(), Name: s.name, Limit: o.Verdict.Limit, Reason: o.Err}
	if !s.teach(l, now, o, r, &c) {
		return nil
	}
	s.taught++
	l.learn(now, o.Verdict.Limit, o.Err)
	c.Until = l.pausedUntil(now)
	if c.From == c.To && c.Until.IsZero() {
		return nil
	}
	return []Change{c}
}

func (s *scope) lessons(now time.Time) *lessons {
	if s.learned == nil {
		s.learned = &lessons{first: now}
	}
	return s.learned
}

// teach moves the knob that the refusal speaks of. It reports whether that was
// something new.
func (s *scope) teach(l *lessons, now time.Time, o Outcome, r refusal, c *Change) bool {
	switch limit := o.Verdict.Limit; {
	case limit == classify.LimitRecipientRate:
		if l.recipients == nil {
			l.recipients = new(newPace(now, int(s.tally.recipients), s.tally.since()))
		}
		return l.recipients.refuse(now, r.begun)
	case limit == classify.LimitMessageRate, limit == classify.LimitConnectionRate:
	case !r.news:
		return false
	case limit == classify.LimitConnections && r.atOnce > 1:
		s.narrow(l, now, r.atOnce-1, c)
		return true
	case limit == classify.LimitMessagesPerConnection && r.ordinal > 1:
		lower(&l.caps.perConnection, r.ordinal-1, c)
		return true
	case limit == classify.LimitRecipientsPerMessage && o.Recipients > 0:
		lower(&l.caps.perMessage, o.Recipients, c)
		return true
	case limit == classify.LimitQuota:
		if o.Verdict.RetryAfter == 0 {
			l.hint(now, suspension)
		}
		s.window = 1 // what waits goes out slowly when that is over
		return true
	}
	// A message rate. So is what is refused to the only connection, to its first
	// message, or to the only recipient: fewer is not possible, but slower is.
	if l.messages.born.IsZero() {
		l.messages = newPace(now, int(s.tally.messages), s.tally.since())
	}
	return l.messages.refuse(now, r.begun)
}

// narrow sets the window to what a refusal has shown to be the cap.
func (s *scope) narrow(l *lessons, now time.Time, room int, c *Change) {
	c.From = float64(s.window)
	s.window = max(min(int32(room), s.window), 1)
	l.connections.refused(now, int(s.window))
	c.To = float64(s.window)
}

// lower sets a cap to what was accepted before a refusal.
func lower(limit *int, accepted int, c *Change) {
	c.From = float64(*limit)
	*limit = lowered(*limit, accepted)
	c.To = float64(*limit)
}
