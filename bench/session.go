package main

import (
	"bufio"
	"bytes"
	"net"
)

// session is one connection of a receiver.
type session struct {
	receiver   *receiver
	conn       net.Conn
	in         *bufio.Reader
	out        *bufio.Writer
	mail       bool // whether MAIL has been accepted
	recipients int

	delivered bool // a message, in the epoch below; both belong to the receiver
	epoch     int
}

func newSession(r *receiver, conn net.Conn) *session {
	s := &session{receiver: r, conn: conn, out: bufio.NewWriter(conn)}
	s.in = bufio.NewReaderSize(flushing{s}, 64<<10)
	return s
}

// flushing reads from the connection of a session, having written all replies
// before: they are gathered while commands are at hand, and go out when the
// session would have to wait (RFC 2920 3.2).
type flushing struct{ *session }

func (f flushing) Read(p []byte) (int, error) {
	if err := f.out.Flush(); err != nil {
		return 0, err
	}
	return f.conn.Read(p)
}

// run speaks SMTP until the client ends it. The session is over for the
// receiver before the reply to QUIT is written, so that a client that dials
// again after it is not counted twice.
func (s *session) run() {
	defer s.conn.Close()
	s.reply("220 bench ESMTP\r\n")
	for {
		line, err := s.in.ReadSlice('\n')
		if err != nil || !s.command(line) {
			break
		}
	}
	s.receiver.ended(s)
	s.out.Flush()
}

// command answers one command and reports whether the session goes on.
func (s *session) command(line []byte) bool {
	switch verb := verbOf(line); string(verb[:]) {
	case "MAIL":
		s.begin()
	case "RCPT":
		s.recipient()
	case "DATA":
		return s.data()
	case "RSET":
		s.mail, s.recipients = false, 0
		s.reply("250 reset\r\n")
	case "NOOP":
		s.reply("250 ok\r\n")
	case "EHLO":
		s.reply("250-bench\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250 8BITMIME\r\n")
	case "HELO":
		s.reply("250 bench\r\n")
	case "QUIT":
		s.reply("221 bye\r\n")
		return false
	default:
		s.reply("500 unknown command\r\n")
	}
	return true
}

// verbOf gives the first four letters of a command in upper case.
func verbOf(line []byte) (verb [4]byte) {
	if len(line) < len(verb) {
		return verb
	}
	for i := range verb {
		verb[i] = line[i] &^ 0x20
	}
	return verb
}

func (s *session) begin() {
	if s.mail {
		s.reply("503 nested MAIL\r\n")
		return
	}
	s.mail = true
	s.reply("250 sender ok\r\n")
}

func (s *session) recipient() {
	if !s.mail {
		s.reply("503 RCPT before MAIL\r\n")
		return
	}
	s.recipients++
	s.reply("250 recipient ok\r\n")
}

// data takes a text. It is counted before it is confirmed, so that whoever has the reply
// finds it in the counts.
func (s *session) data() bool {
	if s.recipients == 0 {
		s.reply("503 DATA before RCPT\r\n")
		return true
	}
	s.reply("354 go on\r\n")
	size, err := s.text()
	if err != nil {
		return false
	}
	s.receiver.stored(s, size)
	s.mail, s.recipients = false, 0
	s.reply("250 stored\r\n")
	return true
}

// text reads up to the final dot and returns the size of what stands before
// it, without the dots that transparency added (RFC 5321 4.5.2). It looks for
// the line ends that a dot follows and skips the rest.
func (s *session) text() (int, error) {
	size, more := 0, 1
	if end, err := s.dot(); end || err != nil {
		return 0, err
	}
	for {
		buffered, err := s.in.Peek(max(more, s.in.Buffered()))
		if err != nil {
			return 0, err
		}
		if i := bytes.Index(buffered, []byte("\r\n.")); i >= 0 {
			size, more = size+i+2, 1
			s.in.Discard(i + 2)
			if end, err := s.dot(); end || err != nil {
				return size, err
			}
			continue
		}
		kept := unfinished(buffered)
		size, more = size+len(buffered)-kept, kept+1
		s.in.Discard(len(buffered) - kept)
	}
}

// dot looks at the start of a line: it takes in the final dot, or the dot of
// transparency, and reports whether it was the final one.
func (s *session) dot() (end bool, err error) {
	head, err := s.in.Peek(len(".\r\n")) // no text ends with less
	if err != nil || head[0] != '.' {
		return false, err
	}
	if string(head) == ".\r\n" {
		s.in.Discard(len(head))
		return true, nil
	}
	s.in.Discard(1)
	return false, nil
}

// unfinished returns the number of bytes at the end of buffered that may belong to a CRLF
// with a dot behind it.
func unfinished(buffered []byte) int {
	switch {
	case bytes.HasSuffix(buffered, []byte("\r\n")):
		return 2
	case bytes.HasSuffix(buffered, []byte("\r")):
		return 1
	}
	return 0
}

// reply gathers a reply; an error of the connection shows at the next read.
func (s *session) reply(text string) { s.out.WriteString(text) }
