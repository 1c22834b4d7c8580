package throttle

import (
	"math"
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// mostOver is the number of transactions under way beyond which some are being
	// delayed, in multiples of the number at the same rate without delays. Where that is
	// more than half of the connections it is less, down to leastOver. freeUnderWay is
	// the number that is allowed besides.
	mostOver     = 3
	leastOver    = 1.5
	freeUnderWay = 2
)

// learnedDelaysKind is the kind of a rate beyond which a receiver delays its answers.
var learnedDelaysKind = &meterKind{name: "rate without delays", unit: messages, limit: classify.LimitMessageRate, learned: true}

// delayRate is the meter of a rate beyond which a receiver delays its answers. A snapshot
// does not keep it.
type delayRate struct {
	rateEstimate
	scope *scope
	of    *tarpit
	idle  time.Duration // for which nothing was under way and nothing was to be sent
	stuck int           // transactions under way that were when an outage ended: these may be delayed
}

// newDelayRate returns a rate that begins at the throughput before the trial of t.
func newDelayRate(now time.Time, s *scope, t *tarpit) *delayRate {
	r := &delayRate{rateEstimate: newRateEstimate(now, 0, now), scope: s, of: t}
	r.level, r.strict = t.before, true
	r.setReach(deepest, leastReach)
	r.sent, r.next, r.ended = r.reach, now, now
	r.stuck = int(s.inFlight)
	return r
}

func (r *delayRate) at(now time.Time, n int) time.Time {
	return r.rateEstimate.at(now, int(r.scope.inFlight), n)
}

// take counts a message. Where many more are under way than the rate has when none is
// delayed, some are, although no answer says so yet. The time for which it waited for a
// connection counts, as those are delayed.
func (r *delayRate) take(now time.Time, n int) {
	since, lasted, under := r.since, r.outage.lasts(), int(r.scope.inFlight)
	r.rateEstimate.take(now, n)
	if under > 1 {
		r.since = since
	} else if r.since.After(since) {
		r.idle += r.since.Sub(since)
	}
	r.stuck = min(r.stuck, under-1)
	usual := r.rateEstimate.rate() * r.of.usual
	most := freeUnderWay + int(math.Ceil(max(leastOver*usual, min(mostOver*usual, float64(r.scope.inUse)/2))))
	if !lasted && under-r.stuck > most {
		r.refuse(now, now, under-r.stuck)
	}
}

// answered notes the end of a transaction that began at a time.
func (r *delayRate) answered(begun time.Time) {
	if !begun.After(r.ended) {
		r.stuck = max(r.stuck-1, 0)
	}
}

func (r *delayRate) commit(time.Time, int)      {}
func (r *delayRate) release(_ time.Time, n int) { r.rateEstimate.release(n) }

// accepted does nothing: what counts is the time that it took.
func (r *delayRate) accepted(time.Time, time.Time, int) bool { return false }

func (r *delayRate) asNew(time.Time) bool { return false }
func (r *delayRate) spaces() bool         { return !r.spare || r.outage.lasts() }

func (r *delayRate) explain(now time.Time) (string, time.Time) { return "", r.at(now, 1) }

func (r *delayRate) record(time.Time) (meterRecord, bool)          { return meterRecord{}, false }
func (r *delayRate) restore(time.Time, meterRecord, time.Duration) {}
