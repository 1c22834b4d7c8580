package smtptest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/smtp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLatencyOverASocket(t *testing.T) {
	const latency = 4 * time.Millisecond
	srv := NewServer(Config{Latency: latency})
	defer srv.Close()
	start := time.Now()
	body := bytes.Repeat([]byte("text\r\n"), 100_000) // more than a pipe holds
	if err := smtp.SendMail(srv.Addr, nil, "a@example.com", []string{"b@example.org"}, body); err != nil {
		t.Fatal(err)
	}
	// Half a round trip for the greeting, six for the commands and the dot.
	if got, least := time.Since(start), 13*latency; got < least {
		t.Errorf("took %v, want %v or more", got, least)
	}
	if ms := srv.Messages(); len(ms) != 1 || !bytes.Equal(ms[0].Data, body) {
		t.Errorf("got %d messages", len(ms))
	}
}

func TestDistantSocketEndsAsTheServerDoes(t *testing.T) {
	tests := []struct {
		name string
		end  End
		want error
	}{{"close", Close, nil}, {"reset", Reset, syscall.ECONNRESET}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := NewServer(Config{Latency: time.Millisecond, Fault: Rules(Rule{Stage: StageNoop, Fault: Fault{Silent: true, End: tt.end}})})
			defer srv.Close()
			conn := dialText(t, srv, "NOOP\r\n")
			defer conn.Close()
			if got, err := io.ReadAll(conn); !errors.Is(err, tt.want) || !strings.HasPrefix(string(got), "220 ") {
				t.Errorf("got %q, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestServerSeesTheEndOfADistantSocket(t *testing.T) {
	tests := []struct {
		name string
		end  func(*net.TCPConn)
	}{
		{"close", func(c *net.TCPConn) { c.Close() }},
		{"half-close", func(c *net.TCPConn) { c.CloseWrite(); io.Copy(io.Discard, c) }},
		{"reset", func(c *net.TCPConn) { resetConn(c) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := NewServer(Config{Latency: time.Millisecond})
			defer srv.Close()
			conn := dialText(t, srv, "EHLO c\r\n")
			defer conn.Close()
			if _, err := io.ReadFull(conn, make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			tt.end(conn.(*net.TCPConn))
			for give := time.Now().Add(10 * time.Second); srv.Stats().Open > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(give) {
					t.Fatal("the server still counts the connection")
				}
			}
		})
	}
}

// dialText connects and says something.
func dialText(t *testing.T, srv *Server, text string) net.Conn {
	t.Helper()
	conn, err := srv.DialContext(t.Context(), "tcp", srv.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}
