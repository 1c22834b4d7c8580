// Package pool runs SMTP connections and the transactions on them. It is the
// only package of this module that touches sockets, and the layer to build on
// for a sender of your own; most programs want package smtpace, which does.
//
// A [Pool] does not decide what is sent, nor when. [Pool.Open] starts a
// connection for a [User], which is your own type: the connection asks it for
// one [Delivery] after the other and tells it what became of each. One
// goroutine owns each connection from the dial to the end, and makes all calls:
//
//	Pool.Open
//	   |  dial, TLS, login
//	   v
//	Opened -> Next -> MAIL RCPT DATA message . -> Done -+-> Leaving -> QUIT -> Closed
//	           ^                                        |
//	           +----------- idle until Wake <-----------+
//
// To write a sender, make each message a [Body] with [NewBody], return
// deliveries from User.Next, queue again from User.Done those recipients whose
// verdict says later, and call [Conn.Wake] when there is work for an idle
// connection. Open another connection from User.Leaving or User.Closed when
// work is left. The example shows all of it but the queue.
//
// Where PIPELINING (RFC 2920) is offered, MAIL, every RCPT and DATA go out in one
// write, and the envelope of the next delivery right behind the dot ([User.Follower]).
// A busy connection then spends one round trip per message. Elsewhere commands wait for
// each other, with the same outcomes. A Pool notices where an extension does not work,
// or where connections break behind a dot, and does without for a while; see [Endpoint]
// and [Config].
//
// Every recipient of a delivery gets an [Answer] of its own, with the reply
// that decided it and the verdict of package classify. Two rules keep mail from
// being lost or sent twice. After an I/O or protocol error the connection is
// closed without another byte, so that no half of a message can be taken for
// the whole. And only a complete reply to the final dot settles what became of
// a message whose dot was sent.
//
// Servers are not trusted. The bytes that one may send and the time it may take
// are bounded at every step, and what it says is made printable before it is
// stored.
package pool
