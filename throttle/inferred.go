package throttle

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// fewAccepted is the number of messages without which nothing is known of a
	// receiver. Where it refuses everything for vainProbing after fewer, the pace is
	// not the reason.
	fewAccepted = 5
	vainProbing = 4 * time.Second
	// unproven is the time after which a rate that was not refused at, and is
	// not proven, is let rise.
	unproven = time.Minute
	// longTrouble is the length of an outage that is too long for a rate on trial.
	longTrouble = 20 * time.Second
	// proof is the number of messages that must have gone before a refusal above the
	// level proves that.
	proof = 20
	// quietFactor, leastQuiet and mostQuiet bound the time after a vain rate for which
	// more evidence is needed, in times of what that took.
	quietFactor = 30
	leastQuiet  = 5 * time.Second
	mostQuiet   = 10 * time.Minute
	// deafness is the time for which nothing is suspected after the messages were
	// shown to be the reason.
	deafness = 2 * time.Minute
	// asMuch is the part by which what was accepted before two outages differs at most
	// where a receiver counts over a window, and asMuchMore a number besides.
	asMuch, asMuchMore = 0.2, 2
	// leastBackground is the usual share of refusals from which on single ones are
	// tolerated at a rate that was inferred.
	leastBackground = 0.01
	// mostScore and leastScore bound the score of a rate. alikeScore is that of a refusal
	// at about the same rate as before, or a higher one; fallen is the part of it below
	// which a rate counts against it.
	mostScore, leastScore = 2, -3
	alikeScore            = 0.3
	fallen                = 0.5
	// narrow is the number of messages under way while a window may end, and mostSpell
	// the number of messages of a window up to which it is worth that.
	narrow, mostSpell = 2, 5000
	// mostPutOff is the number of refused messages that go again once a limit was
	// found. Those that wait for no longer than longestRelease go by themselves.
	mostPutOff     = 256
	longestRelease = 2 * time.Second
)

// inferencePhase says what is made of refusals without words.
type inferencePhase uint8

const (
	calm    inferencePhase = iota // no more than usual
	probing                       // a limit is suspected; one try at a time probes
	onTrial                       // a rate was found, and refusals are taken for those of a limit
	proven                        // that rate was refused above its level, or a window came again
)

// inference finds limits that no reply names. Refusals without words are no evidence
// one by one: greylisting, full disks and bad addresses refuse too. When more is
// refused than usual, a limit is suspected. Then they are handed to the meter that
// learns from words, which finds the rate. The inference watches whether that explains
// them, and takes the rate back when it does not:
//
//   - What was under way at the first refusals is accepted: it was chance.
//   - Messages from elsewhere in the queue are accepted, at the same pace: it is what
//     the others have in common. See samples.
//   - Nothing is accepted after long: it is trouble, or a limit per minute or hour. It
//     is taken for a limit when as much was accepted before the next such outage.
//   - As much is refused at the lower rate: it does not depend on the rate.
//
// It exists once something was refused without words.
type inference struct {
	suspicion
	samples
	blocks
	trialTest
	ordinals
	crowding
	hot     hotMailboxes
	rate    *learnedRate // that it has made, or that words had; nil in calm
	words   bool         // words had taught the rate
	sole    bool         // nothing else had taught the scope anything
	phase   inferencePhase
	before  tally         // the tries of the last minute, when the suspicion came
	pace    float64       // the rate of these, per second
	during  tally         // the tries since the rate was found
	found   time.Time     // that time
	told    time.Time     // that time, or the last time at which the rate was let rise
	quiet   time.Time     // until then doubted applies
	deaf    time.Time     // until then nothing is suspected
	spell   float64       // the number accepted before the last outage that taught nothing; 0 is none
	taken   float64       // the number accepted since then
	takenAt time.Time     // that time
	hourly  bool          // that outage was too long for a window of a minute
	score   float64       // of what the rates at which it was refused tell; see judge
	top     float64       // the highest of these since they have fallen
	putOff  []postponable // what was refused in vain while a limit is suspected
}

// inferred returns the inference of a scope; nil when nothing was refused without
// words.
func (s *scope) inferred() *inference {
	if s.state == nil {
		return nil
	}
	return s.state.inferred
}

// inferring returns it, made when it is first called.
func (s *scope) inferring(now time.Time) *inference {
	if i := s.inferred(); i != nil {
		return i
	}
	if s.state == nil {
		s.state = &scopeState{}
	}
	i := &inference{}
	if !s.recent.stale(now) {
		i.tries[0] = min(float64(s.recent.messages), usualOver)
	}
	s.state.inferred = i
	return i
}

// remembers reports whether it knows something that counts.
func (i *inference) remembers(now time.Time) bool {
	return i != nil && (i.phase != calm || i.evidence > 0 || i.spell > 0 || now.Before(i.quiet) || now.Before(i.deaf))
}

// settle notes when the rate was forgotten meanwhile.
func (i *inference) settle(s *scope) {
	if i.phase != calm && s.rate(learnedMessagesKind) != i.rate {
		i.calm()
	}
}

// calm ends all suspicion.
func (i *inference) calm() {
	i.phase, i.evidence, i.rate, i.putOff = calm, 0, nil, nil
	i.blocks = blocks{pause: i.pause, tried: i.tried}
}

// lately returns the number accepted in the last minute or so.
func (s *scope) lately(now time.Time) float64 {
	if s.recent.stale(now) {
		return 0
	}
	return float64(s.recent.messages)
}

// suspects counts a refusal in calm, and reports whether a limit is suspected.
func (i *inference) suspects(now, begun time.Time, s *scope, kind int) bool {
	i.weigh(begun, kind, true, true)
	switch {
	case now.Before(i.deaf), s.lately(now) == 0:
		return false
	case i.spell >= proof && i.again(i.taken):
		return true
	case now.Before(i.quiet) && i.evidence < doubted:
		return false
	}
	return i.evidence >= suspected && i.refusedInRun() >= leastRefused
}

// again reports whether a number is as much as was accepted before the last outage
// that taught nothing.
func (i *inference) again(n float64) bool {
	d := n - i.spell
	return i.spell > 0 && max(d, -d) <= asMuch*i.spell+asMuchMore
}

// narrows reports whether no more than narrow may be under way: as much was accepted as
// before the last outage, and if the receiver counts over a window it ends now.
func (i *inference) narrows() bool {
	if i == nil || i.phase != calm || i.spell < proof || i.spell > mostSpell {
		return false
	}
	d := i.taken - i.spell
	return d > -asMuch/2*i.spell-asMuchMore && d < asMuch/2*i.spell+asMuchMore
}

// probe begins to probe, after a limit was suspected.
func (s *scope) probe(now time.Time, o Outcome, generation int32) []Change {
	i := s.inferred()
	n, since := s.lately(now), s.recent.since()
	if i.spell > 0 {
		n, since = i.taken, i.takenAt
	}
	i.before, i.pace = tally{n + i.refusedInRun(), i.refusedInRun()}, (n+i.refusedInRun())/max(now.Sub(since).Seconds(), 1)
	i.exceptional()
	i.cap()
	s.guess(now, o, int(n), since, generation)
	if i.again(i.taken) {
		if i.hourly {
			i.rate.recent.widen(now)
		}
		i.rate.windowEnd = i.takenAt
	}
	i.rate.refuse(now, now)
	i.rate.outage.inFlight = max(int(i.refusedInRun()), 1)
	if o.Verdict.RetryAfter > 0 {
		i.rate.outage.hint(now, o.Verdict.RetryAfter)
	}
	i.phase, i.samples = probing, samples{}
	return []Change{{
		Time: now, Scope: s.kind.String(), Name: s.name, Limit: classify.LimitMessageRate,
		Until: s.pausedUntil(now), Reason: cmp.Or(o.Err, errEndless),
	}}
}

// errEndless is the evidence of a connection that ended without a reply.
var errEndless = errors.New("the connection ended without a reply")

// guess makes the rate, unless there is one.
func (s *scope) guess(now time.Time, o Outcome, accepted int, since time.Time, generation int32) {
	i := s.inferred()
	i.words, i.sole = s.rate(learnedMessagesKind) != nil, s.learned() == nil
	s.learning(now, generation).note(now, classify.LimitMessageRate, cmp.Or(o.Err, errEndless))
	i.rate = s.learnRate(now, learnedMessagesKind, accepted, since, generation)
}

// knowsLittle reports whether too little was accepted before the suspicion, beside what
// was refused, to think of a limit.
func (i *inference) knowsLittle() bool {
	return i.before.accepted() < max(fewAccepted, i.before.refused)
}

// probed notes a refusal while it probes. It reports whether the pace cannot be the
// reason.
func (i *inference) probed(now, begun time.Time, kind int) (vain bool) {
	if !begun.After(i.rate.outage.began) {
		i.weigh(begun, kind, true, false)
		i.cap()
	}
	i.rate.refuse(now, begun)
	i.hurry(now)
	if i.rate.outage.length() > vainProbing && !i.rate.known() && i.spell == 0 && i.knowsLittle() {
		i.tries[kind], i.refusals[kind] = usualOver, usualOver
		return true
	}
	return i.oneSided()
}

// hurry shortens the gaps between the probes once an outage lasts for longer than a
// receiver that counts by the minute makes it: it may well be no limit.
func (i *inference) hurry(now time.Time) {
	o := &i.rate.outage
	if o.length() > surelyMinute && !i.rate.known() && i.rate.windowEnd.IsZero() {
		o.gap = o.length() / gapPart
		o.until = now.Add(o.gap)
	}
}

// heard notes a try that was accepted, before the meters learn of it. It reports
// whether the pace has changed, or is let go.
func (s *scope) heard(now, begun time.Time, kind int, far bool) bool {
	i := s.inferred()
	if i == nil {
		return false
	}
	i.settle(s)
	i.taken++
	switch i.phase {
	case calm:
		i.weigh(begun, kind, false, true)
		i.count(now, false)
	case probing:
		return s.heardProbing(now, begun, kind, far)
	default:
		i.during.add(false)
		if i.rate.outage.lasts() && begun.After(i.rate.outage.began) {
			i.sample(far, false)
		}
		if i.compare(begun, false); i.vain() {
			s.refute(now)
			return true
		}
		if i.phase == onTrial && i.during.refused == 0 && now.Sub(i.told) >= unproven {
			i.told = now
			i.rate.raise(now)
		}
	}
	return false
}

// heardProbing is heard while it probes.
func (s *scope) heardProbing(now, begun time.Time, kind int, far bool) bool {
	i := s.inferred()
	o := &i.rate.outage
	switch {
	case !o.lasts():
		i.trial(now)
	case begun.After(o.began):
		i.sample(far, false)
		return s.probeAccepted(now)
	case !begun.Before(i.since):
		i.weigh(begun, kind, false, false)
		if i.evidence == 0 {
			s.letGo()
			return true
		}
	}
	return false
}

// probeAccepted notes the end of the outage in which it probes.
func (s *scope) probeAccepted(now time.Time) bool {
	i := s.inferred()
	o := &i.rate.outage
	n, over := float64(max(i.rate.rateEstimate.accepted, 1)), max(o.last.Sub(i.rate.since).Seconds(), 0.001)
	long := o.length() >= windowOutage && (o.length().Seconds()*n/over >= windowMessages || o.length() >= 5*windowOutage)
	switch {
	case !long && !i.rate.known() && (i.evidence < suspected/2 || i.knowsLittle() && i.spell == 0):
		s.letGo()
		return true
	case long && !i.rate.known() && !i.again(n):
		i.run = [2]tally{} // it is no part of what is usual
		i.spell, i.taken, i.takenAt, i.hourly = n, 0, now, o.length() > surelyMinute
		s.window = min(s.window, 1)
		s.letGo()
		return true
	}
	i.trial(now)
	if long {
		i.phase, i.score = proven, mostScore
	}
	return true
}

// trial takes the refusals for those of a limit from now on.
func (i *inference) trial(now time.Time) {
	i.phase, i.evidence, i.spell, i.score = onTrial, 0, 0, 0
	i.found, i.told, i.during = now, now, tally{}
	share := i.share()
	i.begin(now, share)
	if share >= leastBackground && !i.words {
		i.rate.background.share = min(share, 0.8*mostBackground)
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
	if l := s.learned(); i.sole && l.perConnection == (messageCap{}) && l.connections == (connectionCap{}) {
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
	b := &i.rate.background
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

// compare counts a try for the test. Where the rate lowers the share of refusals, they
// were those of the limit and are not usual.
func (i *inference) compare(begun time.Time, refused bool) {
	if i.test(begun, refused); i.helps() {
		i.trialTest = trialTest{}
		i.rate.background = background{anchor: i.rate.background.anchor}
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

// asLimit returns the outcome as if it had named the limit that it is taken for.
func (o Outcome) asLimit(l classify.Limit) Outcome {
	o.Verdict.Limit = l
	return o
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
