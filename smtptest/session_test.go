package smtptest

import (
	"bytes"
	"fmt"
	"io"
	"net/smtp"
	"testing"
)

// Whatever a client sends, the server answers in whole lines with codes and
// comes to an end.
func FuzzSession(f *testing.F) {
	f.Add([]byte("EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n"))
	f.Add([]byte("EHLO c\r\nAUTH LOGIN\r\ndXNlcg==\r\n*\r\nRSET\r\nQUIT\r\n"))
	f.Add([]byte("\r\n\n\x00 MAIL\r\nNOOP\r\nDATA\r\n.\r\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		srv := NewServer(Config{InMemory: true, Users: map[string]string{"user": "secret"},
			Domains: map[string]Domain{"*": {RecipientsPerMessage: Cap{Max: 1}}}})
		defer srv.Close()
		conn, err := srv.DialContext(t.Context(), "tcp", srv.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write(input[:min(len(input), pipeBuffer)])
		conn.(*pipeConn).CloseWrite()
		replies, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(replies) {
			if code := codeOf(string(line)); code < 200 || code > 599 || len(line) < 6 || line[3] != ' ' && line[3] != '-' || !bytes.HasSuffix(line, []byte("\r\n")) {
				t.Errorf("got the line %q", line)
			}
		}
	})
}

// BenchmarkMessages is the whole of a small message, in lock-step and over
// either kind of connection.
func BenchmarkMessages(b *testing.B) {
	for _, inMemory := range []bool{false, true} {
		b.Run(fmt.Sprintf("inMemory=%t", inMemory), func(b *testing.B) {
			srv := NewServer(Config{InMemory: inMemory, StatsOnly: true})
			defer srv.Close()
			conn, err := srv.DialContext(b.Context(), "tcp", srv.Addr)
			if err != nil {
				b.Fatal(err)
			}
			c, err := smtp.NewClient(conn, "mx.test")
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			body := bytes.Repeat([]byte("some text in a line\r\n"), 50)
			b.ReportAllocs()
			for b.Loop() {
				if err := send(c, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// send runs one transaction.
func send(c *smtp.Client, body []byte) error {
	if err := c.Mail("a@example.com"); err != nil {
		return err
	}
	if err := c.Rcpt("b@example.org"); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Close()
}
