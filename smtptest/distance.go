package smtptest

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// distant puts the latency of a pipe between a socket and the server, and
// returns the server's end. How the one ends, the other does.
func (s *Server) distant(sock net.Conn) net.Conn {
	near, far := newPipe(sock.RemoteAddr(), sock.LocalAddr(), s.cfg.Latency)
	s.wg.Go(func() {
		io.Copy(near, sock)
		near.CloseWrite() // the client has no more to say; the server may
	})
	s.wg.Go(func() {
		_, err := io.Copy(sock, near)
		if errors.Is(err, syscall.ECONNRESET) {
			resetConn(sock)
		}
		sock.Close() // ends the other direction as well
		near.Close()
	})
	return far
}
