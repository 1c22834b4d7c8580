package pool

// Turn is the answer of a [Source]. The zero value lets the connection rest
// until it is woken, or ends by idle time or age.
type Turn struct {
	Delivery *Delivery // run this transaction
	Retire   bool      // end the connection, after the delivery if there is one
}
