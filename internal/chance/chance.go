// Package chance makes what a throttle.Scheduler draws at random repeatable, for
// simulations and tests.
package chance

// Seed is the beginning of the numbers that are drawn.
type Seed uint64

// Use has a throttle.Scheduler, of any type of values, draw the numbers of a seed. It
// must be called before the Scheduler is used. Package throttle sets it.
var Use func(scheduler any, seed Seed)
