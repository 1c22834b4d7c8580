package throttle

import (
	"math"
	"time"
)

const (
	// banLength is the length from which on an outage may be a punishment: neither a
	// bucket nor a count by the minute refuses for longer. A delay that the receiver asks
	// for counts as well.
	banLength = time.Minute
	// While a rate is searched for after such an outage, it doubles in a part of the
	// outage, within bounds: the rate of the last minute is then near the limit when
	// that is passed.
	doublingPart     = 16
	shortestDoubling = 2 * time.Minute
	longestDoubling  = 4 * time.Minute
	// leastDoubled is the least number of messages in which it doubles, at slow rates.
	leastDoubled = 4
	// more is the multiple of what was accepted before the outage before that shows that
	// the receiver does not count over a window. There may be two windows in between.
	more = 2.1
	// shortened is the part of the outage before that one lasts at least if both are
	// punishments. What is left of a window is shorter.
	shortened = 0.5
	// belowBan is the part of the rate before a punishment at which mail goes after it.
	belowBan = 0.9
	// caution is the time for which mail stays below that rate, in multiples of the
	// punishment and at least.
	caution      = 20
	leastCaution = 3*time.Hour + 30*time.Minute
	// shortCaution is the same for a punishment that a rush has shown: some 1 % of the
	// time is lost to such punishments.
	shortCaution = 60
	// seldomAfter is the time since a punishment that a rush has shown, in multiples of it,
	// after which one more costs little.
	seldomAfter = 10
	// quickProbes is the number of probes that tell a bucket from a punishment, before
	// mail is left alone for as long as ended the punishment before.
	quickProbes = 1
	// soonAfter is the time since a punishment within which another one shows a rate far
	// too high.
	soonAfter = time.Hour
)

// bans tells receivers that punish from receivers with a window. Both refuse everything
// for long. The window ends when it ends, so that what was refused costs nothing. A
// punishment begins at the refusal, whatever was sent before, and may be extended by each
// try. So the rate must stay below what was accepted before it, for the longer the more
// the punishment costs. It is nil before the first long outage.
type bans struct {
	window bool          // whether the receiver counts over a window
	length time.Duration // of the last outage that may have been a punishment
	gap    time.Duration // the time without a try after which it was over
	passed float64       // accepted before it, since the outage before
	ended  time.Time     // its end
	short  time.Duration // of the outage by which a rush has shown punishments; 0 when none has
	mean   float64       // the level before that, with the punishments in it
	credit float64       // messages accepted beyond those needed for the single refusals that were dismissed
	many   int           // punishments in a row that were recognised

	doubling time.Duration // the time in which the rate doubles; 0 when none is searched for
	climbed  time.Duration // the time for which it rose, without idle times

	cycles cycles // what was accepted between long outages
}

// suspects reports whether the next long outage is taken for a punishment.
func (b *bans) suspects() bool { return b != nil && !b.window }

// shown reports whether a rush has shown short punishments.
func (b *bans) shown() bool { return b != nil && b.short > 0 }

// strayed notes a single refusal after so many were accepted, and reports whether it says
// nothing of the level: a receiver of short punishments has no other answer to what exceeds
// its limit. Where single refusals are frequent, that is not so.
func (b *bans) strayed(accepted int) bool {
	if !b.shown() {
		return false
	}
	b.credit = min(b.credit+float64(accepted), 2*strayCredit) - betweenStrays
	return b.credit >= -strayCredit
}

// least returns the length from which on an outage may be a punishment.
func (b *bans) least() time.Duration {
	if !b.shown() {
		return banLength
	}
	return time.Duration(shortened * float64(b.short))
}

// searching reports whether a rate is searched for after a first long outage.
func (b *bans) searching() bool { return b != nil && b.doubling > 0 }

// climbs notes that a message has waited for its turn.
func (b *bans) climbs(step time.Duration) {
	if b != nil {
		b.climbed += min(step, b.doubling/leastDoubled)
	}
}

// factor returns the multiple of the level to which the rate has risen.
func (b *bans) factor() float64 {
	return math.Exp2(min(b.climbed.Seconds()/b.doubling.Seconds(), 60))
}

// note keeps a long outage, after so many were accepted.
func (b *bans) note(now time.Time, length, gap time.Duration, passed float64) {
	b.length, b.gap, b.passed, b.ended = length, gap, passed, now
}

// search begins to search for the rate, after an outage.
func (b *bans) search(length time.Duration) {
	b.doubling, b.climbed = min(max(length/doublingPart, shortestDoubling), longestDoubling), 0
}

// punishes reports whether a long outage is a punishment like the one before, after
// so many were accepted since that. A receiver that counts over a window accepts as
// much as the last time, and does so again soon.
func (b *bans) punishes(length, since time.Duration, passed float64) bool {
	if length.Seconds() < shortened*b.length.Seconds() {
		return false
	}
	return passed > more*b.passed || b.many > 0 && since > 2*length
}

// shutOut returns the time for which the outage kept mail out, and whether it may be a
// punishment.
func (p *rateEstimate) shutOut(now time.Time) (length time.Duration, long bool) {
	length = max(p.outage.length(), p.outage.asked)
	if p.outage.probes > quickProbes && p.bans.suspects() { // none was made meanwhile
		length = max(length, now.Sub(p.outage.began))
	}
	return length, length >= p.bans.least()
}

// disprovesWindow reports whether far more was accepted before the outage than a window
// lets pass: twice its rate at most, where two windows meet.
func (p *rateEstimate) disprovesWindow() bool {
	if p.windowEnd.IsZero() || p.bans.suspects() {
		return false
	}
	accepted := p.recent.sum(p.outage.began) / p.recent.span().Seconds()
	return min(accepted, p.outage.before) > more*p.level
}

// afterLong sets level, depth and reach after an outage that may be a punishment, and
// reports whether it has. It has not where the receiver counts over a window that is
// known, or was just recognised.
func (p *rateEstimate) afterLong(now time.Time, n float64) bool {
	length, long := p.shutOut(now)
	suspected, disproved := p.bans.suspects(), p.disprovesWindow()
	switch {
	case !long:
		return false
	case disproved:
		p.bans, p.windowEnd = &bans{}, time.Time{}
	case p.bans != nil && !suspected:
		return false
	case p.bans == nil && !p.windowEnd.IsZero():
		p.bans = &bans{window: true}
		return false
	case !suspected:
		p.bans = &bans{cycles: cycles{n: n, from: p.since}}
		p.bans.cycles.ends(now)
	}
	b := p.bans
	gap := max(now.Sub(p.outage.last), p.outage.asked)
	before := p.outage.before
	ended := p.outage.someEnd(now)
	p.outage.last = now // nothing was tried in between
	b.doubling = 0
	switch {
	case disproved:
		p.punish(now, length, before)
	case !suspected:
		if p.known() { // as it was before
			p.level = min(p.level, max(n/max(p.outage.began.Sub(p.since).Seconds(), 0.001), before))
			p.setReach(2*margin, p.level*length.Seconds())
			break
		}
		p.atFirst, p.firstIn = n, p.outage.began.Sub(p.since)
		p.level = n / ended.Sub(p.since).Seconds()
		p.setReach(margin, leastReach)
		b.search(length)
		p.level = max(p.level, leastDoubled/b.doubling.Seconds())
	case b.vain(before), !b.punishes(length, p.outage.began.Sub(b.ended), n):
		if b.shown() { // a rush was wrong
			p.rush.rest()
			p.bans = nil
		} else {
			*b = bans{window: true, cycles: b.cycles}
		}
		p.outage.last = ended
		p.reach = leastReach
		p.noteWindow(&p.outage)
		return false
	default:
		p.punish(now, length, before)
	}
	b.note(now, length, gap, n)
	return true
}

// punish sets the level after a punishment. before is the rate that was accepted
// before it.
func (p *rateEstimate) punish(now time.Time, length time.Duration, before float64) {
	was, b := p.level, p.bans
	p.level = belowBan * before
	switch {
	case b.shown() && b.seldom(p.outage.began, length):
		p.level = max(p.level, (1-margin)*was)
	case b.many > 0 && !b.shown():
		p.level = min(p.level, belowBan*was)
		if p.outage.began.Sub(b.ended) < soonAfter {
			p.level = min(p.level, was/2)
		}
	}
	b.many++
	p.level = max(p.level, 1/longestSpace.Seconds())
	p.setReach(margin, p.level*b.caution(length).Seconds())
}

// caution returns the time for which mail stays below a rate after a punishment.
func (b *bans) caution(length time.Duration) time.Duration {
	if b.shown() {
		return shortCaution * length
	}
	return max(caution*length, leastCaution)
}

// seldom reports whether an outage that began at a time comes long after the one before.
func (b *bans) seldom(began time.Time, length time.Duration) bool {
	return began.Sub(b.ended) >= seldomAfter*length
}

// unpunished reports whether an outage is no short punishment: it comes at a rate that was
// accepted before, for long. Then mail goes on.
func (p *rateEstimate) unpunished(now time.Time) bool {
	b, length := p.bans, p.outage.length()
	if !b.shown() || !p.settled() || length < windowOutage || !b.seldom(p.outage.began, length) {
		return false
	}
	b.ended = now
	p.goOn(now)
	return true
}

// vain reports whether to go below the rate before a punishment would bring less than
// what was accepted with short punishments in it.
func (b *bans) vain(before float64) bool { return b.shown() && belowBan*before < b.mean }

// setReach lets the rate begin below the level by a part, and reach it after so many.
func (p *rateEstimate) setReach(depth, reach float64) {
	p.depth, p.reach = depth, max(reach, leastReach)
}
