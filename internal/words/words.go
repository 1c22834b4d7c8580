// Package words has a switch for comparisons: with and without limits that are
// inferred from refusals that name none.
package words

// Only has a throttle.Scheduler learn from the words of replies only.
type Only struct{}
