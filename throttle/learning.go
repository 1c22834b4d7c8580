package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Outcome is the outcome of a transaction. The zero Outcome is that of a transaction
// without an answer, because its connection had been in use and was gone.
type Outcome struct {
	Accepted   int              // the number of recipients delivered
	Stage      classify.Stage   // the stage that the verdict came from
	Verdict    classify.Verdict // the verdict that names a limit, if any does
	Recipients int              // the number of RCPTs accepted before the refusal
	Behind     int              // the number of recipients accepted behind one that was refused at RCPT
	Err        error            // the reply, kept as evidence
	Unsent     bool             // whether nothing of the message was sent after the last RCPT
	TooSoon    bool             // whether the server took nothing behind the dot of the message before, which says nothing of the message or a limit
	Blamed     int              // the number of recipients refused for a reason that speaks of the sender; 0 is 1 with such a Verdict
	Message    uint64           // a number that tells the message from others; 0 is unknown: it counts as another
	inferred   bool             // whether the verdict did not name the limit that it is taken for
}

// Change is one lesson: a learned limit, a pause after a refusal, the rest of an
// endpoint or its end, or the opening or closing of a breaker.
type Change struct {
	Time  time.Time
	Scope string // "endpoint" or "destination"
	Name  string
	Limit classify.Limit // the limit that was learned; LimitNone for a rest or its end
	// From and To are the limit before and after: connections, messages or
	// recipients, those of rates per second. 0 is none; both are 0 when only a
	// pause begins. A limit that stays as it is makes no Change.
	From, To float64
	Until    time.Time // the end of a pause; zero when there is none
	Reason   error     // the reply or error that taught it; nil when it is back, or when a rate was found
	// Breaker is set for a breaker: with a Reason it has opened, else it has closed.
	// That of a destination concerns its mail through the endpoint Via, and one with
	// a Sender the mail of that domain only.
	Breaker bool
	Via     string
	Sender  string
}

// refusal is a refusal as its scope sees it, beside the Outcome.
type refusal struct {
	begun      time.Time // the time at which the try began
	news       bool      // whether it began after the last lesson
	ordinal    int       // of the message on its connection
	recipients int       // of the transaction
	atOnce     int       // connections, or transactions, this one included
	size       int       // bytes of the message
	generation int32     // the Scheduler's, for meters that are fitted
}

// succeeded learns from a transaction in which the receiver took something.
// opening is the number of connections that are being opened and not yet in use by
// the scope.
func (s *scope) succeeded(now, begun time.Time, recipients, size int, opening int32) []Change {
	var changes []Change
	if s.recent.count(now, recipients); s.learned() != nil {
		changes = s.learns(now, begun, recipients, size)
	}
	s.grow(now, opening)
	return changes
}

// passed counts a transaction that no rate of this scope has stopped.
func (s *scope) passed(now, begun time.Time, n, size int) (changes []Change) {
	if s.recent.count(now, n); s.learned() != nil {
		return s.learns(now, begun, n, size)
	}
	return nil
}

// learns tells the lessons and the learned meters of a transaction that passed.
func (s *scope) learns(now, begun time.Time, n, size int) (changes []Change) {
	if s.stale(now) && !s.keepsToRate() {
		s.forget()
		return nil
	}
	s.state.learned.perMessage.accepted(now, n)
	l := message(n, size)
	for _, m := range s.meters() {
		if m.kind.unit == connections || m.lifted {
			continue
		}
		if c, changed := s.accepted(now, begun, m, l.of(m.kind.unit)); changed {
			changes = append(changes, c)
		}
	}
	return changes
}

// accepted notes in a meter what was accepted, and returns the change that this
// makes.
func (s *scope) accepted(now, begun time.Time, m fitted, n int) (Change, bool) {
	r, learns := m.meter.(*learnedRate)
	if !learns {
		return Change{}, false
	}
	was := r.perSecond()
	changed := m.meter.accepted(now, begun, n)
	return Change{Time: now, Scope: s.kind.String(), Name: s.name, Limit: m.kind.limit, From: was, To: r.perSecond()}, changed
}

// grow raises the concurrency by one after a success. Before the first refusal it is up to
// twice the number in use. That includes connections being opened, so the number
// doubles in the time that it takes to open one. Afterwards all of it must be in use.
func (s *scope) grow(now time.Time, opening int32) {
	switch l := s.learned(); {
	case int(s.concurrency) >= ceiling(s.limits.Connections) || l != nil && l.stated > 0 && int(s.concurrency) >= l.stated:
	case l == nil:
		if s.concurrency < 2*(s.inUse+opening) {
			s.concurrency++
		}
	case s.inUse < s.concurrency:
	default:
		s.concurrency = int32(l.connections.grown(now, int(s.concurrency)))
	}
}

// refused learns from a refusal that names a limit of this scope.
func (s *scope) refused(now time.Time, o Outcome, r refusal) []Change {
	l := s.learning(now, r.generation)
	s.heed(now, o.Verdict.Stated, r.atOnce, r.generation)
	c := Change{Time: now, Scope: s.kind.String(), Name: s.name, Limit: o.Verdict.Limit, Reason: o.Err}
	taught := s.teach(now, l, o, r, &c)
	s.hinted(now, l, o, r)
	if !taught {
		return nil
	}
	s.lessons++
	l.note(now, o.Verdict.Limit, o.Err)
	c.Until = s.pausedUntil(now)
	if c.From == c.To && c.Until.IsZero() {
		return nil
	}
	return []Change{c}
}

// hinted obeys the delay that the refusal asks for. One for a cap is for what was beyond
// it: those recipients, or a further connection. What stays within the cap goes on.
func (s *scope) hinted(now time.Time, l *learned, o Outcome, r refusal) {
	d := o.Verdict.RetryAfter
	switch limit := o.Verdict.Limit; {
	case d == 0:
	case limit == classify.LimitConnections && r.atOnce > 1:
		l.connections.putOff(now, d)
	case limit == classify.LimitMessagesPerConnection && r.ordinal > 1, limit == classify.LimitRecipientsPerMessage && o.Recipients > 0:
	default:
		l.pause.hint(now, d)
	}
}

// teach adjusts the limit that the refusal names. It reports whether the
// refusal told something new.
func (s *scope) teach(now time.Time, l *learned, o Outcome, r refusal, c *Change) bool {
	switch limit := o.Verdict.Limit; {
	case countsBytes(o):
		return s.refusedBytes(now, o, r)
	case s.countsRecipients(o, r):
		return s.refusedRecipients(now, o, r)
	case limit == classify.LimitMessageRate, limit == classify.LimitConnectionRate:
	case !r.news:
		return false
	case limit == classify.LimitConnections && r.atOnce > 1:
		s.narrow(now, l, r.atOnce-1, c)
		return true
	case limit == classify.LimitMessagesPerConnection && l.caps(r.ordinal, c):
		return true
	case limit == classify.LimitRecipientsPerMessage && afterAll(o):
		return l.splits(now, o, c)
	case limit == classify.LimitRecipientsPerMessage && o.Recipients > 0:
		l.capsRecipients(now, r.recipients, o.Recipients, c)
		return true
	case limit == classify.LimitQuota:
		if o.Verdict.RetryAfter == 0 {
			l.pause.hint(now, suspension)
		}
		s.concurrency = 1 // what waits goes out slowly when that is over
		return true
	}
	// A rate of messages; see meansRate.
	rate := s.learnRate(now, learnedMessagesKind, int(s.recent.messages), s.recent.since(), r.generation)
	return rate.refusedFor(now, r.begun, 1, false, o.Verdict.RetryAfter)
}

// meansRate reports whether a refusal is for the rate of messages. One to the only
// connection, to its first message or to the only recipient counts as one: fewer is
// impossible, slower is not.
func meansRate(o Outcome, r refusal) bool {
	switch o.Verdict.Limit {
	case classify.LimitMessageRate, classify.LimitConnectionRate:
		return true
	case classify.LimitConnections:
		return r.atOnce <= 1
	case classify.LimitMessagesPerConnection:
		return r.ordinal <= 1
	case classify.LimitRecipientsPerMessage:
		return o.Recipients == 0
	}
	return false
}

// narrow lowers the concurrency to the cap that a refusal has shown.
func (s *scope) narrow(now time.Time, l *learned, room int, c *Change) {
	c.From = float64(s.concurrency)
	s.concurrency = max(min(int32(room), s.concurrency), 1)
	l.connections.refused(now, int(s.concurrency))
	c.To = float64(s.concurrency)
}

// capsRecipients sets the cap of the recipients of a transaction to the number of n that
// was accepted before a refusal.
func (l *learned) capsRecipients(now time.Time, n, accepted int, c *Change) {
	c.From = float64(l.perMessage.cap())
	if l.perMessage == nil {
		l.perMessage = &atOnce{}
	}
	l.perMessage.refused(now, n, accepted, true)
	c.To = float64(l.perMessage.cap())
}
