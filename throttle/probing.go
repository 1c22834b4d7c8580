package throttle

import (
	"cmp"
	"errors"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// narrows reports whether no more than narrow may be under way: as much was accepted as
// before the last outage, and if the receiver counts over a window it ends now.
func (i *inference) narrows() bool {
	if i == nil || i.phase != calm || i.spell < leastSpell || i.spell > mostSpell {
		return false
	}
	d := i.taken - i.spell
	return d > -asMuch/2*i.spell-asMuchMore && d < asMuch/2*i.spell+asMuchMore
}

// probe begins to probe, after a limit was suspected.
func (s *scope) probe(now time.Time, o Outcome, kind *meterKind, generation int32) []Change {
	i := s.inferred()
	i.of(kind)
	n, since := s.lately(now), s.recent.since()
	if i.spell > 0 {
		n, since = i.taken, i.takenAt
	}
	i.before, i.pace = tally{n + i.refusedInRun(), i.refusedInRun()}, (n+i.refusedInRun())/max(now.Sub(since).Seconds(), 1)
	i.exceptional()
	i.cap()
	if kind == learnedRecipientsKind && i.spell == 0 {
		n = float64(s.recent.recipients)
	}
	s.guess(now, o, int(n), since, generation)
	if i.again(i.taken) {
		i.rate.recent.covers(now, i.takenFor)
		i.rate.windowEnd = i.takenAt
	}
	i.rate.refuse(now, now, 1)
	i.rate.outage.inFlight = max(int(i.refusedInRun()), 1)
	i.phase = probing
	i.samples.restart()
	return []Change{{
		Time: now, Scope: s.kind.String(), Name: s.name, Limit: classify.LimitMessageRate,
		Until: s.pausedUntil(now), Reason: cmp.Or(o.Err, errEndless),
	}}
}

// errEndless is the evidence of a connection that ended without a reply.
var errEndless = errors.New("the connection ended without a reply")

// guess makes the rate of the kind that is counted, unless there is one.
func (s *scope) guess(now time.Time, o Outcome, accepted int, since time.Time, generation int32) {
	i := s.inferred()
	i.words, i.sole = s.rate(i.kind) != nil, s.learned() == nil
	s.learning(now, generation).note(now, classify.LimitMessageRate, cmp.Or(o.Err, errEndless))
	i.rate = s.learnRate(now, i.kind, accepted, since, generation)
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
	i.rate.refuse(now, begun, 1)
	i.rate.hurry(now)
	if i.rate.outage.length() > vainProbing && !i.rate.known() && i.spell == 0 && i.knowsLittle() {
		i.tries[kind], i.refusals[kind] = usualOver, usualOver
		return true
	}
	return i.oneSided()
}

// hurry shortens the gaps between the probes once an outage lasts for longer than a
// receiver that counts by the minute makes it: it may well be no limit.
func (r *learnedRate) hurry(now time.Time) {
	o := &r.outage
	if o.length() > surelyMinute && !r.known() && r.windowEnd.IsZero() {
		o.soon(now)
	}
}

// counts notes a message that n recipients accepted.
func (i *inference) counts(n int) {
	if i.kind != learnedRecipientsKind {
		n = 1
	}
	i.taken += float64(n)
}

// heard notes a try that n recipients accepted, before the meters learn of it. It reports
// whether the pace has changed, or is let go.
func (s *scope) heard(now, begun time.Time, n, kind int, far bool) bool {
	i := s.inferred()
	if i == nil {
		return false
	}
	i.settle(s)
	i.counts(n)
	i.keepsRhythm(now, begun)
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
		if i.crawls(false) {
			s.refute(now)
			return true
		}
		if i.phase == onTrial && i.during.refused == 0 && now.Sub(i.told) >= unproven && i.rate.settled() {
			i.told = now
			i.rate.raise(now)
		}
		i.bound(now)
	}
	return false
}

// heardProbing does the work of heard while the inference probes.
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
		if i.evidence == 0 && !i.regular {
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
	case !long && !i.rate.known() && !i.regular && (i.evidence < suspected/2 || i.knowsLittle() && i.spell == 0 && !i.little):
		i.little = true // the next time it is tried out: one message a second shows no more
		s.letGo()
		return true
	case long && !i.rate.known() && !i.again(n):
		i.run = [2]tally{} // it is no part of what is usual
		i.spell, i.taken, i.takenAt, i.takenFor = n, 0, now, o.length()
		s.concurrency = min(s.concurrency, 1)
		s.letGo()
		return true
	}
	i.trial(now)
	if long {
		i.phase, i.score = proven, mostScore
	}
	return true
}
