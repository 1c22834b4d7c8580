package smtptest

import (
	"fmt"
	"io"
	"net"
	"time"
)

// given is a reply that is about to be sent.
type given struct {
	text   string
	code   int  // 0: none
	stored bool // Fault.Stored
}

// answer gives the reply due to ev, or what its fault says, and reports
// whether the session goes on. Before anything is sent, effect changes the
// state by what was given, so that a client never knows more than the server.
func (s *session) answer(ev Event, due func() string, effect func(given)) bool {
	f := s.srv.fault(ev)
	if f == nil {
		f = new(Fault)
	}
	if !s.pause(f.Delay) {
		return false
	}
	text, ours := f.text(), !f.replaces()
	if ours {
		text = wire(due())
	}
	g := given{text: text, code: codeOf(text), stored: f.Stored}
	effect(g)
	if !s.say(g, f.Drip) {
		return false
	}
	// RFC 5321, 3.8: the server closes after a 421. Some do not; a fault may.
	return s.finish(f.End) && !(ours && g.code == 421)
}

// unasked sends the reply of a fault where no reply is due.
func (s *session) unasked(f *Fault) bool {
	text := f.text()
	return s.say(given{text: text, code: codeOf(text)}, f.Drip) && s.finish(f.End)
}

// reply sends a reply of the server's own.
func (s *session) reply(text string) bool {
	return s.say(given{text: wire(text), code: codeOf(text)}, 0)
}

// say counts and writes a reply; without a drip it may stay in the buffer.
func (s *session) say(g given, drip time.Duration) bool {
	s.srv.ledger.reply(g.code)
	if g.code >= 400 {
		s.errors++
	}
	if drip <= 0 {
		_, err := s.w.WriteString(g.text)
		return err == nil
	}
	for _, b := range []byte(g.text) {
		if !s.pause(drip) || s.w.WriteByte(b) != nil {
			return false
		}
	}
	return s.flush()
}

// flush sends the buffered output. The write deadline is the client's time to
// read it.
func (s *session) flush() bool {
	if s.w.Buffered() == 0 {
		return true
	}
	s.conn.SetWriteDeadline(time.Now().Add(s.cfg.IdleTimeout))
	return s.w.Flush() == nil
}

// pause flushes and lets d pass; it reports false if the session ends.
func (s *session) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	if !s.flush() {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.srv.done:
		return false
	}
}

// finish ends the session as a fault says, or reports that it goes on.
func (s *session) finish(end End) bool {
	if end == Continue {
		return true
	}
	if end == Kill {
		s.w.Reset(io.Discard)
	}
	if !s.flush() {
		return false
	}
	switch end {
	case Reset, Kill:
		resetConn(s.raw)
	case Stall:
		s.conn.SetReadDeadline(time.Time{})
		io.Copy(io.Discard, s.r)
	}
	return false
}

// resetConn closes a connection with RST.
func resetConn(conn net.Conn) {
	switch c := conn.(type) {
	case *pipeConn:
		c.reset()
	case *net.TCPConn:
		c.SetLinger(0)
		c.Close()
	}
}

// throttle counts a refusal by a limit.
func (s *session) throttle(refusal string) string {
	s.srv.ledger.throttled()
	return refusal
}

// line composes a reply of one line; the enhanced code is left out if it is
// not offered (RFC 2034, 4).
func (c *Config) line(code int, enhanced, text string) string {
	if enhanced == "" || !c.offers("ENHANCEDSTATUSCODES") {
		return fmt.Sprintf("%d %s", code, text)
	}
	return fmt.Sprintf("%d %s %s", code, enhanced, text)
}
