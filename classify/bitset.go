package classify

import "math/bits"

// bitset is a set of places in the table of rules.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (s bitset) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s bitset) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// first returns the lowest place in a word that is not empty.
func first(word uint64) int { return bits.TrailingZeros64(word) }
