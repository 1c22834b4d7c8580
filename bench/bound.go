package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"time"
)

// bound is the least that one round trip a message costs: bytes made
// beforehand are written, and replies are counted, nothing else. Behind the
// final dot of a message goes the envelope of the next (RFC 2920 3.1), so that
// a write and a read are a message.
type bound struct {
	conns    [connections]*bareConn
	envelope []byte // MAIL, RCPT..., DATA
	text     []byte // with the final dot
	both     []byte // text, then envelope
	replies  int    // to envelope
}

// newBound makes the bytes for a letter.
func newBound(l *letter) *bound {
	b := &bound{envelope: fmt.Appendf(nil, "MAIL FROM:<%s>\r\n", from), replies: len(l.to) + 2}
	for _, to := range l.to {
		b.envelope = fmt.Appendf(b.envelope, "RCPT TO:<%s>\r\n", to)
	}
	b.envelope = append(b.envelope, "DATA\r\n"...)
	b.text = append(bytes.ReplaceAll(l.data, []byte("\r\n."), []byte("\r\n..")), ".\r\n"...)
	b.both = append(bytes.Clone(b.text), b.envelope...)
	return b
}

func openBound(addr string, l *letter) (mailer, error) {
	b := newBound(l)
	err := everywhere(func(i int) (err error) {
		b.conns[i], err = dialBare(addr)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bound) send(n int) error {
	t := newTickets(n)
	return everywhere(func(i int) error { return b.run(b.conns[i], t) })
}

// run sends messages on one connection while there are tickets.
func (b *bound) run(c *bareConn, t *tickets) error {
	if !t.take() {
		return nil
	}
	err := c.exchange(b.envelope, b.replies)
	for err == nil && t.take() {
		err = c.exchange(b.both, 1+b.replies)
	}
	if err != nil {
		return err
	}
	return c.exchange(b.text, 1)
}

func (b *bound) close() error {
	return everywhere(func(i int) error {
		if b.conns[i] == nil {
			return nil
		}
		err := b.conns[i].exchange([]byte("QUIT\r\n"), 1)
		return errors.Join(err, b.conns[i].Close())
	})
}

// bareConn is a connection after its EHLO.
type bareConn struct {
	net.Conn
	in *bufio.Reader
}

func dialBare(addr string) (*bareConn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &bareConn{Conn: conn, in: bufio.NewReader(conn)}
	err = c.exchange(nil, 1)
	if err == nil {
		err = c.exchange([]byte("EHLO bench\r\n"), 1)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// exchange writes p and reads so many replies. All must be positive.
func (c *bareConn) exchange(p []byte, replies int) error {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(p); err != nil {
		return err
	}
	for replies > 0 {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) < 4 || line[0] != '2' && line[0] != '3' {
			return fmt.Errorf("the receiver said %q", line)
		}
		if line[3] != '-' {
			replies--
		}
	}
	return nil
}
