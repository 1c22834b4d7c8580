package smtptest

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// pipeBuffer is the number of bytes that one direction of a pipe holds before
// writes block, about the size of a socket's buffers.
const pipeBuffer = 256 << 10

// newPipe returns the two ends of a connection in memory. Unlike net.Pipe it
// is buffered, knows half-closing and resets, and delays what is written by
// latency. All waiting is on condition variables and timers, so it blocks
// durably in a synctest bubble.
func newPipe(client, server net.Addr, latency time.Duration) (*pipeConn, *pipeConn) {
	up, down := newStream(latency), newStream(latency)
	return &pipeConn{in: down, out: up, local: client, remote: server},
		&pipeConn{in: up, out: down, local: server, remote: client}
}

// pipeConn is one end of a pipe. It is safe for concurrent use like any
// net.Conn.
type pipeConn struct {
	in, out       *stream
	local, remote net.Addr
}

// Read returns what has arrived; io.EOF after the other end closed, ECONNRESET
// after it reset the connection.
func (c *pipeConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	if err != nil && err != io.EOF {
		err = c.wrap("read", err)
	}
	return n, err
}

// Write blocks only while the buffer is full.
func (c *pipeConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	if err != nil {
		err = c.wrap("write", err)
	}
	return n, err
}

// Close ends both directions in order.
func (c *pipeConn) Close() error {
	c.in.stopReading(false)
	c.out.stopWriting(io.EOF, net.ErrClosed)
	return nil
}

// CloseWrite ends the outgoing direction only.
func (c *pipeConn) CloseWrite() error {
	c.out.stopWriting(io.EOF, syscall.EPIPE)
	return nil
}

// reset ends both directions with an error at the other end.
func (c *pipeConn) reset() {
	c.in.stopReading(true)
	c.out.stopWriting(os.NewSyscallError("read", syscall.ECONNRESET), net.ErrClosed)
}

func (c *pipeConn) LocalAddr() net.Addr  { return c.local }
func (c *pipeConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *pipeConn) SetDeadline(t time.Time) error {
	c.in.readBy.set(t)
	c.out.writeBy.set(t)
	return nil
}

// SetReadDeadline ends a pending Read once t has come; a zero t lets reading
// go on, with nothing lost.
func (c *pipeConn) SetReadDeadline(t time.Time) error {
	c.in.readBy.set(t)
	return nil
}

// SetWriteDeadline does the same for Write.
func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	c.out.writeBy.set(t)
	return nil
}

func (c *pipeConn) wrap(op string, err error) error {
	return &net.OpError{Op: op, Net: c.remote.Network(), Source: c.local, Addr: c.remote, Err: err}
}

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
