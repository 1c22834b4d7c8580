package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// suspension is how long a refused quota stops what it counts when the
	// reply does not say: shorter than the day that most are counted by, and
	// long enough to cost few tries.
	suspension = time.Hour
	// lessonLife is how long a lesson is remembered after the last refusal:
	// mail that is sent daily finds what it has learned the day before.
	lessonLife = 26 * time.Hour
	// longestEvidence is how much of a reply is kept.
	longestEvidence = 240
)

// lessons is what refusals have taught about a scope.
type lessons struct {
	first    time.Time      // the first lesson
	last     time.Time      // of the last lesson
	limit    classify.Limit // what it was about
	evidence string         // the reply that taught it

	until       time.Time // no transaction before: a hint, or a suspension
	connections connections
	caps        caps
	messages    pace
	recipients  *pace
	openings    *pace  // connections over time
	opening     breath // before the next connection, when one could not be opened
}

// at is when the next transaction may begin.
func (l *lessons) at(now time.Time, flying int) time.Time {
	t := l.until
	if u := l.messages.at(now, flying); u.After(t) {
		t = u
	}
	if l.recipients != nil {
		if u := l.recipients.at(now, flying); u.After(t) {
			t = u
		}
	}
	return t
}

// openAt is when the next connection may be opened.
func (l *lessons) openAt(now time.Time) time.Time {
	t := l.opening.until
	if l.openings != nil {
		if u := l.openings.at(now, 0); u.After(t) {
			t = u
		}
	}
	return t
}

func (l *lessons) take(now time.Time, recipients int) {
	l.messages.take(now, 1)
	if l.recipients != nil {
		l.recipients.take(now, recipients)
	}
}

func (l *lessons) back(recipients int) {
	l.messages.back(1)
	if l.recipients != nil {
		l.recipients.back(recipients)
	}
}

// paced reports whether transactions go one at a time or at a learned rate.
func (l *lessons) paced() bool {
	busy := func(p *pace) bool { return p.known() || p.outage.lasts() }
	return busy(&l.messages) || l.recipients != nil && busy(l.recipients)
}

// hint obeys a delay that the receiver asked for.
func (l *lessons) hint(now time.Time, d time.Duration) {
	if until := now.Add(min(d, longestHint)); until.After(l.until) {
		l.until = until
	}
}

// pausedUntil is when transactions and connections go again; zero when they do.
func (l *lessons) pausedUntil(now time.Time) (until time.Time) {
	latest := func(t time.Time) {
		if t.After(now) && t.After(until) {
			until = t
		}
	}
	latest(l.until)
	latest(l.opening.until)
	latest(l.messages.outage.until)
	if l.recipients != nil {
		latest(l.recipients.outage.until)
	}
	if l.openings != nil {
		latest(l.openings.outage.until)
	}
	return until
}

func (l *lessons) stale(now time.Time) bool {
	return now.Sub(l.last) > lessonLife && l.pausedUntil(now).IsZero()
}

func (l *lessons) learn(now time.Time, limit classify.Limit, evidence error) {
	l.last, l.limit = now, limit
	if evidence != nil {
		l.evidence = evidence.Error()
		if len(l.evidence) > longestEvidence {
			l.evidence = string([]byte(l.evidence[:longestEvidence])) // the rest may be large
		}
	}
}
