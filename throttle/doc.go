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
// ceilings and are never passed. Below them the pace is learned from what
// receivers refuse.
//
// The package never waits, does no I/O and reads no clock: time is an argument
// of everything that depends on it, and must not run backwards.
package throttle
