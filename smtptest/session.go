package smtptest

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"time"
)

// maxLine bounds a command or an AUTH response: RFC 5321, 4.5.3.1.4 asks for
// 512 bytes, RFC 4954, 4 for 12,288.
const maxLine = 12288

// session is one connection. All of it but raw belongs to one goroutine.
type session struct {
	srv    *Server
	cfg    *Config
	id     int
	client string   // the client's host
	raw    net.Conn // below TLS
	conn   net.Conn // what is read and written
	r      *bufio.Reader
	w      *bufio.Writer

	admitted bool // counted by the gate
	helo     string
	tls      bool
	user     string
	messages int // MAIL commands
	mails    int // accepted ones
	errors   int // replies of class 4 and 5 in a row
	tx       *transaction
}

func newSession(srv *Server, id int, conn net.Conn) *session {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		host = conn.RemoteAddr().String()
	}
	s := &session{srv: srv, cfg: &srv.cfg, id: id, client: host, raw: conn}
	s.use(conn)
	return s
}

// use reads and writes over conn from now on.
func (s *session) use(conn net.Conn) {
	s.conn, s.r, s.w = conn, bufio.NewReaderSize(conn, maxLine), bufio.NewWriter(conn)
}

// run serves the connection to its end.
func (s *session) run() {
	defer s.end()
	if s.cfg.ImplicitTLS && !s.handshake() {
		s.srv.ledger.greeted(false)
		return
	}
	if !s.greet() {
		return
	}
	for s.await() && s.command() {
	}
}

// end leaves nothing of the session behind. The connection is given back
// before it is closed, so that whoever sees the end may count on its place.
func (s *session) end() {
	s.endTransaction(given{}, false)
	s.flush()
	if s.admitted {
		s.srv.gate.disconnect()
	}
	s.conn.Close()
}

// greet sends the greeting, or refuses the connection.
func (s *session) greet() bool {
	limited := false
	goOn := s.answer(s.event(StageConnect, ""), func() string {
		refusal := s.srv.gate.connect(time.Now(), s.client)
		if limited = refusal != ""; limited {
			return s.throttle(refusal)
		}
		s.admitted = true
		return s.cfg.line(220, "", s.cfg.Hostname+" ESMTP")
	}, func(g given) {
		if g.code/100 == 2 && !s.admitted {
			s.admitted = true
			s.srv.gate.enter()
		}
		s.srv.ledger.greeted(g.code/100 == 2)
	})
	return goOn && !limited
}

// await makes ready for the next command: when none has arrived yet, replies
// are sent and, between transactions, a fault of StageIdle may interrupt.
func (s *session) await() bool {
	if b, _ := s.r.Peek(s.r.Buffered()); bytes.IndexByte(b, '\n') >= 0 {
		return true
	}
	if !s.flush() {
		return false
	}
	if s.tx != nil {
		return true
	}
	if f := s.srv.fault(s.event(StageIdle, "")); f != nil && !s.inputWithin(f.Delay) {
		return s.unasked(f) && s.flush()
	}
	return true
}

// inputWithin reports whether the client says something, or hangs up, before d
// has passed.
func (s *session) inputWithin(d time.Duration) bool {
	if d <= 0 {
		return s.r.Buffered() > 0
	}
	s.conn.SetReadDeadline(time.Now().Add(d))
	_, err := s.r.Peek(1)
	s.conn.SetReadDeadline(time.Time{})
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// command reads and answers one command.
func (s *session) command() bool {
	line, ok := s.readLine()
	if !ok {
		return false
	}
	if refusal := s.srv.gate.tooManyErrors(s.errors); refusal != "" {
		s.reply(s.throttle(refusal))
		return false
	}
	return s.dispatch(line)
}

// readLine reads one line, without its end. A line too long is answered and
// reported as "", which no command is.
func (s *session) readLine() (line string, ok bool) {
	s.conn.SetReadDeadline(time.Now().Add(s.cfg.IdleTimeout))
	b, err := s.r.ReadSlice('\n')
	long := false
	for ; errors.Is(err, bufio.ErrBufferFull); _, err = s.r.ReadSlice('\n') {
		long = true
	}
	if err != nil {
		s.timeout(err)
		return "", false
	}
	if long {
		return "", true
	}
	return strings.TrimRight(string(b), "\r\n"), true
}

// timeout says goodbye if err is the end of the server's patience.
func (s *session) timeout(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.reply(s.cfg.line(421, "4.4.2", s.cfg.Hostname+" Error: timeout exceeded"))
	}
}

// event describes the session at a stage.
func (s *session) event(stage Stage, line string) Event {
	ev := Event{Stage: stage, Conn: s.id, Message: s.messages, Line: line, HELO: s.helo, User: s.user, TLS: s.tls}
	if s.tx != nil {
		ev.From = s.tx.From
	}
	return ev
}
