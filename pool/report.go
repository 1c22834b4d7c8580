package pool

// Report is the outcome of one [Delivery].
type Report struct {
	// Recipients has one answer for each of Delivery.To, in the same order.
	Recipients []Answer

	// Ordinal is the number of this transaction on its connection, from 1; 0
	// when its MAIL was not written.
	Ordinal int

	// Accepted is the number of RCPT commands that were accepted before the
	// transaction, or the asking for more recipients, was broken off.
	Accepted int

	// Stale is set when a connection that had been in use turned out to be
	// gone, without a reply, at MAIL. Nobody refused anything: the same
	// delivery can be tried again at once on another connection.
	Stale bool
}
