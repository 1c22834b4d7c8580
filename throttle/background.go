package throttle

import (
	"math"
	"math/bits"
	"time"
)

const (
	// firstStrays is the number of strays among the last amongRefusals
	// refusals that begins an experiment. Both double with each experiment that
	// found a limit, up to mostStrays, so that experiments stay rare where
	// there is a limit.
	firstStrays   = 2
	mostStrays    = 12
	amongRefusals = 5
	// keptLevel is the part of a well known level below which isolated refusals
	// alone do not bring it.
	keptLevel = 0.85
	// confirmed is the part by which two measures of the rate of a limit differ at
	// most.
	confirmed = 0.03
	// leastLowered bounds the lowering by an experiment that finds a limit: to this part
	// of the level, or of the messages accepted in the last minute, at least. The
	// candidate may rest on few messages. An outage lowers it further.
	leastLowered = 0.5
	// belowCandidate is the rate of an experiment, as a part of the suspected limit: a
	// limit refuses nothing then.
	belowCandidate = 0.9
	// retested is the part of the rate at which a known background is tested
	// again, unless much more was accepted.
	retested = 0.6
	// longestTrial is the longest experiment, unless it has had too few messages by then.
	// At its end the likelier explanation counts.
	longestTrial = time.Minute
	// decided is the logarithm of the odds at which an experiment ends. One of
	// 50 errs.
	decided = 4
	// alarming is the sum of evidence at which refusals are more than the background.
	// moreAlarming is added to it for each unit of the share. Two refusals in a row are
	// an alarm at a share of 0.1 %, four at 2 %, eleven at 10 %. By chance it is
	// reached once in some 10,000 messages or more.
	alarming     = 6
	moreAlarming = 20
	// mostBackground is the largest share of refusals that is tolerated. Whoever
	// refuses more wants less mail.
	mostBackground = 0.25
	// leastShare is the least share of refusals that a background is taken to have. One
	// that falls below forgottenShare has gone.
	leastShare     = 0.001
	forgottenShare = leastShare / 5
	// An experiment compares these parts of the share that began it. That share is too
	// high, for strays begin experiments where they came close together by chance. A
	// seventh of it or more is a background. A limit refuses next to nothing.
	trialBackground = 1.0 / 4
	trialLimit      = 1.0 / 24
	// littleShare is the share of refusals below which a background is tested near the
	// rate.
	littleShare = 0.01
	// averaged is the number of messages over which the background is averaged.
	averaged = 500
	// A background is tested again after recheckTime and recheckRefused refusals,
	// for it may have been a limit all the same. The time doubles with each test that
	// it passes, up to longestRecheck.
	recheckTime    = 2 * time.Minute
	longestRecheck = time.Hour
	recheckRefused = 50
	// someRefused is the number of refusals that a known background is expected to bring
	// in a test: with fewer messages, none may be refused by chance.
	someRefused = 4
)

// background tells refusals that do not depend on the rate from others. Some receivers
// refuse a share of all messages in the words of a limit: by reputation, to shed load, or
// because one of their hosts does. To slow down for these helps nobody, and to slow down
// at each ends near zero.
//
// A refusal is a stray when it is isolated, and came at a rate that was
// accepted before. After some strays the rate is lowered for as long as it
// takes to compare: a limit refuses less then, a background does not. What is
// known as background is tolerated, and only more refusals than that count as
// those of a limit. A nil background has seen no isolated refusal: most rates
// never do, and there may be a million.
type background struct {
	share  float64 // of what is refused at any rate; 0 when none is known
	anchor float64 // the level that was found last by a refusal that was no stray
	strays uint32  // a bit for each of the last refusals, the latest the lowest; set for a stray
	needed int     // the number of strays that begins an experiment; 0 means firstStrays

	// What was accepted before the last isolated refusal, and that time in seconds.
	last, lastIn float64

	// What was accepted between each stray and the refusal before it, and the
	// seconds that this took: the rate of the limit, if there is one.
	before, beforeIn float64

	tries, refused float64 // since the anchor, or since the background was last tested
	floor          float64 // the rate that a limit has at least, by what was accepted of late
	tested         time.Time
	passes         int           // tests in a row that it passed
	evidence       float64       // of refusals beyond the background; see alarming
	onset          time.Time     // the time of the first refusal that the evidence counts
	passed         float64       // accepted since
	passedThen     float64       // the number accepted before the last alarm since its onset
	passedIn       time.Duration // and the time that these took

	began time.Time // the beginning of the experiment that is under way; zero when none is
	from  float64   // tries at that time
	odds  float64   // that its refusals are background, as a logarithm
	climb climb     // of a level that was brought down
	falls falls     // of a window's level
}

// testing reports whether an experiment is under way.
func (b *background) testing() bool { return b != nil && !b.began.IsZero() }

// tolerant reports whether single refusals are tolerated.
func (b *background) tolerant() bool { return b != nil && b.share > 0 }

// found notes a level that a refusal has shown. The refusal was no stray. alone says that
// it was an isolated one.
func (b *background) found(level float64, alone bool) {
	if b == nil {
		return
	}
	b.anchor = level
	b.strays <<= 1
	if !alone {
		b.strays = 0
	}
	if b.strays == 0 {
		b.before, b.beforeIn = 0, 0
		if !b.tolerant() {
			b.tries, b.refused = 0, 0
		}
	}
}

// confirms notes that n were accepted in a number of seconds before an isolated
// refusal. It reports whether the one before it shows the same rate, to within
// confirmed. Where refusals are at random, those of as many messages seldom do.
func (b *background) confirms(n, over float64) bool {
	rate, last := n/over, b.last/max(b.lastIn, 0.001)
	many := min(n, b.last) >= leastReach
	b.last, b.lastIn = n, over
	return many && math.Abs(rate-last) <= confirmed*rate
}

// stray notes an isolated refusal below the anchor, after n were accepted in
// a number of seconds.
func (b *background) stray(now time.Time, n, over float64) {
	b.strays = b.strays<<1 | 1
	b.before += n
	b.beforeIn += over
	needed := max(b.needed, firstStrays)
	last := b.strays << (32 - amongRefusals*needed/firstStrays)
	if bits.OnesCount32(last) >= needed {
		b.begin(now, max(b.refused-1, 1)/max(b.tries, 1))
	}
}

// hesitate doubles the number of strays that begins an experiment.
func (b *background) hesitate() {
	b.needed = min(2*max(b.needed, firstStrays), mostStrays)
}

// candidate returns the level of the limit that the strays were refused for,
// if there is one.
func (b *background) candidate() float64 {
	if b.beforeIn == 0 {
		return retested * b.anchor
	}
	return b.before / b.beforeIn
}

// begin begins an experiment.
func (b *background) begin(now time.Time, share float64) {
	b.share = min(max(share, leastShare), 0.8*mostBackground)
	b.began, b.from, b.odds, b.evidence = now, b.tries, 0, 0
}

// finding is the result of an experiment.
type finding uint8

const (
	foundNothing    finding = iota
	foundBackground         // the refusals do not depend on the rate
	foundLimit              // they do
	foundRoom               // a climb has met no limit
	foundCeiling            // it has
)

// accepted counts n accepted messages of a try that began at a time, and returns the
// result of an experiment. settled means that the rate was accepted before.
func (b *background) accepted(now, begun time.Time, n int, settled bool) (f finding) {
	if b == nil {
		return foundNothing
	}
	b.tries += float64(n)
	if !b.tolerant() {
		return foundNothing
	}
	for range min(n, averaged) {
		f = max(f, b.count(now, begun, false, settled))
	}
	return f
}

// refuse counts a refusal of a try that began at a time. It reports whether it
// is tolerated, and returns what an experiment has shown.
func (b *background) refuse(now, begun time.Time, settled bool) (tolerated bool, f finding) {
	if b == nil {
		return false, foundNothing
	}
	b.tries++
	b.refused++
	if !b.tolerant() {
		return false, foundNothing
	}
	f = b.count(now, begun, true, settled)
	if b.climb.failed {
		return false, f
	}
	if b.evidence < alarming+moreAlarming*b.share {
		return true, f
	}
	b.passedThen, b.passedIn = b.passed, now.Sub(b.onset)
	if b.testing() { // the next test would begin at once, at a part of the rate of this one
		b.tries, b.refused = 0, 0
	}
	b.evidence, b.began = 0, time.Time{}
	return false, f
}

// count weighs one outcome, and returns what an experiment has shown.
func (b *background) count(now, begun time.Time, refused, settled bool) finding {
	b.weigh(now, refused)
	if settled && !b.testing() {
		b.average(refused)
	}
	switch {
	case !b.testing():
		if b.refused >= recheckRefused && now.Sub(b.tested) >= min(recheckTime<<b.passes, longestRecheck) {
			b.before, b.beforeIn = 0, 0
			b.begin(now, b.share)
		}
	case !begun.After(b.began):
	case b.climb.rising:
		return b.climbs(now, refused)
	default:
		b.odds += ratio(refused, trialBackground*b.share, trialLimit*b.share)
		return b.decide(now)
	}
	return foundNothing
}

// weigh adds an outcome to the evidence.
func (b *background) weigh(now time.Time, refused bool) {
	if b.evidence == 0 {
		b.onset, b.passed = now, 0
	}
	if !refused {
		b.passed++
	}
	share := max(b.share, leastShare)
	more := min(share+max(0.1, share), 0.9)
	b.evidence = max(b.evidence+ratio(refused, more, share), 0)
}

// saturated returns the number accepted from the time at which refusals became
// more than the background to the alarm, and that time in seconds. It reports
// false when that is too short to tell a rate.
func (b *background) saturated() (n, over float64, ok bool) {
	if b == nil {
		return 0, 0, false
	}
	return b.passedThen, b.passedIn.Seconds(), b.passedThen >= leastReach && b.passedIn > 0
}

// ratio returns the logarithm of how much likelier an outcome is with one share
// of refusals than with another.
func ratio(refused bool, share, other float64) float64 {
	if refused {
		return math.Log(share / other)
	}
	return math.Log((1 - share) / (1 - other))
}

// average follows a background that changes, and forgets one that has gone.
func (b *background) average(refused bool) {
	x := 0.0
	if refused {
		x = 1
	}
	b.share += (x - b.share) / averaged
	if b.share < forgottenShare || b.share > mostBackground {
		*b = background{anchor: b.anchor, needed: b.needed}
	}
}

// decide ends an experiment that has shown something or takes long, and returns
// what it has shown.
func (b *background) decide(now time.Time) finding {
	switch long := now.Sub(b.began) >= longestTrial; {
	case long && b.tries-b.from < b.enough(): // the rate is low, or the clock has jumped
		b.began = now
	case b.odds >= decided, long && b.odds >= 0:
		if b.passes == 0 { // that at the beginning was of few refusals
			b.share = min(max(b.refused/b.tries, leastShare), 0.8*mostBackground)
		}
		b.tested, b.tries, b.refused = now, 0, 0
		b.passes = min(b.passes+1, 8)
		b.began, b.strays, b.before, b.beforeIn = time.Time{}, 0, 0, 0
		return foundBackground
	case b.odds <= -decided, long:
		*b = background{anchor: b.anchor, before: b.before, beforeIn: b.beforeIn, floor: b.floor, needed: b.needed}
		return foundLimit
	}
	return foundNothing
}

// enough returns the least number of messages in an experiment that takes long. A
// background that has passed a test before would refuse some of them.
func (b *background) enough() float64 {
	if b.passes == 0 {
		return leastReach
	}
	return max(leastReach, someRefused/b.share)
}
