package pool

// Source is where a connection gets its deliveries.
type Source interface {
	// Next returns what the connection should do next. It is called from the
	// connection's goroutine only, whenever the connection is free, and must
	// not block. When there is nothing to do at present, return the zero Turn
	// and call [Conn.Wake] as soon as that changes; a call that comes in
	// between is not lost.
	Next(c *Conn) Turn
}
