package throttle

import (
	"math"
	"time"
)

// Constants of an experiment with few connections.
const (
	// narrowPart is the part of the level at which few connections send: a limit for all
	// refuses nothing then.
	narrowPart = 0.93
	// narrowTakes is the part of the level that few connections carry at most when each try
	// after a refusal is refused as often as not.
	narrowTakes = 0.5
	// refusedAgain is the share of refusals among the tries that follow one on the same
	// connection, where that has a limit far below what it sends. usualAgain is the least
	// share that others are taken to have.
	refusedAgain = 0.5
	usualAgain   = 0.02
	// suspectsAgain and decidesAgain are the logarithms of the odds at which an experiment
	// is worth its refusals, and at which it has shown a limit of each connection.
	suspectsAgain = 2
	decidesAgain  = 4
	// lastAgain is the number of tries after a refusal over which they are counted.
	lastAgain = 24
)

// mayNarrow reports whether few connections may send alone: a connection was accepted
// while another was refused, and one that was refused is often refused again.
func (sp *spread[T]) mayNarrow(now time.Time) bool {
	return sp.hinted && sp.rate.estimates >= wellKnown && !now.Before(sp.narrow) && sp.suspects()
}

// beginNarrow has few connections send alone. If the limit is for all, they carry the
// level as well as more did, and nothing is lost. The time until the next doubles.
func (sp *spread[T]) beginNarrow(now time.Time) {
	sp.narrowGap = min(max(2*sp.narrowGap, firstSpreadGap), longestTrialGap)
	sp.narrow = now.Add(sp.narrowGap)
	sp.each = narrowPart * sp.level / float64(sp.few)
	sp.begin(now, narrows)
}

// enough returns the number of messages of which few connections must have carried as many
// as all would.
func (sp *spread[T]) enough() float64 {
	return surplus + sp.level + min(sp.rate.burst(), mostBurst.Seconds()*sp.level)
}

// narrowEnds returns the time from which on others send as well: transactions of the few
// may be slow.
func (sp *spread[T]) narrowEnds() time.Time {
	return sp.began.Add(spacing(1, sp.level/(1.5*sp.enough())))
}

// carries reports whether few connections carry the level as well as all did.
func (sp *spread[T]) carries(now time.Time) bool {
	return sp.accepted >= sp.enough() || now.After(sp.narrowEnds())
}

// triedAgain counts a try if the one before it on its connection was refused.
func (sp *spread[T]) triedAgain(c *Conn[T], refused bool) {
	switch {
	case !c.rebuffed:
	case sp.phase == narrows:
		sp.again.add(refused)
	case !sp.spreads():
		if sp.usually.add(refused); sp.usually.tries >= lastAgain {
			sp.usually = tally{sp.usually.tries / 2, sp.usually.refused / 2}
		}
	}
	c.rebuffed = refused
}

// suspects reports whether a connection that was refused is refused again more often than
// others are.
func (sp *spread[T]) suspects() bool {
	return refusedAlike(sp.usually, min(sp.usual(), mostBackground)) >= suspectsAgain
}

// overloads reports whether few connections are refused because they are few.
func (sp *spread[T]) overloads() bool {
	others := (sp.refused - sp.again.refused + 1) / (sp.accepted + sp.refused - sp.again.tries + 1)
	return refusedAlike(sp.again, max(min(others, mostBackground), sp.usual())) >= decidesAgain
}

// refusedAlike returns the logarithm of the odds that tries after a refusal on the same
// connection are refused for that, where others are refused at a share.
func refusedAlike(again tally, share float64) float64 {
	share = max(share, usualAgain)
	return again.refused*math.Log(refusedAgain/share) + again.accepted()*math.Log((1-refusedAgain)/(1-share))
}

// usual returns the share that is refused at any rate.
func (sp *spread[T]) usual() float64 {
	if b := sp.rate.background; b != nil {
		return b.share
	}
	return 0
}
