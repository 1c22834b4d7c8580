// Package share divides a bounded whole among holders whose number is not
// known, so that those that come later always find room.
//
// It is the dynamic threshold of shared buffers with a small minimum for each
// holder: a holder of u may take more while u is below a limit that follows
// from the part f of the whole that is free,
//
//	u < max(alpha*(f-reserve), f/newcomers)
//
// The first term lets one holder alone have 7/9 of the whole. Holders that never
// give anything back would soon bring f down to the reserve; from there on each
// takes 1/65 of what is free at most. A hundred of them leave more than 1/40
// of the whole free.
package share

const (
	alpha     = 8
	reserve   = 1.0 / 8
	newcomers = 64
)

// Level returns the part of the whole, from 0 to 1, of which more must be free
// for a holder of the part u to take more. It grows with u, and is 0 for u = 0.
func Level(u float64) float64 { return min(reserve+u/alpha, newcomers*u) }
