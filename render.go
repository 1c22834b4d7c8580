package smtpace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/smtpace/smtpace/pool"
	"github.com/wneessen/go-mail"
)

// render returns the body that every try sends. All lines end in CRLF, the last
// one included (RFC 5321 2.3.8, 4.1.1.4). The body shares the bytes of m.Data
// when their lines do so already. Once aborted is set, a Msg is read only until the
// writer that runs has returned; nil means never.
func (m Message) render(aborted *atomic.Bool) (pool.Body, error) {
	if m.Msg == nil {
		return normalBody(m.Data)
	}
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if _, err := m.Msg.WriteTo(abortable{b, aborted}); err != nil {
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

// abortable is a writer that fails once aborted is set.
type abortable struct {
	io.Writer
	aborted *atomic.Bool // nil means never
}

var errAborted = errors.New("rendering was stopped")

func (w abortable) Write(p []byte) (int, error) {
	if w.aborted != nil && w.aborted.Load() {
		return 0, errAborted
	}
	return w.Writer.Write(p)
}

// buffers are scratch space for rendering messages of go-mail. The bytes that
// are kept are one copy of the right size.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

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
