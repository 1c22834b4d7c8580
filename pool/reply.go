package pool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Bounds on replies, in bytes. RFC 5321 4.5.3.1.5 allows a line 512 octets; some
// servers send longer ones.
const (
	maxLine  = 2 << 10  // one line of a reply, with its end
	maxReply = 64 << 10 // all lines of a reply, and what one step of the opening may read
	maxText  = 256      // of a text of the server in an error of ours
)

// readReply reads one reply (RFC 5321 4.2) and returns its code, and buf with the
// text appended: the lines without the code, joined by "\n". The text may contain
// secrets; the errors do not. If an I/O error comes after the first complete line,
// readReply returns both the code and the error. The code is 0 without a complete
// line, and after a violation of the protocol, whose error matches ErrProtocol.
//
// An I/O error is that of r; an end inside a line becomes io.ErrUnexpectedEOF.
func readReply(r *bufio.Reader, secrets redactor, buf []byte) (code int, text []byte, err error) {
	for total := 0; ; {
		line, err := r.ReadSlice('\n')
		total += len(line)
		switch {
		case err == nil && len(line) <= maxLine && total <= maxReply:
		case errors.Is(err, bufio.ErrBufferFull) || len(line) > maxLine:
			return 0, nil, fmt.Errorf("%w: a reply line longer than %d bytes", ErrProtocol, maxLine)
		case total > maxReply:
			return 0, nil, fmt.Errorf("%w: a reply longer than %d bytes", ErrProtocol, maxReply)
		case errors.Is(err, io.EOF) && len(line) > 0:
			return code, buf, io.ErrUnexpectedEOF
		case err != nil:
			return code, buf, err
		}
		c, rest, more, ok := parseLine(line)
		if !ok {
			return 0, nil, fmt.Errorf("%w: unreadable reply %s", ErrProtocol, printable(secrets.redact(string(line))))
		}
		if code != 0 && c != code {
			return 0, nil, fmt.Errorf("%w: codes %d and %d in one reply", ErrProtocol, code, c)
		}
		if code != 0 {
			buf = append(buf, '\n')
		}
		code = c
		buf = append(buf, rest...)
		if !more {
			return code, buf, nil
		}
	}
}

// bufferedLine returns the next line if all of it is in the buffer, so that it can
// be read without waiting; else nil. The line ends with its LF.
func bufferedLine(r *bufio.Reader) []byte {
	b, _ := r.Peek(r.Buffered())
	return b[:bytes.IndexByte(b, '\n')+1]
}

// isWhole reports whether a line can be a reply by itself.
func isWhole(line []byte) bool { return len(line) > 4 && line[3] != '-' }

// parseLine splits a line of a reply: three digits of 200 to 599, then a space
// or, when more lines follow, a hyphen, then text. The code may stand alone
// (RFC 5321 4.2). The line end may lack its CR.
func parseLine(line []byte) (code int, text []byte, more, ok bool) {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) < 3 || bytes.IndexByte(line, 0) >= 0 {
		return 0, nil, false, false
	}
	for _, digit := range line[:3] {
		if digit < '0' || digit > '9' {
			return 0, nil, false, false
		}
		code = 10*code + int(digit-'0')
	}
	if code < 200 || code > 599 {
		return 0, nil, false, false
	}
	if len(line) == 3 {
		return code, nil, false, true
	}
	return code, line[4:], line[3] == '-', line[3] == '-' || line[3] == ' '
}

// printable returns a text of the server quoted for an error, cut to maxText.
func printable(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	return strconv.QuoteToASCII(s)
}
