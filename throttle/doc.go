// Package throttle decides which delivery goes next, and at which time.
//
// A [Scheduler] holds the queue, every limit that is set, and every limit that
// was learned. A connection asks it for the next item that may go through its
// endpoint. It is given a [Grant], or is idle until it is woken. When the item
// has been accepted or refused, the connection reports the outcome, and the
// Scheduler learns from it.
//
// Limits can be set for the process, for an endpoint (a relay or host that
// connections go to) and for a destination (the receiver that limits belong
// to). All three must allow what goes: see [Limits], [Rate] and [Quota]. They
// are ceilings and are never exceeded. A [WarmUp] is a ceiling that rises day by
// day.
//
// Below the ceilings, the Scheduler learns from what receivers accept and
// refuse, for each limit by itself. A refused connection shows the number of
// connections that may be open at once. A refused message begins an outage, in
// which one try at a time probes. The messages accepted between two outages are
// the rate that the receiver allows. From just below it the rate rises slowly,
// so that about one message of 400 is refused in the long run. A refused
// message on a connection, or recipient in a message, shows the number that is
// allowed there. A mailbox that gets too much mail is held back by itself. A
// refusal up to MAIL teaches the endpoint, a later one the destination, unless
// several destinations behind one endpoint are refused alike.
// [Scheduler.Explain] returns what holds mail up and why, and
// [Scheduler.Snapshot] keeps what was learned for another process.
//
// The package never waits, does no I/O and reads no clock: time is an argument
// of everything that depends on it, and must not run backwards.
package throttle
