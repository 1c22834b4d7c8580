package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// suspension is the time for which a refused quota stops what it counts,
	// when the reply gives none. It is shorter than the day that most quotas
	// run over, and long enough to cost few tries.
	suspension = time.Hour
	// lessonLife is the time for which a lesson is remembered after the last
	// refusal. Mail that is sent daily finds the lessons of the day before.
	lessonLife = 26 * time.Hour
	// longestEvidence is the number of bytes that are kept of a reply.
	longestEvidence = 240
	// firstPause and longestPause bound the pauses before the next connection.
	firstPause   = time.Second
	longestPause = time.Minute
)

// learned holds the lessons of refusals to a scope, beside its learned meters.
type learned struct {
	first    time.Time      // the time of the first lesson
	last     time.Time      // the time of the last lesson
	limit    classify.Limit // the limit that the last lesson was about
	evidence string         // the reply that taught the last lesson

	pause       pause   // before the next transaction: a hint, or a suspension
	backoff     backoff // before the next connection, when one could not be opened
	connections connectionCap
	stated      int // the number of connections that a refusal has stated as the most; 0 for none

	perConnection messageCap
	ordinals      *ordinals // of refusals for a rate that end their connection; nil before the first
	perMessage    *atOnce   // nil before a number of recipients was refused
}

// learned returns the lessons of refusals; nil when nothing was refused.
func (s *scope) learned() *learned {
	if s.state == nil {
		return nil
	}
	return s.state.learned
}

// learning returns the lessons of refusals, and makes them when it is first
// called.
func (s *scope) learning(now time.Time, generation int32) *learned {
	if l := s.learned(); l != nil {
		return l
	}
	l := &learned{first: now}
	s.fit(&l.pause, pauseKind, generation)
	s.fit(&l.backoff, backoffKind, generation)
	s.state.learned = l
	return l
}

// forget drops what was learned.
func (s *scope) forget() {
	s.drop(func(m fitted) bool { return m.kind.learned })
	if s.state != nil {
		s.state.learned, s.state.inferred = nil, nil
	}
}

// unlearn drops what was learned of one limit, and the pause for it.
func (s *scope) unlearn(limit classify.Limit) {
	s.drop(func(m fitted) bool { return m.kind.learned && m.kind.limit == limit })
	if l := s.learned(); l != nil && l.limit == limit {
		l.pause = pause{}
	}
}

// rate returns a learned rate; nil when none was learned.
func (s *scope) rate(kind *meterKind) *learnedRate {
	r, _ := s.meter(kind).(*learnedRate)
	return r
}

// pausedUntil returns the time at which transactions and connections go again;
// zero when they do now.
func (s *scope) pausedUntil(now time.Time) (until time.Time) {
	l := s.learned()
	if l == nil {
		return time.Time{}
	}
	latest := func(t time.Time) {
		if t.After(now) && t.After(until) {
			until = t
		}
	}
	latest(l.pause.until)
	latest(l.backoff.until)
	for _, m := range s.meters() {
		if r, ok := m.meter.(*learnedRate); ok {
			latest(r.outage.until)
		}
	}
	return until
}

// stale reports whether the lessons are too old to go by.
func (s *scope) stale(now time.Time) bool {
	l := s.learned()
	return l == nil || now.Sub(l.last) > lessonLife && s.pausedUntil(now).IsZero()
}

// keepsToRate reports whether the last message had to wait for a learned rate: that
// nothing is refused tells nothing then.
func (s *scope) keepsToRate() bool {
	for _, m := range s.meters() {
		if r, ok := m.meter.(*learnedRate); ok && m.kind.unit != connections && !m.lifted && r.spaces() {
			return true
		}
	}
	return false
}

// note keeps the last lesson.
func (l *learned) note(now time.Time, limit classify.Limit, why error) {
	l.last, l.limit, l.pause.quota = now, limit, limit == classify.LimitQuota
	if why != nil {
		l.evidence = evidence(why)
	}
}

// evidence returns what is kept of a reply or an error.
func evidence(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if len(text) > longestEvidence {
		text = string([]byte(text[:longestEvidence])) // the rest may be large
	}
	return text
}

// lowered returns the lower of a cap, of which zero is none, and what was
// accepted before a refusal.
func lowered(known, accepted int) int {
	if known == 0 {
		return accepted
	}
	return min(known, accepted)
}

// pause is a meter that lets nothing go before a time. A receiver has asked for it.
type pause struct {
	until time.Time
	quota bool // whether a quota was refused
}

// hint obeys a delay that the receiver has asked for.
func (p *pause) hint(now time.Time, d time.Duration) {
	if until := now.Add(min(d, longestHint)); until.After(p.until) {
		p.until = until
	}
}

func (p *pause) at(time.Time, int) time.Time             { return p.until }
func (p *pause) take(time.Time, int)                     {}
func (p *pause) commit(time.Time, int)                   {}
func (p *pause) release(time.Time, int)                  {}
func (p *pause) accepted(time.Time, time.Time, int) bool { return false }
func (p *pause) asNew(now time.Time) bool                { return !p.until.After(now) }
func (p *pause) spaces() bool                            { return false }

func (p *pause) explain(time.Time) (string, time.Time) {
	if p.quota {
		return classify.LimitQuota.String(), p.until
	}
	return "hint", p.until
}

// record keeps nothing: the longest pause of all is part of the lessons.
func (p *pause) record(time.Time) (meterRecord, bool)          { return meterRecord{}, false }
func (p *pause) restore(time.Time, meterRecord, time.Duration) {}

// backoff is a pause before the next connection that doubles until one is
// opened.
type backoff struct {
	pause
	failures
}

// backoffName is the name of the limit in explanations.
const backoffName = "opening"

func (b *backoff) lengthen(now time.Time) {
	b.step = min(max(2*b.step, firstPause), longestPause)
	b.hint(now, b.step)
}

func (b *backoff) explain(time.Time) (string, time.Time) { return backoffName, b.until }
