// Package simulate runs senders against receivers with limits in virtual time.
//
// A [Scenario] says what the receivers allow, how far away they are, and how
// long the run lasts. [Scenario.Run] plays it with one way of control: with
// [Paced], an unconfigured throttle.Scheduler driven as by the Sender of this
// module, or for comparison with [Unpaced], [Oracle] or [Postfix]. The [Result]
// counts what was tried, refused and accepted.
//
// Nothing sleeps and there are no goroutines: a run is a queue of events, so
// that thousands of virtual seconds take about one. A run is repeatable: what
// is random in it comes from the seed, but for what the Scheduler itself draws
// (how long it lets an endpoint rest that cannot be reached).
//
// Receivers are made of [Rule] values, each of which asks a [Model]. What they
// answer goes through classify.Of, as it would from the wire.
package simulate
