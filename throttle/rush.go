package throttle

import "time"

const (
	// belowRefused is the part of the rate at which a receiver refused that a rush goes
	// at. It is less by lessRefused after one that was refused late.
	belowRefused = 0.9
	lessRefused  = 0.8
	// leastGain is the least multiple of the level at which a rush goes, and leastLong
	// that where the receiver seems to count over more than a minute.
	leastGain = 1.25
	leastLong = 1.5
	// soonRefused is the multiple of what a window accepts before which it refuses a rush.
	soonRefused = 1.3
	// beyondWindow is the multiple of what a window can have accepted that shows that
	// there is none.
	beyondWindow = 1.1
	// betweenStrays is the number of messages accepted for each single refusal that is taken
	// for one of a background, and strayCredit how many may be lacking.
	betweenStrays = 15
	strayCredit   = 3 * betweenStrays
	// longestRush is the longest rush, in windows.
	longestRush = 12
	// firstRests is the number of outages that are left alone after a rush that a window
	// has refused. It doubles with each, up to mostRests.
	firstRests = 4
	mostRests  = 64
)

// rush tells short punishments from windows. A receiver that refuses everything for some
// seconds whenever its limit is passed seems to count over a window of a minute: what it
// accepts in a minute is about as much each time. But just before it refused, it accepted
// more. A rush goes on at that rate after an outage. A window refuses it after as many
// messages as ever, and costs nothing, for its rest brings none in any case. Where more is
// accepted than a window can let pass, the outage was a punishment.
type rush struct {
	rate   float64       // of the one under way; 0 when none is
	began  time.Time     // the last refusal before it
	count  float64       // the number that a window accepts
	passed float64       // accepted since it began
	strays float64       // single refusals since then
	length time.Duration // of the outage before it
	gap    time.Duration // the time without a try at the end of that
	part   float64       // 1, or what lessRefused has made of it
	rests  int           // outages before the next
	vain   int           // rests after the next that a window refuses; 0 is firstRests
}

// goes reports whether a rush is under way.
func (r *rush) goes() bool { return r != nil && r.rate > 0 }

// ends notes that a rush was refused, if one was under way.
func (r *rush) ends() {
	switch {
	case !r.goes():
		return
	case r.passed < soonRefused*r.count:
		r.rest()
	default:
		r.part *= lessRefused
	}
	r.rate = 0
}

// strayed notes a single refusal, and reports whether a rush is under way that goes on.
func (r *rush) strayed() bool {
	if !r.goes() {
		return false
	}
	r.strays++
	return r.strays*betweenStrays <= r.passed+strayCredit
}

// rest leaves some outages alone after a rush that was refused, or has shown what is wrong.
func (r *rush) rest() {
	r.rests = max(r.vain, firstRests)
	r.vain = min(2*r.rests, mostRests)
}

// refusedAt returns the rate that the receiver accepted just before the outage.
func (p *rateEstimate) refusedAt() float64 {
	rate := p.recent.sum(p.outage.began) / p.recent.span().Seconds()
	if p.known() && !p.settled() && !p.rush.goes() {
		rate = max(rate, min(p.crossed(), p.recent.beyond(p.outage.began, 0)))
	}
	return rate
}

// rushes begins a rush after a long outage o, where the receiver seems to count over a
// minute. The level must be the one that is held after it.
func (p *rateEstimate) rushes(now time.Time, o *outage, refusedAt float64) {
	if p.estimates < wellKnown || p.windowEnd.IsZero() || p.bans.suspects() || p.strict || p.background.testing() {
		return
	}
	if p.rush == nil {
		p.rush = &rush{part: 1}
	}
	r := p.rush
	rate := belowRefused * r.part * refusedAt
	switch {
	case rate < leastGain*p.level, p.countsLong() && rate < leastLong*p.level:
	case r.rests > 0:
		r.rests--
	default:
		r.rate, r.began, r.count, r.passed, r.strays = rate, o.last, p.level*p.recent.span().Seconds(), 0, 0
		r.length, r.gap = o.length(), now.Sub(o.last)
	}
}

// rushed counts n that were accepted, and reports whether a rush has shown a punishment.
func (p *rateEstimate) rushed(now time.Time, n int) bool {
	r := p.rush
	if !r.goes() {
		return false
	}
	r.passed += float64(n)
	spans := now.Sub(r.began).Seconds() / p.recent.span().Seconds()
	switch {
	case p.background.testing(), spans > longestRush: // too little goes to tell
		r.rate = 0
		return false
	case r.passed <= beyondWindow*(1+spans)*r.count:
		return false
	}
	long := p.countsLong()
	p.bans = &bans{short: r.length, mean: r.count / p.recent.span().Seconds()}
	p.bans.note(p.ended, r.length, r.gap, r.count)
	p.level, p.sent, p.windowEnd = r.rate, 0, time.Time{}
	r.rate, r.part = 0, 1
	if long { // what it accepted before it refused is known as a mean over minutes
		p.bans.search(r.length)
		return true
	}
	p.bans.many = 1
	p.setReach(margin, p.level*p.bans.caution(r.length).Seconds())
	return true
}
