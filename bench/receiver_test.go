package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// talk sends all of in at once, in writes of the given size (0: one), and
// returns everything that the receiver says until it hangs up.
func talk(t *testing.T, addr, in string, size int) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if size == 0 {
		size = len(in)
	}
	for in != "" {
		n := min(size, len(in))
		if _, err := io.WriteString(conn, in[:n]); err != nil {
			t.Fatal(err)
		}
		in = in[n:]
	}
	out, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r, err := newReceiver()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

func TestReceiver(t *testing.T) {
	r := startReceiver(t)
	const ehlo = "250-bench\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250 8BITMIME\r\n"
	for _, test := range []struct {
		name, in, want string // want without the greeting and the reply to QUIT
		stored         counts
	}{
		{"greeting in both ways", "EHLO x\r\nHELO x\r\n", ehlo + "250 bench\r\n", counts{}},
		{"verbs in any case", "noop\r\nrSeT\r\n", "250 ok\r\n250 reset\r\n", counts{}},
		{"unknown and short", "VRFY x\r\nx\r\n\r\n", strings.Repeat("500 unknown command\r\n", 3), counts{}},
		{"two messages in one write",
			"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nA: b\r\n\r\nc\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nA: b\r\n.\r\n",
			"250 sender ok\r\n250 recipient ok\r\n354 go on\r\n250 stored\r\n" +
				"250 sender ok\r\n250 recipient ok\r\n250 recipient ok\r\n354 go on\r\n250 stored\r\n",
			counts{2, 3, 11 + 6, 1}},
		{"RCPT before MAIL", "RCPT TO:<a@b>\r\n", "503 RCPT before MAIL\r\n", counts{}},
		{"DATA before RCPT", "MAIL FROM:<>\r\nDATA\r\n", "250 sender ok\r\n503 DATA before RCPT\r\n", counts{}},
		{"MAIL twice", "MAIL FROM:<>\r\nMAIL FROM:<>\r\n", "250 sender ok\r\n503 nested MAIL\r\n", counts{}},
		{"reset", "MAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n", "250 sender ok\r\n250 reset\r\n250 sender ok\r\n", counts{}},
	} {
		for _, size := range []int{0, 1, 7} {
			t.Run(fmt.Sprintf("%s, writes of %d", test.name, size), func(t *testing.T) {
				got := talk(t, r.addr(), test.in+"QUIT\r\n", size)
				if want := "220 bench ESMTP\r\n" + test.want + "221 bye\r\n"; got != want {
					t.Errorf("said %q, want %q", got, want)
				}
				if got := r.take(); got != test.stored {
					t.Errorf("stored %+v, want %+v", got, test.stored)
				}
			})
		}
	}
}

// A connection counts while it is open, from its first delivery since take.
func TestReceiverConnections(t *testing.T) {
	r := startReceiver(t)
	l, err := newLetter(1024, 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := openBound(r.addr(), l)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	b := m.(*bound)
	deliver := func(conns ...int) {
		for _, i := range conns {
			if err := b.run(b.conns[i], newTickets(1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name  string
		conns []int
		want  int64
	}{
		{"none", nil, 0},
		{"one of four", []int{2, 2}, 1},
		{"all", []int{0, 1, 2, 3, 0}, 4},
		{"the epoch before does not count", []int{1, 3}, 2},
	} {
		deliver(test.conns...)
		if got := r.take(); got.connections != test.want || got.messages != int64(len(test.conns)) {
			t.Errorf("%s: %+v, want %d connections", test.name, got, test.want)
		}
	}
	for range 3 { // each ended before the next
		talk(t, r.addr(), "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n.\r\nQUIT\r\n", 0)
	}
	if got := r.take(); got.connections != 1 || got.messages != 3 {
		t.Errorf("one after the other: %+v, want 1 connection", got)
	}
}
