// Package pool runs SMTP connections and the transactions on them. It is the
// only package of this module that touches sockets.
//
// A [Pool] does not decide what is sent, nor when: each connection that is
// opened pulls its deliveries, one after the other, from a [Source]. One
// goroutine owns each connection from the dial to the end, so a delivery never
// holds a connection that it does not use.
//
//	Open -> dial, TLS, login -> Source.Next -> MAIL RCPT DATA . -> Delivery.Done
//	                                 ^                                    |
//	                                 +------------- rest <----------------+
//
// Where PIPELINING (RFC 2920) is offered, MAIL, every RCPT and DATA go out in
// one write, and the envelope of the next delivery right behind the dot
// (Delivery.Then), so that a busy connection spends one round trip per message.
// Elsewhere commands wait for each other, with the same outcomes.
//
// Every recipient of a delivery gets an [Answer] of its own, with the reply
// that decided it and what package classify makes of that. Two rules keep mail
// from being lost or sent twice: after an I/O or protocol error the connection
// is closed without another byte, so that no half of a message can be taken
// for the whole; and only a complete reply to the final dot settles what
// became of a message whose dot was sent.
//
// Peers are not trusted. The bytes that a server may send and the time it may
// take are bounded at every step, and what it says is made printable before it
// is stored.
package pool
