package throttle

import (
	"time"
)

// learnedRate is the meter of a rate that refusals have taught.
type learnedRate struct {
	rateEstimate
	atOnce atOnce
	scope  *scope // the scope whose transactions an outage waits for; nil for connections
}

// learnRate returns the learned rate of a kind, and makes it when the scope is
// first refused for it. accepted is the number that was accepted since a time.
func (s *scope) learnRate(now time.Time, kind *meterKind, accepted int, since time.Time, generation int32) *learnedRate {
	if r := s.rate(kind); r != nil {
		return r
	}
	r := &learnedRate{rateEstimate: newRateEstimate(now, accepted, since)}
	if kind.unit != connections {
		r.scope = s
	}
	s.fit(r, kind, generation)
	return r
}

func (r *learnedRate) at(now time.Time, n int) time.Time {
	if r.scope == nil {
		return r.rateEstimate.at(now, 0, n)
	}
	return r.rateEstimate.at(now, int(r.scope.inFlight), n)
}

func (r *learnedRate) commit(time.Time, int)      {}
func (r *learnedRate) release(_ time.Time, n int) { r.rateEstimate.release(n) }
func (r *learnedRate) asNew(time.Time) bool       { return false }
func (r *learnedRate) spaces() bool               { return r.known() || r.outage.lasts() }

func (r *learnedRate) accepted(now, begun time.Time, n int) bool {
	r.atOnce.accepted(n)
	return r.accept(now, begun, n)
}

func (r *learnedRate) explain(now time.Time) (string, time.Time) {
	if r.outage.lasts() {
		return "outage", r.at(now, 1)
	}
	return "", r.next
}

func (r *learnedRate) record(now time.Time) (meterRecord, bool) {
	if !r.known() {
		return meterRecord{}, false
	}
	return meterRecord{Rate: r.rateEstimate.record(now)}, true
}

func (r *learnedRate) restore(now time.Time, m meterRecord, age time.Duration) {
	r.rateEstimate = m.Rate.estimate(now, age)
}

const (
	// blindWait is the wait before the first probe while nothing is known of a
	// rate. With a shorter one, a receiver of one a second refuses several
	// probes. With a longer one, a bucket of 50 a second overflows meanwhile,
	// and the first estimate is too low.
	blindWait = 250 * time.Millisecond
	// slowBlind is the longest of the blind waits, which double.
	slowBlind = time.Second
	// shortestWait and longestWait bound the gap between two probes.
	shortestWait = 20 * time.Millisecond
	longestWait  = 5 * time.Minute
	// patience is the part of an outage after which the next probe comes. The
	// end is seen a quarter late at most; an outage of a minute costs 14
	// probes, one of an hour 30.
	patience = 4
	// windowPatience is the patience while the end of the outage is foreseen.
	windowPatience = 2
	// longProbe is the time after which a probe without an answer is not waited
	// for. It doubles with each.
	longProbe = 2 * time.Second
	// longestHint is the longest delay that a receiver may ask for.
	longestHint = day
)

// outage is a period in which a receiver refuses everything. Its end is
// unknown: one try at a time probes, with growing gaps. The zero outage is
// none.
type outage struct {
	began, last time.Time     // the first and the last refusal
	until       time.Time     // the earliest time of the next probe
	gap         time.Duration // between two probes
	inFlight    int           // refused tries that had begun before it
	lost        int           // messages, recipients or connections that these were
	passed      int           // accepted tries that had begun before it
	probes      int           // refused probes
	probed      time.Time     // the time at which the last probe began; zero when none is under way
	stuck       time.Duration // the time after which another probe may go beside one that is not answered
}

// lasts reports whether there is an outage.
func (o *outage) lasts() bool { return !o.began.IsZero() }

// begin notes the first refusal, of n; wait is the first gap.
func (o *outage) begin(now time.Time, wait time.Duration, n int) {
	*o = outage{began: now, last: now, gap: min(max(wait, shortestWait), longestWait), inFlight: 1, lost: n}
	o.until = now.Add(o.gap)
}

// refused notes a further refusal of n, of a try that began at a time. Only a probe
// lengthens the gap. blind says that no rate is known. windowEnd is the time at
// which the outage may end, zero when it is unknown.
func (o *outage) refused(now, begun time.Time, n int, blind bool, windowEnd time.Time) {
	o.last = now
	if !begun.After(o.began) {
		o.inFlight++
		o.lost += n
		return
	}
	o.probes++
	o.probed = time.Time{}
	part := time.Duration(patience)
	if windowEnd.After(now) {
		part = windowPatience
	}
	gap := now.Sub(o.began) / part
	if blind {
		gap = max(gap, min(2*o.gap, slowBlind))
	}
	o.gap = min(max(gap, o.gap), longestWait)
	until := now.Add(o.gap)
	if windowEnd.After(now) && windowEnd.Before(until) {
		until = windowEnd
	}
	if until.After(o.until) { // a hint stays
		o.until = until
	}
}

// probe notes that a probe begins.
func (o *outage) probe(now time.Time) {
	if o.probed.IsZero() {
		o.stuck = longProbe
	} else {
		o.stuck = min(2*o.stuck, longestWait)
	}
	o.probed = now
}

// at returns the time of the next probe. inFlight is the number of transactions
// under way. A probe that takes long is not waited for: it may be slow for
// reasons of its own.
func (o *outage) at(now time.Time, inFlight int) time.Time {
	if inFlight == 0 || o.probed.IsZero() || o.until.After(now) {
		return o.until
	}
	if again := o.probed.Add(o.stuck); again.After(o.until) {
		return again
	}
	return o.until
}

// isolated reports whether the refusal that began it was one of few: no probe
// was refused, and of what was under way most was accepted.
func (o *outage) isolated() bool { return o.probes == 0 && 2*(o.inFlight-1) <= o.passed }

// hint obeys a delay that the receiver has asked for.
func (o *outage) hint(now time.Time, d time.Duration) {
	if until := now.Add(min(d, longestHint)); until.After(o.until) {
		o.until = until
	}
}

// length returns the time from its first to its last refusal.
func (o *outage) length() time.Duration { return o.last.Sub(o.began) }
