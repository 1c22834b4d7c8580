package smtpace

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/smtpace/smtpace/pool"
)

// render returns the body that every try sends: all lines end in CRLF, the last
// one included (RFC 5321 2.3.8, 4.1.1.4). The bytes of m.Data are its own when
// their lines do.
func (m Message) render() (pool.Body, error) {
	if m.Msg == nil {
		return normalBody(m.Data)
	}
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if _, err := m.Msg.WriteTo(b); err != nil {
		if ownFault(err) {
			return pool.Body{}, fmt.Errorf("%w: rendering failed: %w", ErrInvalid, err)
		}
		return pool.Body{}, err
	}
	body, err := normalBody(bytes.Clone(b.Bytes()))
	if err != nil {
		return pool.Body{}, err
	}
	return body, checkHeader(body.Bytes())
}

// buffers are what messages of go-mail are rendered into, so that what is kept
// is one copy of the right size.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// normalBody returns the body of data, with its line ends made CRLF where they
// are not.
func normalBody(data []byte) (pool.Body, error) {
	if bytes.HasSuffix(data, []byte("\r\n")) {
		if body, err := pool.NewBody(data); err == nil {
			return body, nil
		}
	}
	return pool.NewBody(normalLines(data))
}

// normalLines returns a copy of data with every line ended by CRLF. A bare CR or
// a bare LF counts as a line end: on the wire it would be one for some receivers
// and not for others, which is how mail is smuggled.
func normalLines(data []byte) []byte {
	out := make([]byte, 0, len(data)+bytes.Count(data, []byte{'\n'})+bytes.Count(data, []byte{'\r'})+2)
	for len(data) > 0 {
		i := bytes.IndexAny(data, "\r\n")
		if i < 0 {
			i = len(data)
		}
		out = append(out, data[:i]...)
		out = append(out, '\r', '\n')
		switch rest := data[i:]; {
		case bytes.HasPrefix(rest, []byte("\r\n")):
			data = rest[2:]
		case len(rest) > 0:
			data = rest[1:]
		default:
			data = nil
		}
	}
	return out
}

// checkHeader reports the first line of the header section that is none (RFC
// 5322 2.2): a field without a name, a name with a character that names cannot
// have, a NUL.
func checkHeader(data []byte) error {
	for n := 1; ; n++ {
		line, rest, more := bytes.Cut(data, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			if n == 1 {
				return fmt.Errorf("%w: the message has no header", ErrInvalid)
			}
			return nil
		}
		if why := badHeaderLine(line, n == 1); why != "" {
			return fmt.Errorf("%w: line %d of the message, %.60q: %s", ErrInvalid, n, line, why)
		}
		if !more {
			return nil
		}
		data = rest
	}
}

func badHeaderLine(line []byte, first bool) string {
	switch {
	case bytes.IndexByte(line, 0) >= 0:
		return "contains NUL"
	case bytes.IndexByte(line, '\r') >= 0:
		return "contains a bare CR"
	case line[0] == ' ' || line[0] == '\t':
		if first {
			return "continues a header field that is not there"
		}
		return ""
	}
	name, _, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 {
		return `is not a header field ("Name: value"); an empty line must end the header`
	}
	for _, c := range bytes.TrimRight(name, " \t") {
		if c <= ' ' || c >= 0x7f {
			return fmt.Sprintf("has %q in the name of its field", c)
		}
	}
	return ""
}
