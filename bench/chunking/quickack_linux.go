package main

import (
	"errors"
	"net"
	"syscall"
)

// quickAck has what arrives next acknowledged at once (tcp(7), TCP_QUICKACK).
// The kernel forgets it soon.
func quickAck(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
	return errors.Join(err, failed)
}
