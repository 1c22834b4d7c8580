package main

import "net"

// wire is a connection that acknowledges at once what it reads, if told so.
type wire struct {
	*net.TCPConn
	quick bool
}

func (w wire) Read(p []byte) (int, error) {
	if w.quick {
		if err := quickAck(w.TCPConn); err != nil {
			return 0, err
		}
	}
	return w.TCPConn.Read(p)
}

// Write acknowledges what is read after it: a Read may be waiting already, and
// writing puts acknowledging off again.
func (w wire) Write(p []byte) (int, error) {
	n, err := w.TCPConn.Write(p)
	if err == nil && w.quick {
		err = quickAck(w.TCPConn)
	}
	return n, err
}

// connect returns a new connection to addr.
func connect(addr string, quick bool) (wire, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return wire{}, err
	}
	return wire{conn.(*net.TCPConn), quick}, nil
}
