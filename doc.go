// Package smtpace sends mail over SMTP as fast as every receiver allows and no
// faster.
//
// Call [New] first: it makes a [Sender] from a [Config] with at least one
// [Relay] or a [Router]. Then send:
//
//   - [Sender.Send] and [Sender.SendMail] send one message and wait for its
//     outcome;
//   - [Sender.Submit] accepts one message and calls a function with its outcome;
//   - [Sender.SendAll] sends many messages, with less urgency than the others.
//
// [Sender.Shutdown] or [Sender.Close] ends the Sender. Every recipient ends in
// exactly one of five ways: delivered, refused, gave up, not tried, unknown
// ([Status]).
//
// # The life of one message
//
//  1. Accept. The addresses and the header are checked. The caller waits while
//     too many messages wait for the same destination ([Config].MaxQueued).
//  2. Route. Each recipient domain gets a destination, whose limits apply, and
//     relays: those of Config.Relays, or those that the Router answers. Nobody
//     waits for a slow Router: the message is accepted meanwhile.
//  3. Queue. The recipients are grouped by destination and relays. Each group, a
//     delivery, waits until all limits allow it: those of the process, of the
//     relay and of the destination.
//  4. Render. A connection takes the delivery, and the message is rendered if its
//     bytes are not in memory. A message without a next try in the next seconds
//     loses its bytes again ([Config].MaxHeldBytes). They are rendered anew, or
//     read from [Config].SpoolDir, and compared with those that were sent.
//  5. Transact. The connection runs one SMTP transaction. Every recipient keeps
//     the reply that concerns it.
//  6. Judge. Package classify gives the meaning of each reply. The recipient is
//     settled, or waits for another try. A reply that names a limit of the
//     receiver teaches package throttle that limit, and costs no attempt; any
//     other temporary reply makes the recipient wait as package retry schedules
//     it.
//  7. Settle. When its last recipient is settled, the message leaves memory and
//     the caller gets the [Result]. A message that is not settled by its expiry
//     is settled then ([Message].Expiry).
//
// # Logs
//
// [Config].Logger gets these records. Keys and messages are stable, and further ones
// may come. A key is left out where it has nothing to say.
//
//	DEBUG smtpace: try
//	INFO  smtpace: recipient settled
//	INFO  smtpace: lesson
//	INFO  smtpace: relay is back
//	WARN  smtpace: ...                trouble, in words for the operator
//
//	number       number of the message at this Sender (Result.Number)
//	id           Message.ID
//	destination  destination whose limits apply
//	relay        name of the relay
//	connection   number of the connection
//	ordinal      number of the message on its connection
//	recipients   number of recipients of a try
//	delivered    number of those that were delivered
//	took         duration of a try
//	recipient    address; at a try that of the first recipient that was not delivered
//	status       Status of a recipient: delivered, refused, gave up, not tried, unknown
//	stage        stage of the session that decided: MAIL, RCPT, dot ...
//	class        meaning of the answer, a classify.Class in text
//	limit        limit that a try met or a lesson is about, a classify.Limit in text
//	tries        number of tries of a recipient
//	waited       duration from the acceptance of the message to its last recipient
//	scope, name  owner of a lesson: "endpoint" and a relay, "destination" and its name
//	from, to     limit before and after a lesson; rates are per second, 0 is none
//	until        end of a pause
//	reply        reply or error that taught a lesson
//	error        reply or error that decided
//	by           how a connection is secured whose TLS has failed
//	sender       domain whose mail alone a relay refuses
//	next         time of the next try at a relay that refuses all mail
//
// Texts of servers are made printable and cut. [Config].LogAddresses masks or hashes
// addresses, also those that a server repeats.
//
// # Who owns what
//
// Package throttle owns the queue, every limit, and the decision which
// connection does what; it does no I/O. Package pool owns connections and
// transactions, package retry the schedules, package classify the meaning of
// replies, package profile the data about known receivers. This package owns the
// messages: their recipients, their bytes and their outcomes. It connects the
// other packages.
//
// A [Message] belongs to the Sender until it is settled, and a Result to the
// function that receives it. Messages wait in memory alone: those that are not
// settled when the process ends are lost. Learned limits outlast the process in
// a [Memory].
package smtpace
