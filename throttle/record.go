package throttle

import (
	"fmt"
	"math"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// warmRecord is what was sent in a warm-up: days and hours count from its
// start.
type warmRecord struct {
	Day    int `json:"day"`
	Hour   int `json:"hour"`
	Today  int `json:"today"`
	Lately int `json:"this_hour"`
}

// lessonRecord is what was learned.
type lessonRecord struct {
	Age           float64     `json:"age"` // since the last lesson
	Limit         string      `json:"limit"`
	Evidence      string      `json:"evidence,omitempty"`
	Pause         float64     `json:"pause,omitempty"` // that is left
	Connections   int         `json:"connections_refused,omitempty"`
	Test          float64     `json:"connections_test,omitempty"` // in so long
	TestGap       float64     `json:"connections_test_gap,omitempty"`
	PerConnection int         `json:"messages_per_connection,omitempty"`
	PerMessage    int         `json:"recipients_per_message,omitempty"`
	Messages      *paceRecord `json:"messages,omitempty"`
	Recipients    *paceRecord `json:"recipients,omitempty"`
	Openings      *paceRecord `json:"connection_rate,omitempty"`
}

// paceRecord is a rate that was found.
type paceRecord struct {
	Level   float64 `json:"per_second"`
	Depth   float64 `json:"depth"`
	Reach   float64 `json:"reach"`
	AtFirst float64 `json:"at_first,omitempty"`
	FirstIn float64 `json:"first_in,omitempty"`
	Turn    float64 `json:"turned,omitempty"` // so long ago; 0: it is no window
	Hourly  bool    `json:"hourly,omitempty"`
}

func (s *scope) record(now time.Time) scopeRecord {
	return scopeRecord{Used: s.usedRecord(now), Warm: s.used.warmRecord(), Lessons: s.lessonRecord(now)}
}

func (s *scope) usedRecord(now time.Time) *usedRecord {
	if s.used == nil {
		return nil
	}
	var u usedRecord
	for _, b := range []struct {
		bucket *bucket
		used   *float64
	}{{s.used.messages, &u.Messages}, {s.used.recipients, &u.Recipients}, {s.used.openings, &u.Openings}} {
		if b.bucket != nil {
			*b.used = b.bucket.used(now)
		}
	}
	if s.used.quota != nil {
		u.Quota = s.used.quota.record(now)
	}
	if u.Messages == 0 && u.Recipients == 0 && u.Openings == 0 && len(u.Quota) == 0 {
		return nil
	}
	return &u
}

// aged is u after a time: buckets fill up at a rate that only their limits
// know, so only the quota ages here.
func (u *usedRecord) aged(by time.Duration) *usedRecord {
	if u == nil {
		return nil
	}
	older := *u
	older.Quota = nil
	for _, q := range u.Quota {
		older.Quota = append(older.Quota, slotRecord{q.Age + seconds(by), q.N})
	}
	return &older
}

// used is what b lacks to be full.
func (b *bucket) used(now time.Time) float64 {
	return max(float64(b.burst)-b.limiter.TokensAt(b.advanced(now)), 0)
}

// restore uses tokens of a new bucket, of which so many were used that long
// ago: as if whole tokens had been used a little earlier.
func (b *bucket) restore(now time.Time, used float64, passed time.Duration) {
	whole := math.Ceil(min(used, float64(b.burst)))
	since := passed + duration(max(whole-used, 0)/float64(b.limiter.Limit()))
	b.limiter.AllowN(now.Add(-since), int(whole))
	b.clock = now
}

func (w *window) record(now time.Time) (slots []slotRecord) {
	at := w.advance(now)
	for _, s := range w.log {
		slots = append(slots, slotRecord{seconds(at.Sub(s.at)), s.n})
	}
	if w.held > 0 { // they may be written yet
		slots = append(slots, slotRecord{0, w.held})
	}
	return slots
}

func (w *window) restore(now time.Time, slots []slotRecord, passed time.Duration) {
	for _, s := range slots {
		if at := now.Add(-passed - duration(s.Age)); s.N > 0 && now.Sub(at) < w.quota.Per {
			w.enter(at, s.N)
		}
	}
	w.advance(now)
}

func (s *limiters) warmRecord() *warmRecord {
	if s == nil || s.warm == nil {
		return nil
	}
	w := s.warm
	if w.today == 0 && w.held == 0 {
		return nil
	}
	return &warmRecord{Day: w.day, Hour: w.hour, Today: w.today + w.held, Lately: w.lately + w.held}
}

func (w *warming) restore(r *warmRecord) {
	if r != nil {
		w.day, w.hour, w.today, w.lately = r.Day, r.Hour, r.Today, r.Lately
	}
}

func (s *scope) lessonRecord(now time.Time) *lessonRecord {
	l := s.learned
	if l == nil || l.stale(now) {
		return nil
	}
	r := &lessonRecord{
		Age: seconds(now.Sub(l.last)), Limit: l.limit.String(), Evidence: l.evidence,
		Connections: l.connections.failed, PerConnection: l.caps.perConnection, PerMessage: l.caps.perMessage,
		Messages: l.messages.record(now), Recipients: l.recipients.record(now), Openings: l.openings.record(now),
	}
	if until := l.pausedUntil(now); !until.IsZero() {
		r.Pause = seconds(until.Sub(now))
	}
	if r.Connections > 0 {
		r.Test, r.TestGap = seconds(l.connections.test.Sub(now)), seconds(l.connections.gap)
	}
	return r
}

func (p *pace) record(now time.Time) *paceRecord {
	if p == nil || !p.known() {
		return nil
	}
	r := &paceRecord{
		Level: p.level, Depth: p.depth, Reach: p.reach, AtFirst: p.atFirst, FirstIn: seconds(p.firstIn),
		Hourly: p.recent.width == hourSlot,
	}
	if !p.turn.IsZero() {
		r.Turn = max(seconds(now.Sub(p.turn)), 1e-9)
	}
	return r
}

func (r *lessonRecord) validate() error {
	if err := positive("lessons", r.Age, r.Pause, float64(r.Connections), r.Test, r.TestGap, float64(r.PerConnection), float64(r.PerMessage)); err != nil {
		return err
	}
	var limit classify.Limit
	if err := limit.UnmarshalText([]byte(r.Limit)); err != nil {
		return fmt.Errorf("lessons: limit: %w", err)
	}
	for _, p := range []*paceRecord{r.Messages, r.Recipients, r.Openings} {
		if p == nil {
			continue
		}
		if err := positive("lessons: rate", p.Level, p.Depth, p.Reach, p.AtFirst, p.FirstIn, p.Turn); err != nil {
			return err
		}
		if p.Level < 1/longestSpace.Seconds() || p.Depth > deepest || p.Reach < 1 {
			return fmt.Errorf("lessons: a rate of %v a second that begins %v below and reaches it after %v: want from one a day, at most %v, from 1",
				p.Level, p.Depth, p.Reach, deepest)
		}
	}
	return nil
}

// restore takes over what a record says, unless something is known already.
func (s *scope) restore(now time.Time, r scopeRecord, passed time.Duration) {
	if s.used != nil {
		s.used.restore(s.limits, now, r, passed)
	}
	s.restoreLessons(now, r.Lessons, passed)
}

func (s *limiters) restore(l *Limits, now time.Time, r scopeRecord, passed time.Duration) {
	if u := r.Used; u != nil {
		restoreBucket(&s.messages, l.MessageRate, u.Messages, now, passed)
		restoreBucket(&s.recipients, l.RecipientRate, u.Recipients, now, passed)
		restoreBucket(&s.openings, l.ConnectionRate, u.Openings, now, passed)
		if s.quota == nil && l.Quota.Count > 0 {
			s.quota = newWindow(l.Quota)
			s.quota.restore(now, u.Quota, passed)
		}
	}
	if s.warm != nil && s.warm.empty(now) {
		s.warm.restore(r.Warm)
	}
}

func restoreBucket(b **bucket, limit Rate, used float64, now time.Time, passed time.Duration) {
	if *b == nil && limit.Count > 0 && used > 0 {
		*b = newBucket(limit)
		(*b).restore(now, used, passed)
	}
}

func (s *scope) restoreLessons(now time.Time, r *lessonRecord, passed time.Duration) {
	if r == nil || s.learned != nil {
		return
	}
	last := now.Add(-passed - duration(r.Age))
	l := &lessons{first: last, last: last, evidence: r.Evidence[:min(len(r.Evidence), longestEvidence)]}
	if l.limit.UnmarshalText([]byte(r.Limit)) != nil {
		return
	}
	l.until = now.Add(min(duration(r.Pause), longestHint) - passed)
	l.caps = caps{perConnection: r.PerConnection, perMessage: r.PerMessage}
	if r.Connections > 0 {
		l.connections = connections{
			failed: max(r.Connections, 2), test: now.Add(min(duration(r.Test), longestTest) - passed),
			gap: min(max(duration(r.TestGap), firstTest/8), longestTest),
		}
	}
	if p := r.Messages.pace(now, passed); p != nil {
		l.messages = *p
	}
	l.recipients, l.openings = r.Recipients.pace(now, passed), r.Openings.pace(now, passed)
	if !l.stale(now) {
		s.learned = l
	}
}

// pace is the rate as it was just after its last refusal.
func (r *paceRecord) pace(now time.Time, passed time.Duration) *pace {
	if r == nil {
		return nil
	}
	p := &pace{
		level: r.Level, depth: r.Depth, reach: r.Reach, next: now, since: now, born: now.Add(-passed),
		ended: now, estimates: wellKnown, atFirst: r.AtFirst, firstIn: duration(r.FirstIn),
	}
	if r.Hourly {
		p.recent.width = hourSlot
	}
	if r.Turn > 0 {
		p.turn = now.Add(-passed - duration(r.Turn))
	}
	return p
}
