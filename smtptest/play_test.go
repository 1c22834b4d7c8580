package smtptest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// play holds a dialogue with srv, told line by line:
//
//	> text   sends the line in one piece, with CRLF for every | in it
//	< text   reads a reply and wants its last line to start so
//	< EOF, < RST, < nothing   wants the connection closed, reset, or a minute of silence
//	wait 5m  lets time pass
//	hangup   closes the connection
//	redial   closes it and makes a new one
//
// Blank lines are skipped. It must run in a bubble.
func play(t *testing.T, srv *Server, script string) {
	t.Helper()
	p := newPlayer(t, srv)
	defer func() { p.conn.Close() }()
	p.play(script)
}

// player is one end of a dialogue.
type player struct {
	t    *testing.T
	srv  *Server
	conn net.Conn
	r    *bufio.Reader
}

func newPlayer(t *testing.T, srv *Server) *player {
	t.Helper()
	p := &player{t: t, srv: srv}
	p.dial()
	return p
}

// play holds one part of a dialogue.
func (p *player) play(script string) {
	p.t.Helper()
	for i, line := range strings.Split(script, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := p.step(line); err != nil {
			p.t.Fatalf("line %d, %q: %v", i+1, line, err)
		}
	}
}

func (p *player) dial() {
	p.t.Helper()
	conn, err := p.srv.DialContext(p.t.Context(), "tcp", p.srv.Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.conn, p.r = conn, bufio.NewReader(conn)
}

func (p *player) step(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case ">":
		_, err := io.WriteString(p.conn, strings.ReplaceAll(rest, "|", "\r\n")+"\r\n")
		return err
	case "<":
		return p.expect(rest)
	case "wait":
		d, err := time.ParseDuration(rest)
		time.Sleep(d)
		synctest.Wait()
		return err
	case "hangup":
		return p.conn.Close()
	case "redial":
		p.conn.Close()
		synctest.Wait()
		p.dial()
		return nil
	}
	return errors.New("unknown step")
}

// expect compares the next reply with want.
func (p *player) expect(want string) error {
	patience := time.Hour
	if want == "nothing" {
		patience = time.Minute
	}
	p.conn.SetReadDeadline(time.Now().Add(patience))
	got, err := p.reply()
	p.conn.SetReadDeadline(time.Time{})
	switch {
	case errors.Is(err, io.EOF):
		got += "EOF"
	case errors.Is(err, syscall.ECONNRESET):
		got += "RST"
	case errors.Is(err, os.ErrDeadlineExceeded):
		got += "nothing"
	case err != nil:
		return err
	}
	if !strings.HasPrefix(got, want) {
		return errors.New("got " + got)
	}
	return nil
}

// reply returns the last line of the next reply.
func (p *player) reply() (string, error) {
	for {
		line, err := p.r.ReadString('\n')
		if err != nil || len(line) < 4 || line[3] != '-' {
			return strings.TrimRight(line, "\r\n"), err
		}
	}
}

// inBubble runs f with an in-memory server in a bubble of its own.
func inBubble(t *testing.T, cfg Config, f func(t *testing.T, srv *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.InMemory = true
		srv := NewServer(cfg)
		defer srv.Close()
		f(t, srv)
	})
}
