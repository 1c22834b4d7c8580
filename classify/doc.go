// Package classify judges SMTP replies and Go errors for a sender.
//
// Every input has a [Verdict]: the fate of the recipient, the fate of the
// connection, the receiver's limit that was hit, if any, and the scope of the
// answer. Nothing else in this module looks at reply codes or texts.
//
// Codes alone are ambiguous: one 550 5.7.1 stands for a dozen different things,
// and a 5yz may be a limit that a slower sender never meets. So a reply is judged
// by an ordered table of rules: texts first, then what the words mean in a dozen
// languages, then enhanced codes, then codes. The first rule that fits decides. A
// limit is read by its shape, a number of things in a time or words of excess near
// what is counted, with its numbers ([Verdict.Stated]). Where a code alone would
// decide, a small model of letters guesses the class ("guess-words" in
// [Verdict.Rule]); it names no limit and refuses nobody. Names of hosts and mail
// addresses decide nothing. [Of] uses the built-in rules; [New] puts those of
// the user and of known providers in front of them.
//
// The package is pure: no I/O, no clock, no state but the built-in rules, which
// are compiled at the first refusal of a process, and those beyond ASCII at the
// first refusal with such letters. All of it is safe for concurrent use.
package classify
