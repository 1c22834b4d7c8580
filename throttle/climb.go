package throttle

import (
	"math"
	"time"
)

const (
	// sunkAfter is the number of refusals in a row, each at a rate accepted before, after
	// which a climb tells whether they depend on the rate. It doubles with each climb
	// that met a limit, up to mostSunk.
	sunkAfter = 3
	mostSunk  = 48
	// sunkTo is the part of the level to which they must have lowered it.
	sunkTo = 0.5
	// climbFactor is the multiple of the level at which a climb sends.
	climbFactor = 4
	// climbLimit is the least share that a limit refuses at the rate of a climb. It
	// refuses three of four.
	climbLimit = 0.6
	// leastClimbShare is the least share that a climb takes the background to have: it
	// begins after few messages.
	leastClimbShare = 0.05
	// A climb shows no background before warmBursts times as many messages as the receiver
	// may let pass at once, up to mostWarm: its burst takes three quarters of them.
	warmBursts = 2
	mostWarm   = 40
)

// climb recovers a rate that refusals at random have brought down. An estimate that is
// made of few messages may be far too low, and the next one is made of fewer. A limit
// refuses at most a few messages in a row at rates that it accepted before. Where more
// are refused, some messages go at a multiple of the level: a limit refuses most of
// them then, and a background no more than ever. The zero climb has seen nothing.
type climb struct {
	top            float64 // the level before it was lowered; 0 when it was not
	lowered        int     // refusals in a row that lowered it
	tries, refused float64 // since then
	needed         int     // the number of refusals that begins a climb; 0 means sunkAfter
	rising         bool    // whether a climb is under way
	failed         bool    // whether it has met a limit, and the outage for that lasts
	tried          int     // messages of the climb
	warm           int     // the number of them before it may show a background
}

// forget ends the row of refusals, and forgets the level before it.
func (c *climb) forget() { *c = climb{needed: c.needed} }

// interrupt ends the row of refusals. The level from which it fell is known still.
func (c *climb) interrupt() { c.lowered, c.tries, c.refused = 0, 0, 0 }

// climbing reports whether messages go at a multiple of the level.
func (b *background) climbing() bool { return b.testing() && b.climb.rising }

// rise begins a climb. burst is the number of messages that the receiver may let pass
// at once.
func (b *background) rise(now time.Time, burst float64) {
	c := &b.climb
	share := max(c.refused/max(c.tries, 1), leastClimbShare)
	b.begin(now, share)
	c.rising, c.tried, c.warm = true, 0, int(min(warmBursts*burst, mostWarm))
}

// climbs counts one outcome of a climb, and returns what it has shown.
func (b *background) climbs(now time.Time, refused bool) finding {
	c := &b.climb
	c.tried++
	c.tries++
	if refused {
		c.refused++
	}
	b.odds = min(b.odds+ratio(refused, max(b.share, leastClimbShare), climbLimit), decided)
	long := now.Sub(b.began) >= longestTrial && c.tried >= leastReach
	switch {
	case b.odds <= -decided, long && b.odds < 0:
		*b = background{anchor: b.anchor, floor: b.floor, needed: b.needed, climb: climb{
			needed: min(2*max(c.needed, sunkAfter), mostSunk), failed: refused,
		}}
		return foundCeiling
	case c.tried >= c.warm && b.odds >= decided, long:
		b.share = min(max(c.refused/c.tries, leastShare), 0.8*mostBackground)
		b.found(b.anchor, false)
		b.tested, b.tries, b.refused, b.passes = now, 0, 0, max(b.passes, 1)
		b.began, c.rising = time.Time{}, false
		return foundRoom
	}
	return foundNothing
}

// sank notes the end of an outage after so many were accepted. was is the level before
// it, and settled says that mail went at a rate that was accepted before. It begins a
// climb after some of these.
func (p *rateEstimate) sank(now time.Time, o outage, was, accepted float64, settled bool) {
	switch {
	case p.strict || !p.windowEnd.IsZero() || p.bans != nil:
		if p.background != nil {
			p.background.climb.forget()
		}
		return
	case !settled:
		if p.background != nil {
			p.background.climb.interrupt()
		}
		return
	}
	b := p.suspected()
	c := &b.climb
	c.top = max(c.top, was)
	c.tries += accepted + float64(o.inFlight+o.probes+o.passed)
	c.refused += float64(o.inFlight + o.probes)
	if p.estimates > 1 { // the first measures a burst
		c.lowered++
	}
	if c.lowered >= max(c.needed, sunkAfter) && p.level <= sunkTo*c.top {
		b.rise(now, p.burst())
	}
}

// climbsSooner reports whether a climb tells sooner than the experiment under way whether
// refusals depend on the rate: the experiment would take long to meet some of them, and
// the climb's rate is still below the level that was known once. Where refusals ask for
// delays these hold up what would go at that rate.
func (p *rateEstimate) climbsSooner() bool {
	b := p.background
	long := someRefused/b.share > leastLowered*p.level*longestTrial.Seconds()
	return long && p.outage.asked == 0 && climbFactor*p.level <= b.climb.top
}

// falls holds the evidence of the last outage for a receiver that counts over a window.
// Such a receiver accepts as much each time. One that refuses after ever fewer messages
// does not count them: others take all for a time, say. To lower the level each time
// would end near zero.
type falls struct {
	count float64 // accepted over the window before an outage that would lower the level; 0 when the last did not
	top   float64 // the level before it was lowered at the last outage; 0 when it was not
}

// countsAgain sets the level of a window after an outage. was is the level before it. It
// falls when two outages in a row come after as many messages, and is as before when that
// was in vain.
func (p *rateEstimate) countsAgain(was float64) {
	f := &p.suspected().falls
	count := p.level * p.recent.span().Seconds()
	same := math.Abs(count-f.count) <= confirmed*count+1
	switch {
	case p.level >= (1-confirmed)*was:
		*f = falls{}
		return
	case f.top > 0:
		p.level, f.top = f.top, 0
	case same:
		f.top = was
	default:
		p.level = was
	}
	f.count = count
}

// climbed goes on after a climb that has met no limit. It begins the next one, until
// the level is as high as it was.
func (p *rateEstimate) climbed(now time.Time) {
	c := &p.background.climb
	p.level = max(climbFactor*p.level, p.lately(now))
	if p.level < c.top {
		p.sent, p.accepted, p.since = 0, 0, now
		p.background.rise(now, 1)
		return
	}
	c.forget()
	p.raise(now)
}

// fell goes back to the level known before a climb that met a limit.
func (p *rateEstimate) fell(now time.Time) {
	p.background.climb.failed = false
	p.sent = 0
	p.reach = max(p.reach, leastReach)
	p.goOn(now)
}
