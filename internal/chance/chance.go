// Package chance makes what is drawn at random repeatable for simulations and tests.
package chance

// Seed has a throttle.Scheduler draw the same numbers in each run.
type Seed uint64
