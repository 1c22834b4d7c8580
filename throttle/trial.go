package throttle

import (
	"fmt"
	"time"
)

// trial takes the refusals for those of a limit from now on.
func (i *inference) trial(now time.Time) {
	i.phase, i.evidence, i.spell, i.score, i.little = onTrial, 0, 0, 0, false
	i.found, i.told, i.during = now, now, tally{}
	share := i.share()
	i.begin(now, share)
	if share >= leastBackground && !i.words && !i.regular { // what a rhythm explains is no background
		i.rate.suspected().share = min(share, 0.8*mostBackground)
	}
}

// letGo takes the rate back.
func (s *scope) letGo() {
	i := s.inferred()
	rate := i.rate
	i.usualAfterAll()
	if i.words {
		rate.outage = outage{}
	} else {
		s.drop(func(m fitted) bool { return m.meter == meter(rate) })
	}
	if l := s.learned(); i.sole && l.perConnection == (messageCap{}) && l.perMessage == nil && l.connections.failed == 0 {
		s.drop(func(m fitted) bool { return m.kind.learned })
		s.state.learned = nil
	}
	i.calm()
}

// judge notes that a new outage began at a rate. A limit refuses at about the same rate
// each time, or was lowered once. What does not depend on the rate refuses at ever lower
// ones, as each refusal lowers the level. The first estimates measure a burst.
func (i *inference) judge(rate float64) {
	switch {
	case i.rate.estimates < wellKnown:
		i.top = rate
	case rate < fallen*i.top:
		i.top = rate
		i.score--
	default:
		i.top = max(i.top, rate)
		i.score = min(i.score+alikeScore, mostScore)
	}
	if i.score >= 1 {
		i.phase = proven
	}
}

// overturned takes the rate back when the refusals at it show that it is not the
// reason. It reports whether it has.
func (s *scope) overturned(now time.Time) bool {
	i := s.inferred()
	b := i.rate.background
	switch {
	case i.words:
		return false
	case i.oneSided():
		i.deaf = now.Add(deafness)
	case i.phase == onTrial && i.rate.outage.length() > longTrouble && i.rate.windowEnd.IsZero():
	case i.score <= leastScore, i.phase == onTrial && b.tolerant() && !b.testing() && b.tested.After(i.found):
	default:
		return false
	}
	s.refute(now)
	return true
}

// crawlPasses is the number of messages in a row without a refusal that disproves a limit
// of less than one message in unproven. Where one of ten is accepted at any rate, so many
// come once in 10,000 times.
const crawlPasses = 4

// crawls counts a try at a rate of less than one in unproven where far more was accepted
// before, and reports whether enough in a row were accepted.
func (i *inference) crawls(refused bool) bool {
	if refused || i.phase != onTrial || i.words || i.rate.outage.lasts() || i.rate.rateEstimate.rate() >= min(1/unproven.Seconds(), i.pace/4) {
		i.passes = 0
		return false
	}
	i.passes++
	return i.passes >= crawlPasses
}

// bound bounds the gap between two messages at a rate on trial, as that between two
// probes of a breaker. A block that lets a few through may look like a limit, and its
// end would be noticed late at a low rate.
func (i *inference) bound(now time.Time) {
	i.rate.slowest = 0
	if i.phase == onTrial && !i.words {
		i.rate.slowest = min(max(now.Sub(i.found)/gapPart, unproven), longestGap)
	}
}

// compare counts a try for the test. Where the rate lowers the share of refusals, they
// were those of the limit and are not usual.
func (i *inference) compare(begun time.Time, refused bool) {
	if i.test(begun, refused); i.helps() {
		i.trialTest = trialTest{}
		if b := i.rate.background; b != nil {
			i.rate.background = &background{anchor: b.anchor}
		}
		for kind := range i.tries {
			i.refusals[kind] = min(i.refusals[kind], i.tries[kind]*i.during.refused/i.during.tries)
		}
	}
}

// refute finds that a rate was vain.
func (s *scope) refute(now time.Time) {
	i := s.inferred()
	i.quiet = now.Add(min(max(quietFactor*now.Sub(i.found), leastQuiet), mostQuiet))
	if i.during.tries > 0 {
		for kind := range i.tries {
			i.tries[kind] = max(i.tries[kind], 2*leastReach)
			i.refusals[kind] = max(i.refusals[kind], i.during.refused/i.during.tries*i.tries[kind])
		}
	}
	s.letGo()
}

// text describes what the rate was inferred from: what was accepted in the minute before
// the suspicion, and what since the rate was found.
func (i *inference) text() string {
	if i.phase == calm {
		return ""
	}
	text := fmt.Sprintf("inferred: %.0f of %.0f accepted in the last minute at %s", i.before.accepted(), i.before.tries, rateText(i.pace))
	if i.phase == probing {
		return text
	}
	return text + fmt.Sprintf(", %.0f of %.0f at %s", i.during.accepted(), i.during.tries, rateText(i.rate.rateEstimate.rate()))
}
