package throttle

import "time"

// isolated reports whether the outage was a single refusal that no known limit explains:
// at a rate accepted before, or long before the end of a window.
func (p *rateEstimate) isolated() bool {
	trusted := p.estimates > 1 || p.level >= quick
	if p.strict || !trusted || !p.outage.isolated() {
		return false
	}
	if p.windowEnd.IsZero() {
		return p.settled()
	}
	return p.recent.sum(p.outage.last) < keptLevel*p.level*p.recent.span().Seconds()
}

// premature reports whether an early message was refused, and no other, by a receiver
// that may have no burst.
func (p *rateEstimate) premature() bool {
	return p.outage.early && p.outage.isolated() && p.mayBeEven()
}

// mayBeEven reports whether the receiver may have no burst, and delays are made good.
func (p *rateEstimate) mayBeEven() bool {
	known := p.estimates >= wellKnown || p.background.tolerant()
	return known && p.windowEnd.IsZero() && !p.strict && p.catchUp.times < mostTightened && p.burst() < fewAtOnce
}

// suspected returns the background, which it makes at the first isolated
// refusal. Until then every refusal has set the level anew, so what has passed
// since is known.
func (p *rateEstimate) suspected() *background {
	if p.background == nil {
		p.background = &background{anchor: p.level, tries: float64(p.accepted + 1), refused: 1}
	}
	return p.background
}

// accidental reports whether an alarm was false: some refusals of the background came
// close together, at a rate that was accepted before, long after the last alarm. Where
// an experiment has shown the background, they may have been many: the next alarm tells
// whether the limit was lowered.
func (p *rateEstimate) accidental() bool {
	b := p.background
	return b.tolerant() && (p.outage.isolated() || b.passes > 0) && (p.settled() || p.spare) && p.accepted >= averaged
}

// goOn ends an outage that has taught nothing.
func (p *rateEstimate) goOn(now time.Time) {
	p.accepted = 0
	p.ends(now)
}

// strayed notes an isolated refusal after n messages in so many seconds, and ends the
// outage if that would lower the level too far. It reports whether it has.
func (p *rateEstimate) strayed(now time.Time, n, over float64) bool {
	p.background.stray(now, n, over)
	if p.background.testing() && p.climbsSooner() {
		p.background.rise(now, p.burst())
	}
	p.background.floor = p.retested() * min(p.level, p.lately(now))
	if n/over >= keptLevel*p.background.anchor {
		return false
	}
	p.resume(now, n/over)
	return true
}

// resume ends an outage whose refusal may well not depend on the rate, and
// would lower the level too far.
func (p *rateEstimate) resume(now time.Time, level float64) {
	p.level = max(min(p.level, keptLevel*p.background.anchor), level)
	p.goOn(now)
}

// tolerates notes a refusal of n that is tolerated, and whether it was of a message that
// came early. A window counts what is accepted, so others go in their place.
func (p *rateEstimate) tolerates(early bool, n int) {
	if p.catchUp.onlyEarly(early) && p.mayBeEven() {
		p.catchUp.tighten()
	}
	if !p.windowEnd.IsZero() {
		p.release(n)
	}
}

// retested returns the part of what was accepted of late at which a test sends. A
// limit that refuses less than littleShare does little harm where it is taken for a
// background, and a test of so few refusals takes long. That of a window refuses nothing
// before its end.
func (p *rateEstimate) retested() float64 {
	if p.background.share < littleShare || !p.windowEnd.IsZero() {
		return keptLevel
	}
	return leastLowered
}

// leastLevel returns the level below which an experiment does not lower it: a part of
// what was accepted in the last minute.
func (p *rateEstimate) leastLevel(now time.Time) float64 {
	return leastLowered * min(p.level, p.lately(now))
}

// lower sets the level taught by strays, after an experiment has shown a limit.
func (p *rateEstimate) lower(now time.Time) {
	p.level = max(min(p.level, p.background.candidate()), p.leastLevel(now))
	if p.estimates >= wellKnown {
		p.background.hesitate()
	}
	p.depth, p.reach = max(p.depth, margin), max(p.reach, leastReach)
	p.sent, p.accepted, p.since, p.ended = 0, 0, now, now
	p.next = p.soonest(now)
	p.background.found(p.level, false)
}

// raise lets the rate rise faster, after an experiment has shown that refusals
// had lowered it in vain. It rises from what was accepted of late.
func (p *rateEstimate) raise(now time.Time) {
	p.level = max(p.level, p.lately(now))
	p.depth, p.reach = deepest/2, 2*leastReach
	p.sent, p.accepted, p.since = p.reach, 0, now
}
