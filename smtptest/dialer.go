package smtptest

import (
	"context"
	"fmt"
	"net"
)

// Dialer returns a dial function that reaches each of the servers by its Addr,
// and finds the connection refused at any other address: a small network of
// receivers, to be used wherever a dial function is asked for.
func Dialer(servers ...*Server) func(ctx context.Context, network, addr string) (net.Conn, error) {
	byAddr := make(map[string]*Server, len(servers))
	for _, s := range servers {
		byAddr[s.Addr] = s
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if s := byAddr[addr]; s != nil {
			return s.DialContext(ctx, network, addr)
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("%s: %w", addr, refused)}
	}
}
