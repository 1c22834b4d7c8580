package throttle

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/smtpace/smtpace/classify"
)

// warmUpRecord is the mail sent in a warm-up. Days and hours count from its
// start.
type warmUpRecord struct {
	Day      int `json:"day"`
	Hour     int `json:"hour"`
	Today    int `json:"today"`
	ThisHour int `json:"this_hour"`
}

// lessonRecord has the lessons of a scope. Times are in seconds.
type lessonRecord struct {
	Age           float64 `json:"age"` // since the last lesson
	Limit         string  `json:"limit"`
	Evidence      string  `json:"evidence,omitempty"`
	Pause         float64 `json:"pause,omitempty"` // the pause that is left
	Connections   int     `json:"connections_refused,omitempty"`
	Test          float64 `json:"connections_test,omitempty"` // until the next test
	TestGap       float64 `json:"connections_test_gap,omitempty"`
	PerConnection int     `json:"messages_per_connection,omitempty"`
	PerMessage    int     `json:"recipients_per_message,omitempty"`
}

// estimateRecord is a rate that was found. Times are in seconds.
type estimateRecord struct {
	Level   float64 `json:"per_second"`
	Depth   float64 `json:"depth"`
	Reach   float64 `json:"reach"`
	AtFirst float64 `json:"at_first,omitempty"`
	FirstIn float64 `json:"first_in,omitempty"`
	Turn    float64 `json:"turned,omitempty"` // since the end of a window; 0 when there is none
	Window  float64 `json:"window,omitempty"` // seconds that the receiver counts over; 0 is a minute
	Unit    float64 `json:"unit,omitempty"`   // the bytes that count as one; 0 for other rates
	// Confirmed is the number of refusals that have shown the rate, up to wellKnown, and
	// Ago the time since the last. A rate on trial has none.
	Confirmed int     `json:"confirmed,omitempty"`
	Ago       float64 `json:"confirmed_ago,omitempty"`
}

// meterRecord is the part of a snapshot for one meter.
type meterRecord struct {
	Used  float64         `json:"used,omitempty"`  // tokens that a bucket lacks to be full
	Slots []slotRecord    `json:"slots,omitempty"` // what a quota has counted, the oldest first
	Warm  *warmUpRecord   `json:"warm_up,omitempty"`
	Rate  *estimateRecord `json:"rate,omitempty"` // a learned rate
}

// slotRecord is N events of that age, in seconds.
type slotRecord struct {
	Age float64 `json:"age"`
	N   int     `json:"n"`
}

// aged returns r as it is after a time. Only a quota ages here: buckets fill up
// at a rate that only their limits know.
func (r meterRecord) aged(by time.Duration) meterRecord {
	slots := r.Slots
	r.Slots = nil
	for _, q := range slots {
		r.Slots = append(r.Slots, slotRecord{q.Age + seconds(by), q.N})
	}
	return r
}

func (r meterRecord) validate() error {
	if err := positive("used", r.Used); err != nil {
		return err
	}
	if len(r.Slots) > 2*maxSlots {
		return fmt.Errorf("it has %d slots, want %d at most", len(r.Slots), 2*maxSlots)
	}
	for _, q := range r.Slots {
		if err := positive("slots", q.Age, float64(q.N)); err != nil {
			return err
		}
	}
	if w := r.Warm; w != nil {
		if err := positive("warm_up", float64(w.Day), float64(w.Hour), float64(w.Today), float64(w.ThisHour)); err != nil {
			return err
		}
	}
	return r.Rate.validate()
}

func (s *scope) record(now time.Time) scopeRecord {
	r := scopeRecord{Lessons: s.lessonRecord(now)}
	for _, m := range s.meters() {
		if m.kind.learned && r.Lessons == nil {
			continue
		}
		if kept, any := m.record(now); any {
			if i := s.inferred(); i != nil && i.phase == onTrial && kept.Rate != nil && m.meter == meter(i.rate) {
				kept.Rate.Confirmed = 0
			}
			if r.Meters == nil {
				r.Meters = map[string]meterRecord{}
			}
			r.Meters[m.kind.name] = kept
		}
	}
	return r
}

func (s *scope) lessonRecord(now time.Time) *lessonRecord {
	l := s.learned()
	if l == nil || s.stale(now) {
		return nil
	}
	r := &lessonRecord{
		Age: seconds(now.Sub(l.last)), Limit: l.limit.String(), Evidence: l.evidence,
		Connections: l.connections.failed, PerConnection: int(l.perConnection.most), PerMessage: l.perMessage.cap(),
	}
	if until := s.pausedUntil(now); !until.IsZero() {
		r.Pause = seconds(until.Sub(now))
	}
	if r.Connections > 0 {
		r.Test, r.TestGap = seconds(l.connections.test.Sub(now)), seconds(l.connections.gap)
	}
	return r
}

func (p *rateEstimate) record(now time.Time) *estimateRecord {
	r := &estimateRecord{
		Level: p.level, Depth: p.depth, Reach: p.reach, AtFirst: p.atFirst, FirstIn: seconds(p.firstIn),
		Confirmed: int(p.estimates), Ago: seconds(now.Sub(p.ended)),
	}
	if span := p.recent.span(); span > time.Minute {
		r.Window = seconds(span)
	}
	if !p.windowEnd.IsZero() {
		r.Turn = max(seconds(now.Sub(p.windowEnd)), 1e-9)
	}
	return r
}

func (p *estimateRecord) validate() error {
	if p == nil {
		return nil
	}
	if err := positive("rate", p.Level, p.Depth, p.Reach, p.AtFirst, p.FirstIn, p.Turn, p.Window, p.Unit, float64(p.Confirmed), p.Ago); err != nil {
		return err
	}
	if p.Level < 1/longestSpace.Seconds() || p.Depth > deepest || p.Reach < 1 {
		return fmt.Errorf("a rate of %v a second that begins %v below and reaches it after %v: want from one a day, at most %v, from 1",
			p.Level, p.Depth, p.Reach, deepest)
	}
	return nil
}

func (r *lessonRecord) validate() error {
	if err := positive("lessons", r.Age, r.Pause, float64(r.Connections), r.Test, r.TestGap, float64(r.PerConnection), float64(r.PerMessage)); err != nil {
		return err
	}
	var limit classify.Limit
	if err := limit.UnmarshalText([]byte(r.Limit)); err != nil {
		return fmt.Errorf("lessons: limit: %w", err)
	}
	return nil
}

// restore takes over a record of that age, unless something is known already.
func (s *scope) restore(now time.Time, r scopeRecord, age time.Duration, generation int32) {
	for _, m := range s.meters() {
		if kept, ok := r.Meters[m.kind.name]; ok && !m.kind.learned {
			m.restore(now, kept, age)
		}
	}
	s.restoreLessons(now, r, age, generation)
}

// restoreLessons takes over what was learned, unless it is too old or something
// was learned since.
func (s *scope) restoreLessons(now time.Time, from scopeRecord, age time.Duration, generation int32) {
	r := from.Lessons
	if r == nil || s.learned() != nil {
		return
	}
	var limit classify.Limit
	if limit.UnmarshalText([]byte(r.Limit)) != nil {
		return
	}
	last := now.Add(-age - duration(r.Age))
	l := s.learning(last, generation)
	l.last, l.limit, l.evidence = last, limit, tidy(r.Evidence[:min(len(r.Evidence), longestEvidence)])
	l.pause.until = now.Add(min(duration(r.Pause), longestHint) - age)
	l.perConnection.most = int32(min(r.PerConnection, math.MaxInt32))
	if n := min(r.PerMessage, math.MaxInt32); n > 0 {
		l.perMessage = &atOnce{}
		l.perMessage.refused(last, n+1, n, true)
	}
	if r.Connections > 0 {
		s.concurrency = int32(min(max(r.Connections-1, 1), mostAtFirst))
		l.connections = connectionCap{
			failed: max(r.Connections, 2), test: now.Add(min(duration(r.Test), longestTest) - age),
			gap: min(max(duration(r.TestGap), firstTest/8), longestTest),
		}
	}
	for _, kind := range []*meterKind{learnedMessagesKind, learnedRecipientsKind, learnedOpeningsKind, learnedBytesKind} {
		if kept, ok := from.Meters[kind.name]; ok && kept.Rate != nil && (kind.unit == bytes) == (kept.Rate.Unit > 0) {
			s.learnRate(now, kind, 0, now, generation).restore(now, kept, age)
		}
	}
	if s.stale(now) {
		s.forget()
	}
}

// tidy returns a text of a snapshot with a blank for each character that is not
// printable: a snapshot may be damaged, and the text is shown.
func tidy(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, text)
}

// trustedFor is the time after which one refusal less counts as having confirmed a
// rate.
const trustedFor = 8 * time.Hour

// confidence returns the number of refusals that still count as having shown the rate,
// some time after the record was made.
func (r *estimateRecord) confidence(passed time.Duration) int {
	return max(min(r.Confirmed, wellKnown)-int((duration(r.Ago)+passed)/trustedFor), 0)
}

// estimate returns the estimate as it was just after its last refusal. One that is not
// well known is tested soon: the rate is above its level after a few messages.
func (r *estimateRecord) estimate(now time.Time, passed time.Duration) rateEstimate {
	p := rateEstimate{
		level: r.Level, depth: r.Depth, reach: r.Reach, next: now, since: now, born: now.Add(-passed),
		ended: now, estimates: wellKnown, atFirst: r.AtFirst, firstIn: duration(r.FirstIn),
	}
	if known := r.confidence(passed); known < wellKnown {
		p.estimates, p.reach = int8(known), min(p.reach, leastReach)
	}
	p.recent.covers(now, duration(r.Window))
	if r.Turn > 0 {
		p.windowEnd = now.Add(-passed - duration(r.Turn))
	}
	return p
}
