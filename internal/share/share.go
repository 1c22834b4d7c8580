// Package share divides a bounded whole among an unknown number of holders, so
// that later ones find room.
//
// It is the dynamic threshold of shared buffers, with a minimum for each holder.
// A holder of the part u may take more while u is below a limit that follows
// from the part f of the whole that is free:
//
//	u < max(alpha*(f-reserve), min(minimum, f/last))
//
// The first term lets one holder alone have 2/3 of the whole. Holders that
// never give anything back soon bring f down to the reserve, of which each has
// the minimum at most. A hundred of them leave enough for another hundred: each
// of these has 1/26 of what is still free.
package share

const (
	alpha   = 8
	reserve = 1.0 / 4
	minimum = reserve / 128
	last    = 25
)

// Level returns the part of the whole, from 0 to 1, of which more must be free
// for a holder of the part u to take more. It grows with u, and is 0 for u = 0.
func Level(u float64) float64 {
	if u < minimum {
		return last * u
	}
	return reserve + u/alpha
}
