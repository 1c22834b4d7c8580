// Package throttle says which delivery may go next, and when.
//
// A [Scheduler] holds what waits to be sent, every limit that is set and every
// limit that was learned. A connection asks it for the next item that may go
// through its endpoint and is given one, or the time to ask again; when the
// item has been sent or refused it says so, and that teaches the limits.
//
// Limits can be set for the process, for an endpoint (what connections go to)
// and for a destination (what the receiver's own limits belong to), and all
// three must allow what goes: see [Limits], [Rate] and [Quota]. They are
// ceilings and are never passed; a [WarmUp] is one that rises day by day.
//
// Below them the pace is learned from what receivers accept and refuse, for
// each limit by itself. A refused connection tells how many may be open at
// once. A refused message begins an outage, in which one try at a time probes;
// what was accepted between two outages is the rate that the receiver allows,
// and from just below it the rate rises slowly, so that about one message of
// 400 is refused in the long run. An ordinal that was refused, of a message on
// its connection or of a recipient in its message, is one too many from then
// on. An address that gets too much is held back by itself. What is refused up
// to MAIL is learned of the endpoint, what is refused later of the destination,
// unless several destinations behind one endpoint are refused alike.
// [Scheduler.Explain] says at any time what holds mail up and why, and
// [Scheduler.Snapshot] keeps what was learned for another process.
//
// The package never waits, does no I/O and reads no clock: time is an argument
// of everything that depends on it, and must not run backwards.
package throttle
