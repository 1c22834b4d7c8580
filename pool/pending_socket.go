//go:build linux || darwin || freebsd || netbsd || openbsd

package pool

import (
	"net"
	"syscall"
)

// newPeek returns a function that reports, without waiting or reading, whether
// bytes or the end of the connection have arrived; nil if conn is not a socket.
func newPeek(conn net.Conn) func() bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	var b [1]byte
	var nothing bool
	look := func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		nothing = err == syscall.EAGAIN || err == syscall.EINTR
		return true // the descriptor does not block, and we do not wait
	}
	return func() bool { return raw.Read(look) == nil && !nothing }
}
