package pool

import (
	"context"
	"net"
)

// ErrInjected and ParamSize are for the tests of package pool_test.
var (
	ErrInjected = errInjected
	ParamSize   = paramSize
)

// HoldsBuffer reports whether the connection has a write buffer.
func (c *Conn) HoldsBuffer() bool { return c.session.w != nil }

// DialBy has the pool dial by a function in place of a net.Dialer.
func (p *Pool) DialBy(f func(ctx context.Context, network, addr string) (net.Conn, error)) {
	p.dialContext = f
}

// LessonsInUse returns the number of uses of lessons that have not ended.
func (p *Pool) LessonsInUse() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range p.quirks {
		n += q.refs
	}
	return n
}

// Conns returns the number of connections that have not ended.
func (p *Pool) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}
