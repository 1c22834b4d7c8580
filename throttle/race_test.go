//go:build race

package throttle_test

// underRace says whether the race detector is on, which makes tests ten times as slow.
const underRace = true
