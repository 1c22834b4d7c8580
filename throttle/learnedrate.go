package throttle

import "time"

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
