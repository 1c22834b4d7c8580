package pool

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// tap is the reader and writer of a session with a transcript, above TLS: all that is
// said goes through it. The connection's goroutine owns it. It tells messages, and what
// a client says in a login, by their lengths.
type tap struct {
	io.ReadWriter
	session    *session
	transcript *transcript

	client, server lineBuffer
	login          bool     // whether a login is under way
	body           bool     // whether a message is being written
	bodyBytes      int64    // of it so far
	bodyEnd        dotState // finds its end
}

// newTap returns a tap between a session and its connection.
func newTap(conn io.ReadWriter, s *session) *tap {
	return &tap{ReadWriter: conn, session: s, transcript: s.transcript}
}

// tapped returns a tap between a session and its connection. What came through the one
// before has no more ends.
func (s *session) tapped(conn io.ReadWriter) *tap {
	if s.transcript.tap != nil {
		s.transcript.tap.flush()
	}
	s.tap = newTap(conn, s)
	s.transcript.tap = s.tap
	return s.tap
}

// Read reads, and transcribes what the server has said.
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.ReadWriter.Read(p)
	if t.transcript.takes() {
		t.hear(p[:n])
	}
	return n, err
}

// Write writes, and transcribes what the client has said.
func (t *tap) Write(p []byte) (int, error) {
	n, err := t.ReadWriter.Write(p)
	if t.transcript.takes() {
		t.say(p[:n])
	}
	return n, err
}

// beginLogin has everything that the client says told by its length, until endLogin. The
// nil tap does nothing.
func (t *tap) beginLogin() {
	if t != nil {
		t.login = true
	}
}

func (t *tap) endLogin() {
	if t != nil {
		t.login = false
	}
}

// beginBody notes that a message follows, up to its final dot. The nil tap does nothing.
func (t *tap) beginBody() {
	if t != nil {
		t.body, t.bodyBytes, t.bodyEnd = true, 0, atLineStart
	}
}

// say transcribes what was written.
func (t *tap) say(p []byte) {
	for len(p) > 0 {
		if t.body {
			p = t.sayBody(p)
			continue
		}
		var line []byte
		var n int
		if line, n, p = t.client.take(p, transcriptLine); n >= 0 {
			t.sayLine(line, n)
		}
	}
}

// sayBody counts bytes of a message, and returns those behind its final dot.
func (t *tap) sayBody(p []byte) (rest []byte) {
	for i, c := range p {
		if t.bodyEnd = t.bodyEnd.next(c); t.bodyEnd == atEnd {
			t.body = false
			t.tellBody(t.bodyBytes+int64(i)+1-int64(len(".\r\n")), "")
			t.transcript.add(markClient, ".")
			return p[i+1:]
		}
	}
	t.bodyBytes += int64(len(p))
	return nil
}

// tellBody tells the length of a message as it was written, dot-stuffed.
func (t *tap) tellBody(n int64, how string) {
	t.transcript.add(markClient, fmt.Sprintf("[%d bytes of a message%s]", n, how))
}

// sayLine tells a line of n bytes of the client, of which line is the beginning.
func (t *tap) sayLine(line []byte, n int) {
	if !t.login {
		t.transcript.add(markClient, string(line)) // of ours, and no longer than a command may be
		return
	}
	words := strings.SplitN(string(line), " ", 3)
	switch {
	case len(words) > 1 && words[0] == "AUTH":
		text := words[0] + " " + words[1]
		if len(words) == 3 {
			text += " " + length(n-len(text)-1)
		}
		t.transcript.add(markClient, text)
	case string(line) == "*": // cancels the login
		t.transcript.add(markClient, "*")
	default:
		t.transcript.add(markClient, length(n))
	}
}

// hear transcribes what was read.
func (t *tap) hear(p []byte) {
	for len(p) > 0 {
		var line []byte
		var n int
		if line, n, p = t.server.take(p, t.heard()); n >= 0 {
			t.hearLine(line, n, "")
		}
	}
}

// heard returns the number of bytes of a server's line to look at: the part that is told,
// and the length of the longest secret behind it, which could otherwise be told in part.
func (t *tap) heard() int {
	return transcriptLine + t.session.secrets.Longest()
}

// hearLine tells a line of n bytes of the server, of which line is the beginning. In a
// login it tells only refusals: a challenge can hold what a guess of the secret can be
// tried on.
func (t *tap) hearLine(line []byte, n int, how string) {
	code, rest, more, ok := parseLine(line)
	switch {
	case t.login && !ok:
		t.transcript.add(markServer, length(n)+how)
		return
	case t.login && code < 400:
		mark := " "
		if more {
			mark = "-"
		}
		t.transcript.add(markServer, fmt.Sprintf("%d%s%s%s", code, mark, length(n-len(line)+len(rest)), how))
		return
	}
	text := t.session.secrets.RedactTo(string(line), transcriptLine)
	if n > transcriptLine {
		how = fmt.Sprintf("... %s%s", length(n), how)
	}
	t.transcript.add(markServer, text+how)
}

// flush tells what has no end yet, as nothing follows.
func (t *tap) flush() {
	if t.body {
		t.body = false
		t.tellBody(t.bodyBytes, " without its end")
	}
	if line, n := t.client.rest(); n > 0 {
		t.sayLine(line, n)
	}
	if line, n := t.server.rest(); n > 0 {
		t.hearLine(line, n, " [without a line end]")
	}
}

// length returns what stands for so many bytes.
func length(n int) string { return fmt.Sprintf("[%d bytes]", n) }

// lineBuffer puts lines together. It keeps the beginnings of long ones.
type lineBuffer struct {
	kept []byte
	n    int  // bytes of the line so far
	last byte // the last of them
}

// take adds bytes up to a line end, of which it keeps so many of a line. It returns the
// line without its end and its length, -1 when it is not whole, and what follows.
func (b *lineBuffer) take(p []byte, keep int) (line []byte, n int, rest []byte) {
	end := bytes.IndexByte(p, '\n')
	part := p
	if end >= 0 {
		part = p[:end]
	}
	if b.n += len(part); len(part) > 0 {
		b.last = part[len(part)-1]
	}
	b.kept = append(b.kept, part[:min(len(part), max(keep-len(b.kept), 0))]...)
	if end < 0 {
		return nil, -1, nil
	}
	line, n = b.rest()
	return line, n, p[end+1:]
}

// rest returns the line so far, and begins the next.
func (b *lineBuffer) rest() (line []byte, n int) {
	line, n = b.kept, b.n
	if n > 0 && b.last == '\r' {
		n--
		line = line[:min(n, len(line))]
	}
	b.kept, b.n = b.kept[:0], 0
	return line, n
}

// dotState is the state of the search for the line that ends a message (RFC 5321
// 4.1.1.4).
type dotState uint8

const (
	inLine      dotState = iota
	afterReturn          // behind a CR
	atLineStart
	afterDot       // behind a dot at the start of a line
	afterDotReturn // and a CR
	atEnd
)

// next returns the state behind one more byte.
func (a dotState) next(c byte) dotState {
	switch {
	case c == '\r' && a == afterDot:
		return afterDotReturn
	case c == '\r':
		return afterReturn
	case c == '\n' && a == afterDotReturn:
		return atEnd
	case c == '\n' && a == afterReturn:
		return atLineStart
	case c == '.' && a == atLineStart:
		return afterDot
	}
	return inLine
}
