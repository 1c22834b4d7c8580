//go:build race

package throttle

// UnderRace says whether the race detector is on, which makes tests ten times as slow.
const UnderRace = true
