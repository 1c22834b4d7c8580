package throttle

import "time"

const (
	// blockTries is the number of tries in a block. Its refused share is compared to that
	// of the block before.
	blockTries = 100
	// alikeShares is the factor by which the shares of two such blocks differ at most.
	alikeShares = 2.5
	// mostShare is the share above which other tests tell more.
	mostShare = 0.7
	// longestBlock is the longest time of a block that tells of the present.
	longestBlock = 3 * time.Minute
	// belowAccepted is the part of what was accepted at which an experiment sends.
	belowAccepted = 0.9
	// firstVain is the number of tries after an experiment that has shown nothing
	// before the next. It doubles with each.
	firstVain = 1000
)

// blocks finds a constant share of refusals. A limit a little below the rate refuses one
// message at a time: then refusals come one by one, and a lower rate shows that they
// depend on it.
type blocks struct {
	now, last tally         // the present block, and the one before
	began     time.Time     // the time at which the present one began
	took      time.Duration // the length of the one before
	due       bool          // whether an experiment is due
	tried     int           // tries since the last experiment
	pause     int           // tries before the next
}

// count counts a try.
func (b *blocks) count(now time.Time, refused bool) {
	if b.now.tries == 0 {
		b.began = now
	}
	b.now.add(refused)
	b.tried++
	if b.now.tries < blockTries {
		return
	}
	share, before, took := b.now.refused/blockTries, b.last.refused/blockTries, now.Sub(b.began)
	b.due = min(share, before) >= testShare && max(share, before) <= mostShare && max(share, before) <= alikeShares*min(share, before) &&
		b.tried >= b.pause && took > 0 && took <= longestBlock
	b.last, b.took, b.now = b.now, took, tally{}
}

// experiment sends at less than what was accepted, to see whether refusals depend on
// the rate.
func (s *scope) experiment(now time.Time, o Outcome, generation int32) {
	i := s.inferred()
	if s.rate(learnedMessagesKind) != nil {
		return
	}
	over := i.took.Seconds()
	i.pause, i.tried = max(2*i.pause, firstVain), 0
	i.before, i.pace = i.last, i.last.tries/over
	i.of(learnedMessagesKind)
	s.guess(now, o, 0, now, generation)
	p := &i.rate.rateEstimate
	p.level, p.depth, p.estimates = i.last.accepted()/over, 1-belowAccepted, wellKnown
	p.reach = max(2*testTries*i.last.tries/max(i.last.refused, 1), leastReach)
	p.next, p.ended = now, now
	p.suspected().share = min(i.last.refused/i.last.tries, 0.8*mostBackground)
	i.phase, i.evidence, i.score = onTrial, 0, 0
	i.samples.restart()
	i.found, i.told, i.during = now, now, tally{}
	i.begin(now, i.last.refused/i.last.tries)
}
