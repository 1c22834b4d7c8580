package mtatest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// killer is a policy service (Postfix's SMTPD_POLICY_README). It kills every nth process
// that asks it, in the midst of a session. To find the process takes a while. The others
// get no answer meanwhile, so that the client hears of one death before the next.
type killer struct {
	listener net.Listener
	every    int
	serving  sync.WaitGroup

	mu    sync.Mutex // held while a process is killed
	asked int
	dead  int
	err   error // the first
}

// newKiller starts a killer. Server.end ends it.
func newKiller(t testing.TB, every int) *killer {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{listener: listener, every: every}
	k.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			k.serving.Go(func() { k.serve(conn) })
		}
	})
	return k
}

// addr returns the address at which Postfix asks.
func (k *killer) addr() string { return k.listener.Addr().String() }

// close ends the killer, whose clients are gone, and returns its first error.
func (k *killer) close() error {
	_ = k.listener.Close()
	k.serving.Wait()
	return k.err
}

// killed returns how many processes were killed.
func (k *killer) killed() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

// serve answers a process until it ends. A request is lines of "name=value" and
// an empty one.
func (k *killer) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewScanner(conn)
	for in.Scan() {
		switch {
		case in.Text() != "":
		case k.asks(conn):
			_, _ = io.Copy(io.Discard, conn) // until it is gone
			return
		default:
			if _, err := io.WriteString(conn, "action=DUNNO\n\n"); err != nil {
				return
			}
		}
	}
}

// asks counts a question on a connection, and reports whether it has killed the
// process that asks.
func (k *killer) asks(conn net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asked++; k.asked%k.every != 0 {
		return false
	}
	inode, err := socketOf(conn.RemoteAddr(), conn.LocalAddr())
	if err == nil {
		err = killSessions(`socket:\[` + inode + `\]`)
	}
	if k.dead++; err != nil && k.err == nil {
		k.err = fmt.Errorf("mtatest: the smtpd that asked from %v was not killed: %w", conn.RemoteAddr(), err)
	}
	return true
}

// socketOf returns the inode of the socket between two addresses, as proc(5) has it:
// the second and third column are the addresses in hexadecimal, the tenth the inode.
// Sockets to several places may share a port.
func socketOf(local, remote net.Addr) (string, error) {
	const table = "/proc/net/tcp"
	sockets, err := os.ReadFile(table)
	if err != nil {
		return "", err
	}
	port := func(a net.Addr) string { return fmt.Sprintf(":%04X", a.(*net.TCPAddr).Port) }
	for line := range strings.Lines(string(sockets)) {
		if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], port(local)) && strings.HasSuffix(f[2], port(remote)) && f[9] != "0" {
			return f[9], nil
		}
	}
	return "", fmt.Errorf("%s has no socket from %v to %v", table, local, remote)
}

// killScript kills the smtpd processes with a working directory or an open file that
// matches the glob $1, and fails when there is none.
const killScript = `
found=1
for link in $(find /proc -mindepth 2 -maxdepth 3 \( -path "/proc/[0-9]*/cwd" -o -path "/proc/[0-9]*/fd/*" \) -lname "$1" 2>/dev/null); do
	pid=${link#/proc/}
	pid=${pid%%/*}
	if [ "$(cat /proc/$pid/comm 2>/dev/null)" = smtpd ]; then
		kill -KILL $pid && found=0
	fi
done
exit $found
`

// killSessions kills the smtpd processes that have a directory or file.
func killSessions(file string) error {
	_, err := runAsRoot("sh", "-c", killScript, "sh", file)
	return err
}

// KillSessions kills every process of a Postfix that serves a connection, wherever
// it is; it waits for one until over reports true. The others live on, and new
// ones take the next connections.
func (s *Server) KillSessions(t testing.TB, over func() bool) {
	t.Helper()
	if s.Kind != Postfix {
		t.Fatalf("mtatest: KillSessions is Postfix's only, not %v's", s.Kind)
	}
	err := killSessions(s.place.queue())
	for end := time.Now().Add(stopTimeout); err != nil && time.Now().Before(end); err = killSessions(s.place.queue()) {
		if over() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatalf("mtatest: no smtpd was killed: %v", err)
	}
}

// Killed returns how many processes Config.KillAtMail has ended.
func (s *Server) Killed() int { return s.killer.killed() }
