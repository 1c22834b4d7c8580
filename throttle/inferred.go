package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// fewAccepted is the number of messages without which nothing is known of a
	// receiver. Where it refuses everything for vainProbing after fewer, the pace is
	// not the reason.
	fewAccepted = 5
	vainProbing = 4 * time.Second
	// unproven is the time after which an unproven rate without refusals is let rise.
	unproven = time.Minute
	// longTrouble is the length of an outage that is too long for a rate on trial.
	longTrouble = 20 * time.Second
	// leastSpell is the least number of messages between two outages that tells of a
	// window at once.
	leastSpell = 20
	// quietFactor, leastQuiet and mostQuiet bound the time after a vain rate for which
	// more evidence is needed, in multiples of the time spent on the rate.
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
	// tolerated at an inferred rate.
	leastBackground = 0.01
	// mostScore and leastScore bound the score of a rate. alikeScore is that of a refusal
	// at about the same rate as before, or a higher one; fallen is the part of it below
	// which a rate counts against it.
	mostScore, leastScore = 2, -3
	alikeScore            = 0.3
	fallen                = 0.5
	// narrow is the number of messages under way while a window may end, and mostSpell
	// the number of messages of a window up to which it is worth that.
	narrow, mostSpell = 1, 5000
	// mostPutOff is the number of refused messages that go again once a limit was
	// found. Those that wait for no longer than longestRelease go by themselves, and all
	// do putOffFor after the last.
	mostPutOff     = 256
	longestRelease = 2 * time.Second
	putOffFor      = 5 * time.Minute
)

// inferencePhase says what is made of refusals without words.
type inferencePhase uint8

const (
	calm    inferencePhase = iota // no more than usual
	probing                       // a limit is suspected; one try at a time probes
	onTrial                       // a rate was found, and refusals are taken for those of a limit
	proven                        // it was refused at about the same rate again and again, or a window came again
)

// inference finds limits that no reply names. Refusals without words are no evidence one
// by one: greylisting, full disks and bad addresses refuse too. When more is refused than
// usual, a limit is suspected. Then they are handed to the meter that learns from words:
// it finds the rate. The inference watches whether that explains them, and takes the rate
// back when it does not:
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
	cuts
	unopened
	rhythm   spells // of messages, in calm and while probing
	hot      hotMailboxes
	rate     *learnedRate // that it has made, or that words had; nil in calm
	kind     *meterKind   // of that, or of the last; nil before
	words    bool         // whether words had taught the rate
	sole     bool         // whether nothing else had taught the scope anything
	phase    inferencePhase
	before   tally         // the tries of the last minute, when the suspicion came
	pace     float64       // the rate of these, per second
	during   tally         // the tries since the rate was found
	found    time.Time     // that time
	told     time.Time     // that time, or the last time at which the rate was let rise
	quiet    time.Time     // until then doubted applies
	deaf     time.Time     // until then nothing is suspected
	spell    float64       // the number accepted before the last outage that taught nothing; 0 is none
	taken    float64       // the number accepted since then; both are of what kind counts
	takenAt  time.Time     // that time
	takenFor time.Duration // the length of that outage
	score    float64       // of what the rates at which it was refused tell; see judge
	top      float64       // the highest of these since they have fallen
	regular  bool          // whether the rhythm has shown spell
	little   bool          // whether a short outage has ended before although little was known
	passes   int           // messages in a row that were accepted at a crawl; see crawls
	putOff   []postponable // what was refused while a limit is suspected, or was lately
	putOffAt time.Time     // the time at which the last of these was
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

// remembers reports whether it knows something that counts. Like other lessons it is
// remembered for lessonLife.
func (i *inference) remembers(now time.Time) bool {
	switch {
	case i == nil:
		return false
	case now.Before(i.quiet), now.Before(i.deaf):
		return true
	}
	return now.Sub(i.latest) <= lessonLife && (i.phase != calm || i.evidence > 0 || i.spell > 0)
}

// settle notes when the rate was forgotten meanwhile.
func (i *inference) settle(s *scope) {
	if i.phase != calm && s.rate(i.kind) != i.rate {
		i.calm()
	}
}

// calm ends all suspicion. What was put off is kept: a limit may be found yet that was
// the reason.
func (i *inference) calm() {
	i.phase, i.evidence, i.rate, i.regular = calm, 0, nil, false
	i.blocks = blocks{pause: i.pause, tried: i.tried}
}

// lately returns the number accepted in the last minute or so.
func (s *scope) lately(now time.Time) float64 {
	if s.recent.stale(now) {
		return 0
	}
	return float64(s.recent.messages)
}

// countedBy returns the kind of the rate that a refusal is suspected to be for, of a
// transaction with so many recipients.
func (s *scope) countedBy(o Outcome, recipients int) *meterKind {
	if s.countsRecipients(o.asLimit(classify.LimitMessageRate), refusal{recipients: recipients}) {
		return learnedRecipientsKind
	}
	return learnedMessagesKind
}

// of sets the kind of what is counted, in which what was counted before tells nothing.
func (i *inference) of(kind *meterKind) {
	if i.kind != nil && i.kind != kind {
		i.spell, i.taken = 0, 0
	}
	i.kind = kind
}

// suspects counts a refusal in calm, and reports whether a limit is suspected.
func (i *inference) suspects(now, begun time.Time, s *scope, kind int) bool {
	i.weigh(begun, kind, true, true)
	switch {
	case now.Before(i.deaf), s.lately(now) == 0:
		return false
	case i.spell >= leastSpell && i.again(i.taken), i.regular && i.taken >= (1-asMuch)*i.spell:
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
