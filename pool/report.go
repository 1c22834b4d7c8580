package pool

// Report is the outcome of one [Delivery].
type Report struct {
	// Recipients has one answer for each of Delivery.To, in the same order.
	Recipients []Answer

	// Ordinal is the number of this transaction on its connection, from 1; 0
	// when its MAIL was not written.
	Ordinal int

	// Accepted is the number of RCPT commands that were accepted before the
	// transaction was broken off, or more recipients were refused for a limit.
	Accepted int

	// Stale is set when a connection that had been in use turned out to be at
	// its end at MAIL: gone without a reply, or with a 421 that names no limit,
	// or lost in the message before or in the RSET behind that.
	// Nobody refused anything: the same delivery can be tried again at once on
	// another connection.
	Stale bool

	// Bare is set, with Stale, when the server did not take a parameter of
	// MAIL that can be left out (555): the next try should have Delivery.Bare.
	Bare bool
}
