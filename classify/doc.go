// Package classify says what an SMTP reply or a Go error means to a sender.
//
// Every input gets a [Verdict] with three answers: what becomes of the
// recipient, what becomes of the connection, and which limit of the receiver
// was hit, if any. Nothing else in this module looks at reply codes or texts.
//
// The package is pure: no I/O, no clock, no state. All of it is safe for
// concurrent use.
package classify
