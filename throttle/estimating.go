package throttle

import (
	"math"
	"time"
)

// conclude ends an outage, and begins a climb where such have brought the level down.
func (p *rateEstimate) conclude(now time.Time) {
	if p.background != nil && p.background.climb.failed {
		p.fell(now)
		return
	}
	if !p.known() && p.accepted == 0 && !p.strict { // it may have begun long before the first try, whatever its reason
		p.goOn(now)
		p.since = now
		return
	}
	o, was, n, settled := p.outage, p.level, float64(p.accepted), p.settled()
	counted := p.estimates >= wellKnown && !p.windowEnd.IsZero() && p.bans == nil && !p.strict
	refusedAt := p.refusedAt()
	p.estimate(now)
	if counted && p.bans == nil {
		p.countsAgain(was)
	}
	if p.windowEnd.Equal(o.last) { // it was long
		p.rushes(now, &o, refusedAt)
	}
	p.sank(now, o, was, n, was > 0 && settled)
}

// estimate ends an outage and sets level, depth and reach.
func (p *rateEstimate) estimate(now time.Time) {
	o, was, suspected := &p.outage, p.level, p.bans.suspects()
	if p.besidePunishments(now) {
		return
	}
	if p.afterLong(now, float64(max(p.accepted, 1))) {
		p.restart(now)
		return
	}
	recognised := suspected && !p.bans.suspects()
	n, over := float64(max(p.accepted, 1)), max(o.last.Sub(p.since).Seconds(), 0.001)
	first, long := !p.known(), p.isLong(n/over)
	isolated := p.isolated() && !p.suspected().confirms(n, over)
	if !long && p.dismisses(now, n, over, isolated) {
		return
	}
	if first {
		p.atFirst, p.firstIn = n, o.began.Sub(p.since)
	}
	all, during, lull := n, over, 0.0
	switch passed, in, ok := p.background.saturated(); {
	case p.bans.searching(): // the rate at which it refuses is the one that was searched for
		n, p.bans.doubling = o.before*over, 0
	case p.background.tolerant() && !long && p.windowEnd.IsZero():
		if ok && !p.settled() {
			n, over = min(passed, in*p.rate()), in
		}
	case long && p.estimates >= wellKnown && p.windowEnd.IsZero():
		// A bucket that is well known lets nothing pass for long: that was something
		// else, or else it happens again.
		over = max(o.began.Sub(p.since).Seconds(), 0.001)
	default:
		short := n / over
		n, over = p.better(n, over, long)
		all, during = n, over
		if !long && p.countsLong() {
			lull = 1 - short/(n/over)
		}
	}
	doubt := max(2/all, o.gap.Seconds()/during)
	if first && !long { // the burst is in it
		doubt = deepest
	}
	p.level = n / over
	if long {
		p.noteWindow(o)
	}
	p.level = p.bans.within(now, p.level, long)
	if !isolated {
		p.background.found(p.level, o.isolated())
	}
	p.depth = min(max(doubt, margin), deepest)
	p.reach = max(leastReach, p.reach/2, min(confidence*all, max(budget*float64(o.lost), overBurst*p.burst(), p.overDelay(was))))
	p.passes(lull, all)
	if recognised { // the gaps were those for a punishment, which it is not
		p.depth, p.reach = min(p.depth, 2*margin), max(all/4, leastReach)
	}
	p.restart(now)
}

// besidePunishments reports whether an outage says nothing of the level where a rush is
// under way or has shown short punishments; then mail goes on. Any other one ends the rush.
func (p *rateEstimate) besidePunishments(now time.Time) bool {
	if p.outage.isolated() && (p.rush.strayed() || p.bans.strayed(p.accepted)) {
		p.goOn(now)
		return true
	}
	p.rush.ends()
	return p.unpunished(now)
}

// overDelay returns the reach for the delay that the receiver asked for with its refusal.
// It is 0 while the level is not the same at two estimates: a level that is too low would
// stay so for long.
func (p *rateEstimate) overDelay(was float64) float64 {
	if math.Abs(p.level-was) > sameLevel*was {
		return 0
	}
	return overAsked * p.level * p.outage.asked.Seconds()
}

// isLong reports whether the outage is too long for a bucket: messages would have passed
// in it at the average rate. This is the rate since the outage before it, or of the last
// minute where strays have come since.
func (p *rateEstimate) isLong(rate float64) bool {
	o := &p.outage
	rate = max(rate, p.recent.sum(o.began)/p.recent.span().Seconds())
	return o.length() >= windowOutage && o.length().Seconds()*rate >= windowMessages*float64(max(p.grain, 1))
}

// dismisses reports whether a short outage says nothing of the level, after n were
// accepted in a time; then mail goes on.
func (p *rateEstimate) dismisses(now time.Time, n, over float64, isolated bool) bool {
	switch {
	case p.premature():
		p.catchUp.tighten()
		p.goOn(now)
	case p.accidental():
		p.goOn(now)
	default:
		return isolated && !p.background.tolerant() && p.strayed(now, n, over)
	}
	return true
}

// restart lets mail go at a new level.
func (p *rateEstimate) restart(now time.Time) {
	p.sent, p.accepted = 0, 0
	p.estimates = min(p.estimates+1, wellKnown)
	p.ends(now)
}

// ends ends an outage. A receiver without a burst has gained nothing meanwhile.
func (p *rateEstimate) ends(now time.Time) {
	p.since, p.ended = p.outage.last, now
	if p.catchUp.even() {
		p.since = now
	}
	p.outage = outage{}
	p.next = p.soonest(now)
}

// soonest returns the earliest time of the next message after one that went at a time.
// Where no level is known nothing holds it.
func (p *rateEstimate) soonest(now time.Time) time.Time {
	if !p.known() {
		return now
	}
	return now.Add(spacing(1, p.rate()))
}

// noteWindow notes an outage of a receiver that counts over a window.
func (p *rateEstimate) noteWindow(o *outage) {
	p.windowEnd = o.last
	p.recent.covers(o.last, o.length())
}

// countsLong reports whether the receiver counts over a window of more than a minute.
func (p *rateEstimate) countsLong() bool {
	return !p.windowEnd.IsZero() && p.recent.span() > time.Minute
}

// passes has the rate begin below the level by a part that a receiver gave less since
// the last outage than over its window, which has accepted so many. Over a sliding window
// it gives back what it accepted a window ago, as slowly as that went. That passes with
// the window.
func (p *rateEstimate) passes(lull, all float64) {
	if lull > p.depth {
		p.setReach(min(lull, deepest), min(p.reach, all/2))
	}
}

// better improves on the estimate of n in a time, which is too low where the receiver
// spilled. A receiver that counts over a window allows what it has accepted in one before
// it refuses. Another receiver allows the refused rate, less the part hidden by its burst
// while the rate rose.
func (p *rateEstimate) better(n, over float64, long bool) (float64, float64) {
	if long || !p.windowEnd.IsZero() {
		span := p.recent.span().Seconds()
		if sum := p.recent.sum(p.outage.last); sum/span > n/over {
			return sum, span
		}
		return n, over
	}
	if p.sent <= p.reach { // sizes differ too much to tell where it was crossed
		return n, over
	}
	most := math.Inf(1)
	if p.estimates < wellKnown {
		most = mostCrossed * n
		if p.outage.asked > 0 { // the mean has the delays in it that were asked for before
			most = max(most, p.recent.beyond(p.outage.last, p.burst())*over)
		}
	}
	return max(n, min(p.crossed()*over, most)), over
}

// crossed returns the rate R allowed by the receiver, found from the rate r at which it
// refused. That is too high, as the burst has hidden the rise: while the rate rose from R
// to r with the slope s, b were taken from the bucket. So
//
//	r = R + sqrt(2*b*s*R)
func (p *rateEstimate) crossed() float64 {
	x := (p.sent - p.reach) / p.reach
	slope := 3 * p.depth * x * x / p.reach * p.level
	c := math.Sqrt(2 * (p.burst() + float64(p.outage.inFlight-1)) * slope)
	root := (math.Sqrt(c*c+4*p.rate()) - c) / 2
	return root * root
}

// burst returns the number that the receiver lets pass at once, as far as is
// known.
func (p *rateEstimate) burst() float64 { return max(1, p.atFirst-p.level*p.firstIn.Seconds()) }

// nextWindowEnd returns the next time at which the window of the receiver may
// end. It is zero when the receiver is not known to have one.
func (p *rateEstimate) nextWindowEnd(now time.Time) time.Time {
	if p.windowEnd.IsZero() {
		return time.Time{}
	}
	span := p.recent.span()
	return p.windowEnd.Add((now.Sub(p.windowEnd)/span + 1) * span)
}
