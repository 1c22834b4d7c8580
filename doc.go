// Package smtpace sends mail over SMTP as fast as every receiver allows and no
// faster.
//
// A [Sender] takes messages one by one ([Sender.Send], [Sender.SendMail],
// [Sender.Submit]) or in bulk ([Sender.SendAll]) and settles every recipient in
// exactly one of five ways: delivered, refused, gave up, not tried, unknown
// ([Status]).
//
// # The life of one message
//
// The message is checked and accepted. Its recipients are grouped by
// destination, and each group, a delivery, queues there. When all limits
// (the process's, the relay's, the destination's) allow it, a connection takes
// the delivery and runs one SMTP transaction; the message is rendered when its
// first turn comes. Every recipient keeps the reply that concerns it. Package
// classify says what the reply means: the recipient is settled, or waits for
// another try, as package retry schedules it, or, when the reply names a limit
// of the receiver, until package throttle, having learned that limit, allows
// it. When the last recipient is settled the caller gets the [Result].
//
// # Who owns what
//
// Package throttle owns the queue and every limit, package pool owns
// connections and transactions, package retry the schedules, package classify
// the meaning of replies. This package composes them.
package smtpace
