package pool

import (
	"bufio"
	"bytes"
	"io"
)

// block is how much of a message is written within one Timeouts.Block.
const block = 64 << 10

// minSlice is the least that is written as it lies in the message rather than
// through the buffer.
const minSlice = 8 << 10

var dotLine = []byte("\r\n.")

// bodyWriter writes a message for DATA, dot-stuffed (RFC 5321 4.5.2). A large
// message goes out in slices of itself, but for its end, which stays in the
// buffer for the final dot to go out in the same write.
type bodyWriter struct {
	w    *bufio.Writer
	out  io.Writer    // below w
	arm  func() error // called before each block
	left int          // of the current block
}

// message writes all of a message but the final dot.
func (b *bodyWriter) message(m Body) error {
	at := 0
	for _, dot := range m.dots {
		if err := b.line(m.data[at:dot]); err != nil {
			return err
		}
		at = dot
	}
	for m.moreDots {
		i := bytes.Index(m.data[at:], dotLine)
		if i < 0 {
			break
		}
		next := at + i + len(dotLine) - 1
		if err := b.line(m.data[at:next]); err != nil {
			return err
		}
		at = next
	}
	return b.write(m.data[at:])
}

// line writes what comes before a line with a dot, and the dot that is added.
func (b *bodyWriter) line(p []byte) error {
	if err := b.write(p); err != nil {
		return err
	}
	return b.write(dotLine[2:])
}

func (b *bodyWriter) write(p []byte) error {
	for len(p) > 0 {
		if b.left == 0 {
			if err := b.arm(); err != nil {
				return err
			}
			b.left = block
		}
		n := min(len(p), b.left)
		if err := b.put(p[:n], n == len(p)); err != nil {
			return err
		}
		b.left -= n
		p = p[n:]
	}
	return nil
}

// put writes p past the buffer when that saves a copy and does not cost a write.
func (b *bodyWriter) put(p []byte, last bool) error {
	if last || len(p) < minSlice {
		_, err := b.w.Write(p)
		return err
	}
	if b.w.Buffered() > 0 {
		if err := b.w.Flush(); err != nil {
			return err
		}
		if err := b.arm(); err != nil {
			return err
		}
	}
	_, err := b.out.Write(p)
	return err
}
