package throttle

import (
	"math"
	"time"
)

const (
	// usualOver is the number of tries over which the usual share of refusals is
	// averaged.
	usualOver = 300
	// leastUsual and mostUsual bound that share: with less, one refusal would be
	// proof, with more, nothing would.
	leastUsual, mostUsual = 0.02, 0.97
	// saysNothing is the usual share of refusals from which on they tell nothing:
	// greylisting refuses all first tries.
	saysNothing = 0.9
	// spent is the share of refusals that a limit shows at least once it is reached.
	spent = 0.75
	// suspected is the logarithm of the odds at which a limit is suspected. doubted takes
	// its place for some time after a vain suspicion. By chance that happens once in some
	// 10,000 tries where one of 20 is refused.
	suspected, doubted = 6, 14
	// leastRefused is the least number of refusals that a suspicion needs.
	leastRefused = 3
)

// suspicion looks for the moment from which on more is refused than usual (CUSUM, as
// in Page, Continuous Inspection Schemes, 1954). First and further tries have shares of
// their own. The zero suspicion has seen nothing.
type suspicion struct {
	tries, refusals [2]float64 // lately: of first tries, of further ones
	evidence        float64    // the logarithm of the odds of the present run; 0 without one
	run             [2]tally   // since the first refusal of the run
	since           time.Time  // the time at which that try began
	latest          time.Time  // the time at which the latest refused try began
}

// The kinds of tries that a suspicion tells apart.
const (
	firstTry = iota
	furtherTry
)

// tally counts tries.
type tally struct{ tries, refused float64 }

func (t *tally) add(refused bool) {
	t.tries++
	if refused {
		t.refused++
	}
}

// accepted returns the tries that were not refused.
func (t tally) accepted() float64 { return t.tries - t.refused }

// usual returns the share of refusals that is usual.
func (s *suspicion) usual(kind int) float64 {
	return min(max((s.refusals[kind]+0.5)/(s.tries[kind]+10), leastUsual), mostUsual)
}

// share returns the share of all tries that is refused whatever the rate; 0 means
// unknown.
func (s *suspicion) share() float64 {
	tries := s.tries[firstTry] + s.tries[furtherTry]
	if tries < 2*leastReach {
		return 0
	}
	return (s.refusals[firstTry] + s.refusals[furtherTry]) / tries
}

// weigh takes in the outcome of a try that began at a time. count says that it is
// part of what is usual.
func (s *suspicion) weigh(begun time.Time, kind int, refused, count bool) {
	p := s.usual(kind)
	if refused {
		s.latest = later(s.latest, begun)
	}
	if count {
		const keep = 1 - 1.0/usualOver
		s.tries[kind] = s.tries[kind]*keep + 1
		s.refusals[kind] *= keep
		if refused {
			s.refusals[kind]++
		}
	}
	if p >= saysNothing || !refused && s.evidence == 0 {
		return
	}
	if s.evidence == 0 {
		s.since, s.run = begun, [2]tally{}
	}
	s.run[kind].add(refused)
	s.evidence = max(s.evidence+ratio(refused, max(spent, (1+p)/2), p), 0)
}

// refusedInRun returns the number of refusals of the present run.
func (s *suspicion) refusedInRun() float64 { return s.run[0].refused + s.run[1].refused }

// exceptional takes the present run out of what is usual: a limit explains it.
func (s *suspicion) exceptional() {
	for kind, t := range s.run {
		s.tries[kind] = max(s.tries[kind]-t.tries, 0)
		s.refusals[kind] = max(s.refusals[kind]-t.refused, 0)
	}
}

// usualAfterAll puts it back.
func (s *suspicion) usualAfterAll() {
	for kind, t := range s.run {
		s.tries[kind] += t.tries
		s.refusals[kind] += t.refused
	}
	s.evidence = 0
}

// cap bounds the evidence, so that as much speaks against it soon.
func (s *suspicion) cap() { s.evidence = math.Min(s.evidence, suspected+1) }
