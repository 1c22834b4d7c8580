package smtpace

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/smtpace/smtpace/pool"
	"github.com/wneessen/go-mail"
)

// render returns the body that every try sends, from msg or, when that is nil, from
// data. All lines end in CRLF, the last one included (RFC 5321 2.3.8, 4.1.1.4). The
// body shares the bytes of data when their lines do so already. Once aborted is set,
// msg is read only until the writer that runs has returned; nil means never.
func render(msg *mail.Msg, data []byte, aborted *atomic.Bool) (pool.Body, error) {
	if msg == nil {
		return normalBody(data)
	}
	b := buffers.Get().(*renderBuffer)
	b.aborted = aborted
	defer b.free()
	if _, err := msg.WriteTo(b); err != nil {
		if ownFault(err) {
			return pool.Body{}, fmt.Errorf("%w: rendering failed: %w", ErrInvalid, err)
		}
		return pool.Body{}, err
	}
	body, err := normalBody(kept(b.data))
	if err != nil {
		return pool.Body{}, err
	}
	return body, checkHeader(body.Bytes())
}

// renderBuffer is scratch space for rendering messages of go-mail. The bytes that
// are kept are one copy of the right size. Its methods fail once aborted is set.
type renderBuffer struct {
	data    []byte
	aborted *atomic.Bool // nil means never
}

var buffers = sync.Pool{New: func() any { return new(renderBuffer) }}

// free gives the buffer back.
func (b *renderBuffer) free() {
	b.data, b.aborted = b.data[:0], nil
	buffers.Put(b)
}

var errAborted = errors.New("rendering was stopped")

func (b *renderBuffer) isAborted() bool { return b.aborted != nil && b.aborted.Load() }

// spare is memory that messages have left, as *[]byte.
var spare sync.Pool

// kept returns a copy of rendered bytes. It reuses memory of another message, if that is
// large enough and not larger than twice the bytes.
func kept(data []byte) []byte {
	if room, ok := spare.Get().(*[]byte); ok && cap(*room) >= len(data) && cap(*room) <= 2*len(data) {
		return append((*room)[:0], data...)
	}
	return bytes.Clone(data)
}

// Write implements io.Writer.
func (b *renderBuffer) Write(p []byte) (int, error) {
	if b.isAborted() {
		return 0, errAborted
	}
	b.data = append(b.data, p...)
	return len(p), nil
}

// WriteString implements io.StringWriter: go-mail writes headers as strings.
func (b *renderBuffer) WriteString(s string) (int, error) {
	if b.isAborted() {
		return 0, errAborted
	}
	b.data = append(b.data, s...)
	return len(s), nil
}

// normalBody returns the body of data with every line ended by CRLF.
func normalBody(data []byte) (pool.Body, error) {
	if bytes.HasSuffix(data, []byte("\r\n")) {
		if body, err := pool.NewBody(data); err == nil {
			return body, nil
		}
	}
	return pool.NewBody(normalLines(data))
}

// normalLines returns a copy of data with every line ended by CRLF. A bare CR or
// a bare LF counts as a line end: some receivers would take it for one and others
// would not, which allows SMTP smuggling.
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

// checkHeader reports the first line of the header section that is not part of a
// header field (RFC 5322 2.2).
func checkHeader(data []byte) error {
	if isPlainHeader(data) {
		return nil
	}
	return headerFault(data)
}

// headerFault does the same as checkHeader, line by line.
func headerFault(data []byte) error {
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

// isPlainHeader reports whether data begins with a header section of the usual form:
// lines that end in CRLF, each of them a field or more of the one before, without NUL
// or a bare CR, and an empty line behind them.
func isPlainHeader(data []byte) bool {
	lines, at := 0, 0
	for ; ; lines++ {
		n := bytes.IndexByte(data[at:], '\n')
		if n < 1 || data[at+n-1] != '\r' {
			return false
		}
		if n == 1 {
			break
		}
		continued := lines > 0 && (data[at] == ' ' || data[at] == '\t')
		if !continued && !isField(data[at:at+n]) {
			return false
		}
		at += n + 1
	}
	header := data[:at]
	return lines > 0 && !bytes.Contains(header, []byte{0}) && bytes.Count(header, []byte{'\r'}) == lines
}

// isField reports whether a line begins with the name of a header field and a colon.
func isField(line []byte) bool {
	n := bytes.IndexByte(line, ':')
	if n < 1 {
		return false
	}
	switch string(line[:n]) { // those of every message need no look at each byte
	case "Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "User-Agent", "X-Mailer", "Content-Type", "Content-Transfer-Encoding":
		return true
	}
	for _, c := range line[:n] {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// badHeaderLine returns the mistake in a line of the header section; "" when
// there is none.
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

// ownFault reports whether an error of Msg.WriteTo is a mistake in the message.
// No later attempt mends it, whereas all other errors may be local trouble.
func ownFault(err error) bool {
	for _, mistake := range []error{ErrInvalid, mail.ErrNoFromAddress, mail.ErrNoRcptAddresses, mail.ErrPrivateKeyMissing, mail.ErrCertificateMissing} {
		if errors.Is(err, mistake) {
			return true
		}
	}
	return false
}
