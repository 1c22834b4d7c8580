// Package classify says what an SMTP reply or a Go error means to a sender.
//
// Every input gets a [Verdict]: what becomes of the recipient, what becomes of
// the connection, which limit of the receiver was hit, if any, and who else would
// get the same answer. Nothing else in this module looks at reply codes or texts.
//
// Codes tell half of the truth: one 550 5.7.1 stands for a dozen different
// things, and a 5yz may be a limit that a slower sender never meets. So a reply is
// judged by an ordered table of rules, texts before enhanced codes before codes,
// and the first that fits decides. [Of] asks the built-in ones; [New] puts the
// user's and those of known providers in front of them.
//
// The package is pure: no I/O, no clock, no state. All of it is safe for
// concurrent use.
package classify
