package throttle

import "math"

// Constants of the tries that follow a refusal on the same connection.
const (
	// refusedAgain is the share of refusals among these where each connection, or its
	// host, has a limit far below what it sends. usualAgain is the least assumed share of
	// refusals that concern no connection.
	refusedAgain = 0.5
	usualAgain   = 0.02
	// suspectsAgain is the logarithm of the odds at which an experiment with more
	// connections is worth its refusals.
	suspectsAgain = 2
	// lastAgain is the number of tries over which they are counted.
	lastAgain = 24
)

// triedAgain counts a try if the one before it on its connection was refused, while there
// is a rate for all. After a refusal the rate waits for the next token. A limit for all
// seldom refuses that try, and a share of refusals that does not depend on the rate
// refuses it no more often than others.
func (sp *spread[T]) triedAgain(c *Conn[T], refused bool) {
	if c.rebuffed && !sp.spreads() {
		sp.again.add(refused)
		if sp.again.tries >= lastAgain {
			sp.again = tally{sp.again.tries / 2, sp.again.refused / 2}
		}
	}
	c.rebuffed = refused
}

// oddsOfAgain returns the logarithm of the odds that connections are refused again because
// each has a limit of its own.
func (sp *spread[T]) oddsOfAgain() float64 {
	share := usualAgain
	if b := sp.rate.background; b != nil {
		share = min(max(share, b.share), mostBackground)
	}
	return sp.again.refused*math.Log(refusedAgain/share) + sp.again.accepted()*math.Log((1-refusedAgain)/(1-share))
}
