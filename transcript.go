package smtpace

import (
	"io"
	"time"
)

// transcript returns Config.Transcript in the form that package pool wants; nil for nil.
func (c *Config) transcript() func(relay string, id uint64) io.Writer {
	f, form := c.Transcript, c.LogAddresses
	if f == nil {
		return nil
	}
	return func(relay string, id uint64) io.Writer {
		now := time.Now()
		out := f(Connection{Time: now, Relay: relay, ID: id, Began: now})
		if out == nil || form == LogAddressesAsGiven {
			return out
		}
		return &hidingWriter{out, form}
	}
}

// hidingWriter is the writer of a transcript that hides addresses.
type hidingWriter struct {
	io.Writer
	form LogAddresses
}

// Write writes a line of a transcript with its addresses hidden.
func (w *hidingWriter) Write(line []byte) (int, error) {
	text := w.form.text(string(line))
	n, err := io.WriteString(w.Writer, text)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return 0, err
	}
	return len(line), nil
}

// Close closes the writer if that can be closed.
func (w *hidingWriter) Close() error {
	if closer, ok := w.Writer.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
