package pool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/smtpace/smtpace/internal/redact"
)

// Bounds on replies, in bytes. RFC 5321 4.5.3.1.5 allows a line 512 octets; some
// servers send longer ones.
const (
	maxLine  = 2 << 10  // of one line of a reply that is kept
	maxReply = 64 << 10 // all lines of a reply, and what one step of the opening may read
	maxText  = 256      // of a text of the server in an error of ours
)

// readReply reads one reply (RFC 5321 4.2) and returns its code, that of its first
// complete line, and buf with the text appended: the lines without the code, joined
// by "\n". The text may contain secrets; the errors do not.
//
// Replies that servers get wrong are read where their meaning is certain. Blank lines
// and blanks in front are skipped. Behind the first line, lines without a code are text, and
// the codes of the others may differ from the first in all but their first digit.
//
// If the reply does not end after its first complete line, because of an I/O error
// or of its length, readReply returns both the code and the error. The code is 0
// without a complete line, when the first line is no reply, and when the first
// digits differ (*mixedCodes). Violations of the protocol match ErrProtocol.
//
// An I/O error is that of r; an end inside a line becomes io.ErrUnexpectedEOF.
//
// begun, unless nil, is called behind the first complete line if more must follow.
func readReply(r *bufio.Reader, secrets redact.Redactor, buf []byte, begun func()) (code int, text []byte, err error) {
	for total := 0; ; {
		line, n, err := readLine(r, maxReply-total)
		total += n
		if err != nil {
			return code, buf, err
		}
		if code == 0 {
			line = bytes.TrimLeft(line, " \t")
		}
		c, rest, more, ok := parseLine(line)
		switch {
		case ok && code != 0 && c/100 != code/100:
			return 0, nil, newMixedCodes(code, buf, c, rest)
		case !ok && code != 0:
			rest, more = line, true
		case !ok && len(line) == 0:
			continue
		case !ok:
			return 0, nil, fmt.Errorf("%w: unreadable reply %s", ErrProtocol, quoted(secrets.Redact(string(line))))
		}
		if code != 0 {
			buf = append(buf, '\n')
		} else {
			code = c
			if more && begun != nil {
				begun()
			}
		}
		buf = append(buf, rest...)
		if !more {
			return code, buf, nil
		}
	}
}

// readLine reads a line of at most room bytes. It returns the beginning of the line
// without its end, up to maxLine bytes, and the number of bytes read.
func readLine(r *bufio.Reader, room int) (line []byte, n int, err error) {
	line, err = r.ReadSlice('\n')
	n = len(line)
	if n > maxLine {
		line = bytes.Clone(line[:maxLine]) // the next read overwrites it
	}
	for errors.Is(err, bufio.ErrBufferFull) && n <= room {
		var more []byte
		more, err = r.ReadSlice('\n')
		n += len(more)
	}
	switch {
	case n > room:
		return nil, n, fmt.Errorf("%w: a reply longer than %d bytes", ErrProtocol, maxReply)
	case errors.Is(err, io.EOF) && n > 0:
		return nil, n, io.ErrUnexpectedEOF
	case err != nil:
		return nil, n, err
	}
	line = bytes.TrimSuffix(line, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), n, nil
}

// mixedCodes is the error of a reply whose lines have codes of different first
// digits. It keeps the first line that refuses.
type mixedCodes struct {
	first, second int
	refusal       int    // the code of the line that refuses; 0 for none
	text          string // of that line; may contain secrets
}

func newMixedCodes(first int, text []byte, second int, rest []byte) *mixedCodes {
	m := &mixedCodes{first: first, second: second}
	switch {
	case first >= 400:
		m.refusal, m.text = first, string(text)
	case second >= 400:
		m.refusal, m.text = second, string(rest)
	}
	return m
}

func (m *mixedCodes) Error() string {
	return fmt.Sprintf("%v: codes %d and %d in one reply", ErrProtocol, m.first, m.second)
}

func (m *mixedCodes) Unwrap() error { return ErrProtocol }

// bufferedLine returns the next line if all of it is in the buffer, so that it can
// be read without waiting; else nil. The line ends with its LF.
func bufferedLine(r *bufio.Reader) []byte {
	b, _ := r.Peek(r.Buffered())
	return b[:bytes.IndexByte(b, '\n')+1]
}

// isWhole reports whether a line can be a reply by itself.
func isWhole(line []byte) bool { return len(line) > 4 && line[3] != '-' }

// parseLine splits a line of a reply, without its end: three digits of 200 to 599,
// then a space or, when more lines follow, a hyphen, then text. The code may stand
// alone (RFC 5321 4.2), and another separator may stand in place of the space, as in
// "550: no such user".
func parseLine(line []byte) (code int, text []byte, more, ok bool) {
	if len(line) < 3 {
		return 0, nil, false, false
	}
	for _, digit := range line[:3] {
		if digit < '0' || digit > '9' {
			return 0, nil, false, false
		}
		code = 10*code + int(digit-'0')
	}
	switch {
	case code < 200 || code > 599:
		return 0, nil, false, false
	case len(line) == 3:
		return code, nil, false, true
	case isLetterOrDigit(line[3]):
		return 0, nil, false, false
	}
	return code, line[4:], line[3] == '-', true
}

func isLetterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// quoted returns a text of the server quoted for an error, cut to maxText.
func quoted(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	return strconv.QuoteToASCII(s)
}
