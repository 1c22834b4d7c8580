//go:build race

package smtpace

// raceEnabled makes the largest tests smaller: the race detector costs ten
// times the memory and the time.
const raceEnabled = true
