//go:build !race

// Package race tells tests whether the race detector is on. It makes everything ten times
// as slow, so that the largest tests play less of what they do otherwise.
package race

// Enabled reports whether the race detector is on.
const Enabled = false
