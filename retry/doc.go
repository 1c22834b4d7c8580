// Package retry computes when mail that was not delivered may be tried again, and
// runs functions with these waits.
//
// A [Policy] has one schedule for every class of answers of
// [github.com/smtpace/smtpace/classify], because a greylisting server, a full
// mailbox and a lost connection need very different waits. Only a final answer
// ends the attempts. The expiry of the message is up to the caller.
//
// All of the package is safe for concurrent use.
package retry
