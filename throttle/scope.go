package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

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
	learned                        *lessons // nil until something was refused
	taught                         int      // lessons so far; see Grant
	pace                           pace     // of messages
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
	if s.learned != nil {
		later(s.learned.at(now, s.flying))
		later(s.pace.at())
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
	s.pace.take(now, 1)
	if s.learned != nil {
		s.learned.recipients.take(now, n)
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
}

// asked notes that all RCPTs are on the wire.
func (s *scope) asked(now time.Time, n int) {
	if s.recipients != nil {
		s.recipients.wrote(now, n)
	}
}

// unwritten gives back what a message that was not sent has taken.
func (s *scope) unwritten(now time.Time, n int) {
	s.pace.back(now, 1)
	if s.learned != nil {
		s.learned.recipients.back(now, n)
	}
	if s.messages != nil {
		s.messages.back(now, 1)
	}
	if s.quota != nil {
		s.quota.back(now)
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
	return l.MessageRate.Count > 0 || l.RecipientRate.Count > 0 || l.Quota.Count > 0 ||
		s.pace.base > 0 || s.learned != nil && s.learned.paced()
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
	if s.learned != nil && s.learned.opening.until.After(t) {
		t = s.learned.opening.until
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
}

// recipientsAtOnce is how many recipients one transaction may have here.
func (s *scope) recipientsAtOnce() int {
	n := ceiling(s.limits.RecipientsPerMessage)
	if s.limits.RecipientRate.Count > 0 {
		n = min(n, max(s.limits.RecipientRate.Burst, 1))
	}
	if s.learned != nil && s.learned.perMessage > 0 {
		n = min(n, s.learned.perMessage)
	}
	return n
}

// messagesAtMost is how many messages one connection may carry here.
func (s *scope) messagesAtMost() int {
	n := ceiling(s.limits.MessagesPerConnection)
	if s.learned != nil && s.learned.perConnection > 0 {
		n = min(n, s.learned.perConnection)
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
		(s.learned == nil || s.learned.stale(now))
}

// succeeded learns from a transaction in which the receiver took something.
func (s *scope) succeeded(now time.Time, recipients int) {
	if s.learned != nil && s.learned.stale(now) {
		s.learned = nil
		s.pace.forget()
	}
	s.pace.counted(now, 1)
	if s.learned != nil {
		s.learned.recipients.counted(now, recipients)
		s.learned.messages.step = 0
	}
	s.grow(now)
}

// grow widens the window: with every success as long as it was never refused,
// slowly after that, and only when it is used.
func (s *scope) grow(now time.Time) {
	if s.busy < s.window || s.window >= ceiling(s.limits.Connections) {
		return
	}
	if s.learned == nil || s.learned.narrowed.IsZero() {
		s.window++
		return
	}
	if now.Sub(s.learned.narrowed) >= widenEvery {
		s.learned.narrowed = now
		s.window++
	}
}

// refusal is what a scope must know of a refusal, beside the Outcome.
type refusal struct {
	news    bool // the transaction began after the last lesson
	ordinal int  // of the message on its connection
	atOnce  int  // connections, or transactions, this one included
}

// refused learns from a refusal that names a limit of this scope.
func (s *scope) refused(now time.Time, o Outcome, r refusal) []Change {
	if o.Verdict.RetryAfter > 0 {
		s.lessons().messages.hint(now, o.Verdict.RetryAfter)
	}
	if !r.news {
		return nil
	}
	s.taught++
	l := s.learn(now, o.Err)
	c := Change{Time: now, Scope: s.kind, Name: s.name, Limit: o.Verdict.Limit, Reason: o.Err}
	s.teach(now, o, r, &c)
	if l.messages.until.After(c.Until) {
		c.Until = l.messages.until
	}
	return []Change{c}
}

func (s *scope) lessons() *lessons {
	if s.learned == nil {
		s.learned = &lessons{}
	}
	return s.learned
}

// learn keeps the evidence of a lesson.
func (s *scope) learn(now time.Time, evidence error) *lessons {
	l := s.lessons()
	l.last, l.evidence = now, evidence
	return l
}

// teach moves the knob that the refusal speaks of.
func (s *scope) teach(now time.Time, o Outcome, r refusal, c *Change) {
	l := s.learned
	switch o.Verdict.Limit {
	case classify.LimitConnections:
		c.From = s.window
		s.narrow(now, r.atOnce-1)
		c.To = s.window
		if r.atOnce <= 1 {
			l.messages.lengthen(now)
		}
	case classify.LimitMessagesPerConnection:
		if r.ordinal <= 1 { // not even one: it is something else that is limited
			l.messages.lengthen(now)
			return
		}
		c.From, c.To = l.perConnection, lower(l.perConnection, r.ordinal-1)
		l.perConnection = c.To
	case classify.LimitRecipientsPerMessage:
		if o.Recipients < 1 {
			l.messages.lengthen(now)
			return
		}
		c.From, c.To = l.perMessage, lower(l.perMessage, o.Recipients)
		l.perMessage = c.To
	case classify.LimitQuota:
		if o.Verdict.RetryAfter == 0 {
			l.messages.hint(now, suspension)
		}
	case classify.LimitRecipientRate:
		c.From = int(l.recipients.rate(now))
		l.recipients.refused(now)
		c.To = int(l.recipients.rate(now))
		l.messages.lengthen(now)
	default: // message rate; a connection rate that shows itself at MAIL
		c.From = int(s.pace.rate(now))
		s.pace.refused(now)
		c.To = int(s.pace.rate(now))
		l.messages.lengthen(now)
	}
}

// lower is the lower of two caps, of which the first is zero when there is none.
func lower(known, refused int) int {
	if known == 0 {
		return refused
	}
	return min(known, refused)
}

// narrow sets the window to what a refusal has shown to be the cap.
func (s *scope) narrow(now time.Time, to int) {
	s.window = max(min(to, s.window), 1)
	s.learned.narrowed = now
}
