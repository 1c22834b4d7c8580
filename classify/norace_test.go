//go:build !race

package classify

// oneOf is the number of texts of which one is read: the race detector makes tests ten
// times as slow.
const oneOf = 1
