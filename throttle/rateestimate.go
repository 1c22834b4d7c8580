package throttle

import "time"

// Constants of the movement of a learned rate.
const (
	// margin is the least part of the level by which a rate begins below it
	// after a refusal. Together with the cubic it costs half a percent of the
	// rate. Without it every small error of an estimate is refused.
	margin = 0.02
	// deepest is the largest such part, used when little is known.
	deepest = 0.5
	// confidence and budget bound the reach of an estimate that was made from n
	// messages while inFlight tries were refused:
	//
	//	reach = max(leastReach, reach/2, min(confidence*all, max(budget*inFlight, overBurst*burst, overAsked*level*asked)))
	//
	// The rate is back at its level after reach messages. With confidence, each
	// estimate is made from more messages than the one before, at the cost of a
	// refusal. With budget, the next refusal comes after about 2.5 times as
	// many messages for each refused one, so that about one message of 375 is
	// refused in the long run.
	confidence = 2
	budget     = 150
	// leastReach is the least reach. An estimate leaves at least half of the reach
	// before it, so that a rate that was known well is searched for calmly.
	leastReach = 10
	// wellKnown is the number of estimates from which on a level is trusted:
	// those before may measure a burst alone.
	wellKnown = 3
	// quick is the rate per second from which on the first estimates are trusted.
	// At less, the burst that is in them makes the next refusals look like those of
	// a background, and there are few messages to find out.
	quick = 10
	// overBurst is the reach for each message of the burst that a receiver lets
	// pass. A rate that rises faster is far above the level before it is
	// refused.
	overBurst = 2
	// overAsked is the reach in multiples of what would have gone in the delay that the
	// receiver asked for: some 4 % of the time is lost to such delays.
	overAsked = 10
	// sameLevel is the part by which the levels of two estimates differ at most where the
	// level is known.
	sameLevel = 0.1
	// A delay of up to leastSlack is made good by going faster afterwards. So is one
	// that half of the receiver's burst covers, up to mostSlack. Timers are late and
	// machines busy, and the receiver's bucket fills meanwhile.
	leastSlack = 100 * time.Millisecond
	mostSlack  = time.Second
	// waited is the longest delay of a message that still counts as having
	// waited for its turn. Messages that did not wait tell nothing of the rate.
	waited = 10 * time.Millisecond
	// mostCrossed bounds what is read from the rate at which a receiver refused until
	// the level is well known, as a multiple of what it accepted: its burst may be
	// larger than is known.
	mostCrossed = 1.5
	// longestSpace is the longest time between two messages.
	longestSpace = day
	// An outage of windowOutage or more, in which windowMessages or more would
	// have passed at the average rate, means a receiver that counts over a
	// window. A bucket gives again at once.
	windowOutage   = 2 * time.Second
	windowMessages = 8
	// surelyMinute is the longest outage of a receiver that counts by the
	// minute, the gaps of the probes included.
	surelyMinute = 61 * time.Second
)

// rateEstimate finds a rate of messages, recipients or connections from those
// that are accepted and refused. The zero rateEstimate knows nothing and allows
// everything.
//
// The first refusal begins an outage, and the first acceptance after it ends
// the outage. Then the level is estimated:
//
//	level = accepted / time
//
// Both are counted from the last refusal of the outage before to the last
// refusal of this one. At both times the receiver had nothing left to give, so
// that this is its rate, unless it spilled some in between. From just below the
// level, the rate rises as CUBIC does (RFC 9438): quickly at first, hardly at
// all around the level, ever faster above it. It rises with the number of
// messages sent and not with time, so that refusals are a small share of what
// is accepted, at any rate.
type rateEstimate struct {
	level float64   // the estimated rate of the receiver, per second; 0 when unknown
	depth float64   // the part of level by which the rate began below it
	reach float64   // the number after which the rate is back at level
	sent  float64   // the number sent since the estimate that waited for its turn
	next  time.Time // the time at which the next may go

	accepted int       // the number accepted since then
	since    time.Time // the last refusal of the last outage, later by the time that was idle
	outage   outage
	ended    time.Time // the end of the last outage
	born     time.Time // the time of the first refusal ever

	estimates  int8        // the number of estimates so far, up to wellKnown
	spare      bool        // whether the last that went did not wait for its turn: fewer are sent than the rate lets go
	grain      int8        // units of a message; 0 is 1
	strict     bool        // whether refusals are taken to depend on the rate always
	background *background // nil before the first isolated refusal
	bans       *bans       // nil before the first long outage
	rush       *rush       // nil before the first

	// The first estimate is too high by the burst that the receiver let pass.
	// The burst follows from these once the level is known.
	atFirst float64       // the number accepted before the first refusal
	firstIn time.Duration // the time that these took

	catchUp   catchUp
	recent    recentCounts
	slowest   time.Duration // the longest time between two messages; 0 is no bound
	windowEnd time.Time     // the end of a window of the receiver; zero when it counts over none
}

// newRateEstimate returns an estimate for a scope that was just refused for the
// first time. accepted is the number that was accepted since a time.
func newRateEstimate(now time.Time, accepted int, since time.Time) rateEstimate {
	p := rateEstimate{born: now, accepted: accepted, since: since}
	if accepted == 0 {
		p.since = now
	} else {
		p.recent.add(now, accepted)
	}
	return p
}

// known reports whether there is a level.
func (p *rateEstimate) known() bool { return p.level > 0 }

// rate returns the rate that may go now, per second; 0 when no level is known.
// With sent messages since the last estimate,
//
//	rate = level * (1 + depth*x^3), x = (sent-reach) / reach
func (p *rateEstimate) rate() float64 {
	if !p.known() {
		return 0
	}
	if r := p.searched(); r > 0 {
		return r
	}
	if p.rush.goes() {
		return p.rush.rate
	}
	x := (p.sent - p.reach) / p.reach
	rate := p.level * (1 + p.depth*x*x*x)
	switch {
	case p.background.climbing():
		rate = climbFactor * p.level
	case p.background.testing():
		if limit := p.background.candidate(); limit > 0 {
			rate = min(rate, belowCandidate*max(limit, p.background.floor))
		}
	}
	return rate
}

// searched returns the rate that is searched for after a long outage; 0 when none is.
func (p *rateEstimate) searched() float64 {
	if !p.bans.searching() {
		return 0
	}
	return p.level * p.bans.factor()
}

// settled reports whether the rate is one that was accepted before.
func (p *rateEstimate) settled() bool {
	return p.sent <= p.reach && !p.bans.searching() && !p.rush.goes()
}

// at returns the time at which the next n may go: the receiver must have tokens
// for all of them. While an outage lasts they go one at a time.
func (p *rateEstimate) at(now time.Time, flying, n int) time.Time {
	switch {
	case p.outage.lasts():
		return p.outage.at(now, flying)
	case n > 1 && p.known():
		return p.next.Add(spacing(n-1, p.rate()))
	}
	return p.next
}

// take counts n that go.
func (p *rateEstimate) take(now time.Time, n int) {
	if p.outage.lasts() {
		p.idled(p.outage.probe(now))
	}
	if !p.known() || p.outage.lasts() {
		return
	}
	step, late := spacing(n, p.rate()), now.Sub(p.at(now, 0, n))
	if p.slowest > 0 {
		step = min(step, p.slowest)
	}
	if late > p.slack(step) { // the time that was idle does not count
		p.since = p.since.Add(late)
		p.next = p.next.Add(late)
		p.catchUp.lost()
	}
	p.catchUp.goes(now, step, n)
	p.spare = late > max(step, waited)
	if !p.spare {
		p.sent += float64(n)
		p.bans.climbs(step)
	}
	p.next = p.next.Add(step)
}

// idled takes a time out of an outage, and out of the time that its estimate is made
// over: nothing was tried, because the endpoint was down or the destination paused.
func (p *rateEstimate) idled(late time.Duration) {
	if late <= max(p.outage.gap, leastSlack) {
		return
	}
	p.since = p.since.Add(late)
	p.outage.began = p.outage.began.Add(late)
	p.outage.last = p.outage.last.Add(late)
}

// slack returns the delay of a message up to which the next ones go sooner. step is
// the interval behind it.
func (p *rateEstimate) slack(step time.Duration) time.Duration {
	covered := time.Duration(min(p.burst()/p.level/2, mostSlack.Seconds()) * float64(time.Second))
	return p.catchUp.within(max(step, leastSlack, covered))
}

// release gives back n that were taken.
func (p *rateEstimate) release(n int) {
	if !p.known() || p.outage.lasts() {
		return
	}
	p.sent = max(p.sent-float64(n), 0)
	p.next = p.next.Add(-spacing(n, p.rate()))
}

// spacing returns the time that n take at a rate.
func spacing(n int, rate float64) time.Duration {
	return time.Duration(min(float64(n)/rate, longestSpace.Seconds()) * float64(time.Second))
}

// accept notes that n were accepted, in a try begun at a time. It reports whether an
// outage is over and the level was estimated.
func (p *rateEstimate) accept(now, begun time.Time, n int) bool {
	over := p.outage.lasts() && begun.After(p.outage.began)
	switch {
	case over:
		p.conclude(now)
	case p.outage.lasts():
		p.outage.passed++
	}
	p.accepted += n
	p.bans.counts(n)
	p.recent.add(now, n)
	tested := p.background.testing()
	found := p.background.accepted(now, begun, n, p.settled())
	if !tested && p.background.testing() { // no strays tell the rate of a limit
		p.background.floor = p.retested() * p.lately(now)
	}
	rushed := p.rushed(now, n)
	return p.heed(now, found) || over || rushed
}

// lately returns the rate that was accepted in the span of p.recent.
func (p *rateEstimate) lately(now time.Time) float64 {
	span := p.recent.span()
	if !p.born.IsZero() {
		span = min(span, max(now.Sub(p.born), p.recent.slot()))
	}
	return p.recent.sum(now) / span.Seconds()
}

// heed obeys what an experiment has shown, and reports whether that was
// anything.
func (p *rateEstimate) heed(now time.Time, f finding) bool {
	switch f {
	case foundLimit:
		p.lower(now)
	case foundBackground:
		if p.windowEnd.IsZero() && !p.bans.shown() { // a window shows its level whatever else is refused
			p.raise(now)
		}
	case foundRoom:
		p.climbed(now)
	case foundCeiling:
		p.sent = 0
	}
	return f != foundNothing
}

// refuse notes a refusal of n, of a try that began at a time. It reports whether it
// begins an outage. Refusals of tries that were under way when an outage began
// or ended tell nothing new.
func (p *rateEstimate) refuse(now, begun time.Time, n int) bool {
	return p.refuseSome(now, begun, n, false)
}

// refuseSome notes a refusal as refuse does. cut says that the refused were the last
// recipients of a transaction, behind accepted ones. Chance refuses one here and there,
// or all of a transaction, so no background explains a cut.
func (p *rateEstimate) refuseSome(now, begun time.Time, n int, cut bool) bool {
	switch {
	case p.outage.lasts():
		p.outage.refused(now, begun, n, p.gapAfter(now))
		return false
	case begun.Before(p.ended):
		return false
	}
	tolerated, found := p.background.refuse(now, begun, p.settled())
	p.heed(now, found)
	early := p.known() && p.catchUp.hurried(begun)
	if tolerated && !cut {
		p.tolerates(early, n)
		return false
	}
	wait := blindWait
	if p.known() { // a bucket has the next by then
		wait = spacing(3, 2*max(p.level, p.searched()))
	}
	p.outage.begin(now, wait, n)
	p.outage.early = early
	p.outage.before = p.rate()
	if accepted := p.recent.rate(now, now.Sub(p.born)); accepted > 0 { // else nothing was sent
		p.outage.before = min(p.outage.before, accepted)
	}
	return true
}
