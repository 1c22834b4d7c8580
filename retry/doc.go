// Package retry says when mail that was not delivered may be tried again, and
// runs functions under that rule.
//
// A [Policy] holds one schedule for every class of answer that
// [github.com/smtpace/smtpace/classify] knows, because a greylisting server,
// a full mailbox and a lost connection want very different waits. It never
// says stop for anything but a final answer: what bounds the tries is the
// expiry of the message, which is the caller's.
//
// A Policy is an immutable value. All of the package is safe for concurrent
// use.
package retry
