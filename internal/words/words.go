// Package words has a switch for comparisons: with and without limits inferred from
// refusals that name none.
package words

// Only has a throttle.Scheduler, of any type of values, learn from the words of replies
// only. It must be called before the Scheduler is used. Package throttle sets it.
var Only func(scheduler any)
