package pool

import (
	"bufio"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wneessen/go-mail"
)

// TestBlankLinesSayNothing: they are dropped, and what stands behind them is kept.
func TestBlankLinesSayNothing(t *testing.T) {
	for in, want := range map[string]struct {
		spoken bool
		left   string
	}{
		"\r\n\n\r\n": {false, ""}, "\r": {false, ""}, "\n": {false, ""}, "2": {true, "2"}, "\r\n250 OK\r\n": {true, "250 OK\r\n"},
	} {
		s := &session{r: bufio.NewReader(strings.NewReader(in))}
		s.r.Peek(1)
		spoken := s.spoken()
		left, _ := s.r.Peek(s.r.Buffered())
		if spoken != want.spoken || string(left) != want.left {
			t.Errorf("%q: spoken is %v, left %q; want %v, %q", in, spoken, left, want.spoken, want.left)
		}
	}
}

// TestAnAbortedConnectionIsNotLoggedIn: the login fails with the cause, before anything
// is sent, and is not taken for one that has worked.
func TestAnAbortedConnectionIsNotLoggedIn(t *testing.T) {
	cause := errors.New("enough")
	for name, e := range map[string]Endpoint{
		"own":    {Addr: "localhost:25", TLS: TLSNone, SASL: given("PLAIN", nil, nil)},
		"chosen": {Addr: "localhost:25", TLS: TLSNone, Auth: mail.SMTPAuthPlain, Credentials: noCredentials},
	} {
		near, far := net.Pipe()
		defer far.Close()
		o := &opening{endpoint: e, session: &session{extensions: map[string]string{"AUTH": "PLAIN"}, timeouts: Timeouts{Command: time.Minute}}}
		o.wire, o.r, o.w = newWire(near), bufio.NewReader(near), bufio.NewWriter(near)
		o.wire.interrupt(cause)
		if err := o.login(t.Context()); !errors.Is(err, cause) || o.loggedIn || o.wire.sent > 0 {
			t.Errorf("%s: got %v, logged in %v, %d bytes sent", name, err, o.loggedIn, o.wire.sent)
		}
	}
}
