package main

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// scripted is the server's end of a connection whose client writes all at once.
type scripted struct {
	net.Conn // nil
	in       io.Reader
	out      bytes.Buffer
}

func (s *scripted) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *scripted) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *scripted) Close() error                { return nil }

// talk gives the codes of the replies, and how many messages were stored.
func talk(p policy, in io.Reader) (codes string, stored int64) {
	r := &receiver{policy: p}
	conn := &scripted{in: in}
	newSession(r, conn).run()
	var list []string
	for line := range strings.Lines(conn.out.String()) {
		list = append(list, line[:3])
	}
	return strings.Join(list, " "), r.stored.Load()
}

func TestSession(t *testing.T) {
	const mail, rcpt = "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<c@d.example>\r\n"
	for _, test := range []struct {
		name   string
		policy policy
		in     string
		codes  string
		stored int64
	}{
		{"DATA", policy{}, mail + rcpt + "DATA\r\nA: b\r\n..\r\n.\r\nQUIT\r\n", "220 250 250 354 250 221", 1},
		{"BDAT", policy{}, mail + rcpt + "BDAT 9 LAST\r\nA\r\n.\r\nB\r\nQUIT\r\n", "220 250 250 250 221", 1},
		{"two with BDAT", policy{}, strings.Repeat("RSET\r\n"+mail+rcpt+"BDAT 1 LAST\r\nx", 2), "220 250 250 250 250 250 250 250 250", 2},
		{"envelope behind the dot", policy{}, mail + rcpt + "DATA\r\nA: b\r\n.\r\n" + mail + rcpt + "DATA\r\n", "220 250 250 354 250 250 250 354", 1},
		{"no recipient", policy{refuses: "RCPT"}, mail + rcpt + "BDAT 6 LAST\r\nQUIT\r\n" + mail, "220 250 450 503 250", 0},
		{"no sender", policy{refuses: "MAIL"}, mail + rcpt + "DATA\r\nBDAT 1 LAST\r\nx" + mail, "220 450 503 503 503 450", 0},
		{"refused after one", policy{refuses: "MAIL", messages: 1}, mail + rcpt + "BDAT 1 LAST\r\nx" + mail, "220 250 250 250 450", 1},
		{"nested MAIL", policy{}, mail + mail, "220 250 503", 0},
		{"more than one chunk", policy{}, mail + rcpt + "BDAT 1\r\nx", "220 250 250 501", 0},
		{"size below 0", policy{}, mail + rcpt + "BDAT -1 LAST\r\n", "220 250 250 501", 0},
		{"chunk cut off", policy{}, mail + rcpt + "BDAT 2 LAST\r\nx", "220 250 250", 0},
		{"text cut off", policy{}, mail + rcpt + "DATA\r\nA: b\r\n.", "220 250 250 354", 0},
		{"other command", policy{}, "HELP\r\n", "220 500", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, in := range map[string]io.Reader{
				"whole": strings.NewReader(test.in),
				"bytes": iotest.OneByteReader(strings.NewReader(test.in)),
			} {
				codes, stored := talk(test.policy, in)
				if codes != test.codes || stored != test.stored {
					t.Errorf("%s: %s, %d stored; want %s, %d", name, codes, stored, test.codes, test.stored)
				}
			}
		})
	}
}

// How the bytes come in pieces does not matter.
func FuzzSession(f *testing.F) {
	const envelope = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
	f.Add([]byte(envelope + "DATA\r\nA: b\r\n.\r\nQUIT\r\n"))
	f.Add([]byte(envelope + "DATA\r\na\r\n\r\n\r\n.\r\n.\r\n" + envelope + "BDAT 3 LAST\r\n.\r\n"))
	f.Add([]byte(envelope + "BDAT 2147483647 LAST\r\n"))
	f.Add([]byte("\r\n \r\nBDAT\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		codes, stored := talk(policy{}, bytes.NewReader(in))
		slow, same := talk(policy{}, iotest.OneByteReader(bytes.NewReader(in)))
		if codes != slow || stored != same {
			t.Errorf("%q: %s, %d; byte by byte %s, %d", in, codes, stored, slow, same)
		}
	})
}
