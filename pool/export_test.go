package pool

// HoldsBuffer reports whether the connection has a write buffer.
func (c *Conn) HoldsBuffer() bool { return c.session.w != nil }
