//go:build linux || darwin || freebsd || netbsd || openbsd

package pool

import (
	"net"
	"syscall"
)

// newPeek returns a function that reports, without waiting or reading, whether
// bytes have arrived; nil for what is not a socket.
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
	var n int
	look := func(fd uintptr) bool {
		n, _, _ = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		return true // the descriptor does not block, and we do not wait
	}
	return func() bool {
		n = 0
		return raw.Read(look) == nil && n > 0
	}
}
