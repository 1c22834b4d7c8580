package smtptest

import (
	"bufio"
	"bytes"
)

// bodyReader reads a message up to its final dot (RFC 5321, 4.1.1.4 and 4.5.2)
// without dot-stuffing. Only CRLF ends a line: a bare CR or LF is data, and
// CRLF "." LF is no end.
type bodyReader struct {
	r     *bufio.Reader
	start bool // at the start of a line
	cr    bool // the last byte was CR
}

func newBodyReader(r *bufio.Reader) *bodyReader { return &bodyReader{r: r, start: true} }

// next returns the next piece of the message, valid until the next call, or
// that the final dot was reached. With an error comes what was read before it.
func (b *bodyReader) next() (piece []byte, dot bool, err error) {
	piece, err = b.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		err = nil
	}
	if len(piece) == 0 {
		return nil, false, err
	}
	stuffed := b.start && piece[0] == '.'
	b.start = bytes.HasSuffix(piece, []byte("\r\n")) || b.cr && string(piece) == "\n"
	b.cr = piece[len(piece)-1] == '\r'
	if !stuffed {
		return piece, false, err
	}
	if string(piece) == ".\r\n" {
		return nil, true, nil
	}
	return piece[1:], false, err
}
