package throttle

import (
	"time"
)

// learnedRate is the meter of a rate that refusals have taught.
type learnedRate struct {
	rateEstimate
	atOnce atOnce
	scope  *scope     // the scope whose transactions an outage waits for; nil for connections
	bytes  *byteUnits // of a rate of bytes; nil for others
	apart  bool       // whether connections have paces of their own in its place
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
	return r.rateEstimate.at(now, int(r.scope.inFlight), r.need(n))
}

func (r *learnedRate) commit(time.Time, int) {}

func (r *learnedRate) release(_ time.Time, n int) {
	if !r.apart {
		r.rateEstimate.release(r.need(n))
	}
}

func (r *learnedRate) asNew(time.Time) bool { return false }
func (r *learnedRate) spaces() bool         { return r.known() && !r.spare || r.outage.lasts() }

func (r *learnedRate) accepted(now, begun time.Time, n int) bool {
	r.atOnce.accepted(now, n)
	if r.bytes != nil {
		return r.acceptedBytes(now, begun, n)
	}
	return r.accept(now, begun, n)
}

// refusedFor notes a refusal of n, of a try that began at a time, and the delay that
// the reply asks for; see refuseSome for cut. It reports whether it begins an outage.
func (r *learnedRate) refusedFor(now, begun time.Time, n int, cut bool, asked time.Duration) bool {
	begins := r.refuseSome(now, begun, n, cut)
	if r.outage.lasts() {
		r.outage.asked = max(r.outage.asked, min(asked, longestHint))
	}
	return begins
}

// wasEmpty reports whether an outage has just ended that showed the level: the receiver had
// nothing in hand.
func (r *learnedRate) wasEmpty(now time.Time) bool {
	return r.ended.Equal(now) && r.sent == 0 && r.since.Before(now)
}

// resume lets a rate go on that did not count since a time. What was counted before stays.
func (r *learnedRate) resume(now, from time.Time) {
	r.since, r.ended = r.since.Add(now.Sub(from)), now
	r.next = now.Add(spacing(2, r.rateEstimate.rate()))
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
	kept := meterRecord{Rate: r.rateEstimate.record(now)}
	if r.bytes != nil {
		kept.Rate.Unit = r.bytes.mean
	}
	return kept, true
}

func (r *learnedRate) restore(now time.Time, m meterRecord, age time.Duration) {
	r.rateEstimate = m.Rate.estimate(now, age)
	if m.Rate.Unit > 0 {
		r.bytes, r.strict, r.grain = &byteUnits{mean: m.Rate.Unit, sizes: sizesForMean}, true, unitsOfMean
	}
}

const (
	// blindWait is the wait before the first probe while nothing is known of a
	// rate. With a shorter one, a receiver of one a second refuses several
	// probes. With a longer one, a bucket of 50 a second overflows meanwhile,
	// and the first estimate is too low.
	blindWait = 250 * time.Millisecond
	// shortestWait and longestWait bound the gap between two probes.
	shortestWait = 20 * time.Millisecond
	longestWait  = 5 * time.Minute
	mostGap      = day
	// windowPatience is the patience while the end of the outage is foreseen.
	windowPatience = 2
	// mostWindows is the number of windows of a receiver after which an outage is taken for
	// something else: a punishment that each probe extends, say.
	mostWindows = 4
	// fewProbes is the number of gaps that a window has at most until it is well known.
	fewProbes = 9
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
	early       bool          // whether its first refusal was of a message that came early; see catchUp
	probes      int           // refused probes
	probed      time.Time     // the time at which the last probe began; zero when none is under way
	before      float64       // the rate that was accepted before it
	asked       time.Duration // the delay that the receiver asked for
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
// lengthens the gap; next is the time to wait before the next one.
func (o *outage) refused(now, begun time.Time, n int, next time.Duration) {
	o.last = now
	if !begun.After(o.began) {
		o.inFlight++
		o.lost += n
		return
	}
	o.probes++
	o.probed = time.Time{}
	o.gap = min(next, mostGap)
	if until := now.Add(o.gap); until.After(o.until) { // a hint stays
		o.until = until
	}
}

// probe notes that a probe begins, and returns the time for which it could have begun
// before, while none was under way.
func (o *outage) probe(now time.Time) (late time.Duration) {
	if o.probed.IsZero() {
		o.stuck, late = longProbe, now.Sub(later(o.until, o.last.Add(o.asked)))
	} else {
		o.stuck = min(2*o.stuck, longestWait)
	}
	o.probed = now
	return late
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

// soon has the next probe go after a part of the outage.
func (o *outage) soon(now time.Time) {
	o.gap = o.length() / gapPart
	o.until = now.Add(o.gap)
}

// someEnd returns the middle of the time in which the outage must have ended: from its
// last refusal, or from the delay that the receiver asked for, until now.
func (o *outage) someEnd(now time.Time) time.Time {
	from := o.last.Add(min(o.asked, now.Sub(o.last)))
	return from.Add(now.Sub(from) / 2)
}

// length returns the time from its first to its last refusal.
func (o *outage) length() time.Duration { return o.last.Sub(o.began) }

// blindGaps are the gaps of the first probes while nothing is known of a rate, behind
// blindWait. The last of them is just over a minute after the first refusal.
var blindGaps = [...]time.Duration{time.Second, 5 * time.Second, 14 * time.Second, 20 * time.Second, 22 * time.Second}

// gapAfter returns the time to wait after a probe that is refused now. The gaps
// double, for a receiver that punishes may begin anew at each try. After a punishment
// it is the time that ended that one. Sooner is the end of a window that is known.
func (p *rateEstimate) gapAfter(now time.Time) time.Duration {
	o := &p.outage
	lasts := now.Sub(o.began)
	switch end := p.nextWindowEnd(now); {
	case p.bans.suspects() && o.probes <= quickProbes:
		return 4 * o.gap
	case p.bans.suspects():
		return max(p.bans.gap, lasts/2)
	case end.After(now) && lasts < mostWindows*p.recent.span(): // its end may be another
		return min(max(lasts/windowPatience, o.gap, p.leastGap()), end.Sub(now))
	case !p.known() && o.probes < len(blindGaps):
		return blindGaps[o.probes]
	}
	return max(lasts, 2*o.gap)
}

// leastGap returns the least gap between two probes while it is not well known that the
// receiver counts over a window of more than a minute: it may punish instead, for longer
// each time. A rate on trial may be no limit at all.
func (p *rateEstimate) leastGap() time.Duration {
	if p.estimates >= wellKnown || p.slowest > 0 || !p.countsLong() {
		return 0
	}
	return p.recent.span() / fewProbes
}
