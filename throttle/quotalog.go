package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// maxSlots is about the number of entries that a quotaLog has at most.
const maxSlots = 1000

// quotaLog keeps a Quota. It logs the times at which events were written; those
// of the last Per count. An event that is taken counts until it is written, and
// from then on for Per.
//
// A quota of more than maxSlots is logged in slots of Per/maxSlots. The events
// of a slot count as if all had happened with the last of them, so that the
// quota is never exceeded and at most a thousandth of the time is lost.
//
// It is not safe for concurrent use. Time that goes backwards stands still.
type quotaLog struct {
	quota    Quota
	log      []slot    // the oldest first
	begun    time.Time // the time of the first event of the last slot
	sum      int       // the number of events in log
	reserved int       // events taken, and neither written nor released
	clock    time.Time // the latest time seen
}

// slot is a number of events that count as if all had happened at one time.
type slot struct {
	at time.Time
	n  int
}

// newQuotaLog returns an empty log; q is valid and not zero.
func newQuotaLog(q Quota) *quotaLog { return &quotaLog{quota: q} }

// at returns the earliest time from now on at which n more events may be taken
// if nothing else is taken before. It returns never while too many are
// reserved.
func (w *quotaLog) at(now time.Time, n int) time.Time {
	t := w.advance(now)
	excess := w.sum + w.reserved + n - w.quota.Count
	for _, s := range w.log {
		if excess <= 0 {
			break
		}
		t = s.at.Add(w.quota.Per)
		excess -= s.n
	}
	if excess > 0 {
		return never
	}
	return t
}

// take takes n events, which at has allowed.
func (w *quotaLog) take(_ time.Time, n int) { w.reserved += n }

// commit counts n of the reserved events as written.
func (w *quotaLog) commit(now time.Time, n int) {
	w.reserved -= n
	w.enter(w.advance(now), n)
}

// release returns n of the reserved events, which will not happen.
func (w *quotaLog) release(_ time.Time, n int) { w.reserved -= n }

// set changes the quota. Past events, as far back as the old quota counts, and
// reserved ones count for the new one.
func (w *quotaLog) set(now time.Time, q Quota) {
	w.advance(now)
	log := w.log
	w.quota, w.log, w.sum = q, nil, 0
	for _, s := range log {
		w.enter(s.at, s.n)
	}
}

// asNew reports whether w behaves like a new log.
func (w *quotaLog) asNew(now time.Time) bool {
	w.advance(now)
	return w.sum == 0 && w.reserved == 0
}

// enter logs n events, which are the latest.
func (w *quotaLog) enter(t time.Time, n int) {
	w.sum += n
	if last := len(w.log) - 1; last >= 0 && t.Sub(w.begun) < w.width() {
		w.log[last] = slot{at: t, n: w.log[last].n + n}
		return
	}
	w.log = append(w.log, slot{at: t, n: n})
	w.begun = t
}

// width returns the length of a slot. That of a small quota is one instant.
func (w *quotaLog) width() time.Duration {
	if w.quota.Count <= maxSlots {
		return 1
	}
	return max(w.quota.Per/maxSlots, 1)
}

// advance drops the events that no longer count. It returns now, or the latest
// time seen if that is later.
func (w *quotaLog) advance(now time.Time) time.Time {
	if now.Before(w.clock) {
		now = w.clock
	}
	w.clock = now
	for len(w.log) > 0 && now.Sub(w.log[0].at) >= w.quota.Per {
		w.sum -= w.log[0].n
		w.log = w.log[1:]
	}
	if len(w.log) == 0 {
		w.log = nil // gives the memory back
	}
	return now
}

func (w *quotaLog) accepted(time.Time, time.Time, int) bool { return false }
func (w *quotaLog) spaces() bool                            { return true }

func (w *quotaLog) explain(now time.Time) (string, time.Time) {
	return classify.LimitQuota.String(), w.at(now, 1)
}

func (w *quotaLog) record(now time.Time) (r meterRecord, any bool) {
	at := w.advance(now)
	for _, s := range w.log {
		r.Slots = append(r.Slots, slotRecord{seconds(at.Sub(s.at)), s.n})
	}
	if w.reserved > 0 { // they may be written yet
		r.Slots = append(r.Slots, slotRecord{0, w.reserved})
	}
	return r, len(r.Slots) > 0
}

func (w *quotaLog) restore(now time.Time, r meterRecord, age time.Duration) {
	if !w.asNew(now) {
		return
	}
	for _, s := range r.Slots {
		if at := now.Add(-age - duration(s.Age)); s.N > 0 && now.Sub(at) < w.quota.Per {
			w.enter(at, s.N)
		}
	}
	w.advance(now)
}
