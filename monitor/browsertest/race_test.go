//go:build race

package browsertest

// raceEnabled makes the largest tests smaller: the race detector costs ten
// times the memory and the time.
const raceEnabled = true
