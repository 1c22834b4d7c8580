// Package classify judges SMTP replies and Go errors for a sender.
//
// Every input has a [Verdict]: the fate of the recipient, the fate of the
// connection, the receiver's limit that was hit, if any, and the scope of the
// answer. Nothing else in this module looks at reply codes or texts.
//
// Codes alone are ambiguous: one 550 5.7.1 stands for a dozen different things,
// and a 5yz may be a limit that a slower sender never meets. So a reply is judged
// by an ordered table of rules: texts first, then enhanced codes, then codes. The
// first rule that fits decides. [Of] uses the built-in rules; [New] puts those of
// the user and of known providers in front of them.
//
// The package is pure: no I/O, no clock, no state but the built-in rules, which
// are compiled at the first refusal of a process. All of it is safe for
// concurrent use.
package classify
