package throttle

import (
	"math"
	"math/bits"
	"time"
)

const (
	// firstSuspects is the number of suspects among the last amongRefusals
	// refusals that begins an experiment. Both double with each experiment that
	// found a limit, up to mostSuspects, so that experiments stay rare where
	// there is a limit.
	firstSuspects = 3
	mostSuspects  = 12
	amongRefusals = 8
	// keptLevel is the part of a well known level below which isolated refusals
	// alone do not bring it.
	keptLevel = 0.9
	// belowCandidate is the part of the rate that a limit may have at which an
	// experiment sends: a limit refuses nothing then.
	belowCandidate = 0.9
	// retested is the part of the rate at which a known background is tested
	// again.
	retested = 0.6
	// decided is the logarithm of the odds at which an experiment ends. One of
	// 50 errs.
	decided = 4
	// alarming is the sum of evidence at which refusals are more than the
	// background. By reckoning a share of 2 % reaches it by chance once in
	// 10,000 messages, one of 10 % once in 5,000.
	alarming = 6
	// mostBackground is the largest share of refusals that is tolerated. Whoever
	// refuses more wants less mail.
	mostBackground = 0.25
	// leastShare is the share of refusals that a limit is expected to have at a
	// rate that it allows, and the least background that is kept.
	leastShare = 0.001
	// averaged is the number of messages over which the background is averaged.
	averaged = 500
	// A background is tested again after recheckTime and recheckRefused refusals,
	// for it may have been a limit all the same.
	recheckTime    = 10 * time.Minute
	recheckRefused = 100
)

// background tells refusals that do not depend on the rate from those that do.
// Some receivers refuse a share of all messages in the words of a limit: by
// reputation, to shed load, or because one of their hosts does. To slow down for
// these helps nobody, and to slow down at each ends near zero.
//
// A refusal is a suspect when it is isolated, and came at a rate that was
// accepted before. After some suspects the rate is lowered for as long as it
// takes to compare: a limit refuses less then, a background does not. What is
// known as background is tolerated, and only more refusals than that count as
// those of a limit. The zero background has seen nothing.
type background struct {
	share    float64 // of what is refused at any rate; 0 when none is known
	anchor   float64 // the level that was found last by a refusal that was no suspect
	suspects uint32  // a bit for each of the last refusals, the latest the lowest; set for a suspect
	needed   int     // the number of suspects that begins an experiment; 0 means firstSuspects

	// What was accepted between each suspect and the refusal before it, and the
	// seconds that this took: the rate of the limit, if there is one.
	before, beforeIn float64

	tries, refused float64 // since the anchor, or since the background was last tested
	tested         time.Time
	evidence       float64       // of refusals beyond the background; see alarming
	onset          time.Time     // the time of the first refusal that the evidence counts
	passed         float64       // accepted since
	passedThen     float64       // the number accepted before the last alarm since its onset
	passedIn       time.Duration // and the time that these took

	began time.Time // the beginning of the experiment that is under way; zero when none is
	odds  float64   // that its refusals are background, as a logarithm
}

// testing reports whether an experiment is under way.
func (b *background) testing() bool { return !b.began.IsZero() }

// tolerant reports whether single refusals are tolerated.
func (b *background) tolerant() bool { return b.share > 0 }

// found notes a level that was found by a refusal that was no suspect. alone
// says that it was an isolated one.
func (b *background) found(level float64, alone bool) {
	b.anchor = level
	b.suspects <<= 1
	if !alone {
		b.suspects = 0
	}
	if b.suspects == 0 {
		b.before, b.beforeIn = 0, 0
		if !b.tolerant() {
			b.tries, b.refused = 0, 0
		}
	}
}

// suspect notes an isolated refusal below the anchor, after n were accepted in
// a number of seconds.
func (b *background) suspect(now time.Time, n, over float64) {
	b.suspects = b.suspects<<1 | 1
	b.before += n
	b.beforeIn += over
	needed := max(b.needed, firstSuspects)
	last := b.suspects << (32 - amongRefusals*needed/firstSuspects)
	if bits.OnesCount32(last) >= needed {
		b.begin(now, max(b.refused-1, 1)/max(b.tries, 1))
	}
}

// candidate returns the level of the limit that the suspects were refused for,
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
	b.began, b.odds, b.evidence = now, 0, 0
}

// finding is what an experiment has shown.
type finding uint8

const (
	foundNothing    finding = iota
	foundBackground         // the refusals do not depend on the rate
	foundLimit              // they do
)

// accepted counts n that were accepted of a try that began at a time, and
// returns what an experiment has shown. settled says that the rate is one that
// was accepted before.
func (b *background) accepted(now, begun time.Time, n int, settled bool) (f finding) {
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
	b.tries++
	b.refused++
	if !b.tolerant() {
		return false, foundNothing
	}
	f = b.count(now, begun, true, settled)
	if b.evidence < alarming {
		return true, f
	}
	b.passedThen, b.passedIn = b.passed, now.Sub(b.onset)
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
		if b.refused >= recheckRefused && now.Sub(b.tested) >= recheckTime {
			b.before, b.beforeIn = 0, 0
			b.begin(now, b.share)
		}
	case begun.After(b.began):
		b.odds += ratio(refused, b.share/2, b.share/6)
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
	more := min(b.share+max(0.1, b.share), 0.9)
	b.evidence = max(b.evidence+ratio(refused, more, b.share), 0)
}

// saturated returns the number accepted from the time at which refusals became
// more than the background to the alarm, and that time in seconds. It reports
// false when that is too short to tell a rate.
func (b *background) saturated() (n, over float64, ok bool) {
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
	if b.share < leastShare || b.share > mostBackground {
		*b = background{anchor: b.anchor, needed: b.needed}
	}
}

// decide ends an experiment that has shown something, and returns what that is.
func (b *background) decide(now time.Time) finding {
	if b.odds >= decided || b.odds <= -decided {
		trace(now, "decide odds %.1f share %.4f took %v", b.odds, b.share, now.Sub(b.began))
	}
	switch {
	case b.odds >= decided:
		b.tested, b.tries, b.refused = now, 0, 0
		b.began, b.suspects, b.before, b.beforeIn = time.Time{}, 0, 0, 0
		return foundBackground
	case b.odds <= -decided:
		*b = background{anchor: b.anchor, before: b.before, beforeIn: b.beforeIn, needed: min(2*max(b.needed, firstSuspects), mostSuspects)}
		return foundLimit
	}
	return foundNothing
}
