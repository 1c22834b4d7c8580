package main

import (
	"bufio"
	"bytes"
	"net"
	"strconv"
	"strings"
	"time"
)

// session is one connection of a receiver.
type session struct {
	*receiver
	conn       net.Conn
	in         *bufio.Reader
	out        *bufio.Writer
	mail       bool // whether MAIL was accepted
	recipients int  // accepted
	messages   int  // stored
}

func newSession(r *receiver, conn net.Conn) *session {
	s := &session{receiver: r, conn: conn, out: bufio.NewWriter(conn)}
	s.in = bufio.NewReaderSize(flushing{s}, 64<<10)
	return s
}

// flushing reads from the connection of a session, having written all replies
// before (RFC 2920 3.2).
type flushing struct{ *session }

func (f flushing) Read(p []byte) (int, error) {
	if err := f.out.Flush(); err != nil {
		return 0, err
	}
	return f.conn.Read(p)
}

// run speaks SMTP until the client ends it.
func (s *session) run() {
	defer s.conn.Close()
	s.reply("220 bench ESMTP")
	for {
		line, err := s.in.ReadSlice('\n')
		if err != nil || !s.command(string(bytes.TrimSpace(line))) {
			break
		}
	}
	s.out.Flush()
}

// command answers one command and reports whether the session goes on.
func (s *session) command(line string) bool {
	verb, argument, _ := strings.Cut(line, " ")
	switch verb {
	case "EHLO":
		s.reply("250-bench\r\n250-PIPELINING\r\n250 CHUNKING")
	case "MAIL":
		s.begin()
	case "RCPT":
		s.recipient()
	case "DATA":
		return s.data()
	case "BDAT":
		return s.bdat(argument)
	case "RSET":
		s.reset()
		s.reply("250 reset")
	case "QUIT":
		s.reply("221 bye")
		return false
	default:
		s.reply("500 unknown command")
	}
	return true
}

func (s *session) reply(text string) { s.out.WriteString(text + "\r\n") }

func (s *session) reset() { s.mail, s.recipients = false, 0 }

// refuses reports whether the policy has had enough at this command.
func (s *session) refuses(verb string) bool {
	return s.policy.refuses == verb && s.messages >= s.policy.messages
}

func (s *session) begin() {
	switch {
	case s.mail:
		s.reply("503 nested MAIL")
	case s.refuses("MAIL"):
		s.reply("450 too much mail")
	default:
		s.mail = true
		s.reply("250 sender ok")
	}
}

// recipient answers RCPT.
func (s *session) recipient() {
	if s.policy.lookup > 0 {
		if !s.policy.holds {
			s.out.Flush()
		}
		time.Sleep(s.policy.lookup)
	}
	switch {
	case !s.mail:
		s.reply("503 RCPT before MAIL")
	case s.refuses("RCPT"):
		s.reply("450 too much mail")
	default:
		s.recipients++
		s.reply("250 recipient ok")
	}
}

func (s *session) data() bool {
	if s.recipients == 0 {
		s.reply("503 DATA before RCPT")
		return true
	}
	s.reply("354 go on")
	if s.skipText() != nil {
		return false
	}
	s.store()
	return true
}

// bdat takes a message of one chunk, and skips the chunk when it wants none.
func (s *session) bdat(argument string) bool {
	number, last := strings.CutSuffix(argument, " LAST")
	size, err := strconv.ParseUint(number, 10, 31)
	if err != nil || !last {
		s.reply("501 want BDAT size LAST")
		return false // what follows cannot be told from commands
	}
	if _, err := s.in.Discard(int(size)); err != nil {
		return false
	}
	if s.recipients == 0 {
		s.reset()
		s.reply("503 BDAT before RCPT")
		return true
	}
	s.store()
	return true
}

// store counts a message, before it is confirmed: whoever has the reply finds
// it counted.
func (s *session) store() {
	s.messages++
	s.stored.Add(1)
	s.reset()
	s.reply("250 stored")
}

// skipText reads up to the final dot of a text that is not empty.
func (s *session) skipText() error {
	end := []byte("\r\n.\r\n")
	for more := len(end); ; {
		buffered, err := s.in.Peek(max(more, s.in.Buffered()))
		if err != nil {
			return err
		}
		if i := bytes.Index(buffered, end); i >= 0 {
			_, err := s.in.Discard(i + len(end))
			return err
		}
		// The last bytes may be the first of the end.
		if _, err := s.in.Discard(len(buffered) - len(end) + 1); err != nil {
			return err
		}
	}
}
