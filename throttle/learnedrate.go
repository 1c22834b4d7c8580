package throttle

import (
	"time"
)

// learnedRate is the meter of a rate that refusals have taught.
type learnedRate struct {
	rateEstimate
	scope *scope // whose transactions an outage waits for; nil for connections
}

// learnRate returns the learned rate of a kind, made when its scope is first
// refused for it: so much was accepted since then.
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

func (r *learnedRate) at(now time.Time, _ int) time.Time {
	if r.scope == nil {
		return r.rateEstimate.at(now, 0)
	}
	return r.rateEstimate.at(now, int(r.scope.inFlight))
}

func (r *learnedRate) commit(time.Time, int)                     {}
func (r *learnedRate) release(_ time.Time, n int)                { r.rateEstimate.release(n) }
func (r *learnedRate) asNew(time.Time) bool                      { return false }
func (r *learnedRate) spaces() bool                              { return r.known() || r.outage.lasts() }
func (r *learnedRate) accepted(now, begun time.Time, n int) bool { return r.accept(now, begun, n) }

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
	// blindWait is the wait before the first probe where nothing is known of a
	// rate yet. Shorter, and a receiver of one a second refuses several probes;
	// longer, and a bucket of 50 a second overflows meanwhile, which makes the
	// first estimate too low.
	blindWait = 250 * time.Millisecond
	// slowBlind is what the blind waits double up to.
	slowBlind = time.Second
	// shortestWait and longestWait bound the gap between two probes.
	shortestWait = 20 * time.Millisecond
	longestWait  = 5 * time.Minute
	// patience is the part of an outage that may pass in vain: its end is seen
	// at most a quarter late, and an outage of a minute costs 14 probes, one of
	// an hour 30.
	patience = 4
	// turnPatience is that of an outage whose end can be foreseen.
	windowPatience = 2
	// longestHint is how long a receiver may ask for.
	longestHint = day
)

// outage is a time in which a receiver refuses everything, of which it is not
// known when it ends. While it lasts one try at a time probes, with growing
// gaps. The zero outage is none.
type outage struct {
	began, last time.Time // the first and the last refusal
	until       time.Time // no probe before
	gap         time.Duration
	inFlight    int // tries that were refused and had begun before it
}

func (o *outage) lasts() bool { return !o.began.IsZero() }

// begin notes the first refusal; wait is the first gap.
func (o *outage) begin(now time.Time, wait time.Duration) {
	*o = outage{began: now, last: now, gap: min(max(wait, shortestWait), longestWait), inFlight: 1}
	o.until = now.Add(o.gap)
}

// refused notes a further refusal, of a try that began at a time. Only a probe
// lengthens the gap. blind says that nothing is known of the rate; windowEnd is when
// the outage may end, zero when that is not known.
func (o *outage) refused(now, begun time.Time, blind bool, windowEnd time.Time) {
	o.last = now
	if !begun.After(o.began) {
		o.inFlight++
		return
	}
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

// hint obeys a delay that the receiver asked for.
func (o *outage) hint(now time.Time, d time.Duration) {
	if until := now.Add(min(d, longestHint)); until.After(o.until) {
		o.until = until
	}
}

// length is how long it has lasted for certain.
func (o *outage) length() time.Duration { return o.last.Sub(o.began) }
