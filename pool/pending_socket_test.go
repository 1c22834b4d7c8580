//go:build linux || darwin || freebsd || netbsd || openbsd

package pool_test

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// awaitMore returns when something has come over a socket that was not read,
// or its end; soon in any case, for it may have been read already.
func awaitMore(conn net.Conn) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return
	}
	conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		return err != syscall.EAGAIN
	})
}

// TestWordBeforeTheDot has the server say or do something behind its 354, in a
// segment of its own, before a small message is written. The dot is not sent.
func TestWordBeforeTheDot(t *testing.T) {
	tests := []struct {
		name  string
		fault smtptest.Fault
		want  string
	}{
		{"2yz", raw("250 2.0.0 taken\r\n", smtptest.Continue), "L"},
		{"4yz", reply("452 4.3.1 disk full"), "L"},
		{"421", reply("421 4.3.2 closing"), "L"},
		{"5yz", reply("552 5.3.4 too large"), "R"},
		{"5yz and close", replyAnd("552 5.3.4 too large", smtptest.Close), "R"},
		{"close", silent(smtptest.Close), "L"},
		{"reset", silent(smtptest.Reset), "L"},
	}
	for _, tt := range tests {
		for _, tls := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: " tls"}[tls], func(t *testing.T) {
				testWordBeforeTheDot(t, tls, tt.fault, tt.want)
			})
		}
	}
}

func testWordBeforeTheDot(t *testing.T, tls bool, fault smtptest.Fault, want string) {
	server := smtptest.NewServer(smtptest.Config{StartTLS: tls, Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageBody, Fault: fault},
	)})
	defer server.Close()
	p, err := pool.New(pool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var sock net.Conn
	e := pool.Endpoint{Addr: server.Addr, TLS: pool.TLSNone}
	if tls {
		e.TLS, e.TLSConfig = pool.TLSMandatory, server.ClientTLS()
	}
	e.DialContext = func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		sock, err = new(net.Dialer).DialContext(ctx, network, addr)
		return sock, err
	}
	j := newJob("a", "1@x.test")
	u := heard{newQueued(j.lastTurn()), func(stage classify.Stage, _ *classify.Reply) {
		if stage == classify.StageData {
			awaitMore(sock)
		}
	}}
	if err := p.Open(e, u); err != nil {
		t.Fatal(err)
	}
	got := j.wait(t)
	if fates(got) != want || got.Recipients[0].Stage != classify.StageBody {
		t.Errorf("got %s, want %s at body", describe(got), want)
	}
	p.Close()
	server.Close()
	for _, m := range server.Transactions() {
		if m.Dot {
			t.Error("the dot was sent")
		}
	}
}
