package pool

import (
	"bufio"
	"bytes"
	"io"
	"time"
)

// block is the number of bytes of a message that are written within one
// Timeouts.Block.
const block = 64 << 10

// minSlice is the least number of bytes that are written as they lie in the
// message rather than through the buffer.
const minSlice = 8 << 10

var dotLine = []byte("\r\n.")

// bodyWriter writes a message for DATA, dot-stuffed (RFC 5321 4.5.2). It writes
// a large message in slices of the message. The end of the message stays in the
// buffer, so that the final dot goes out in the same write.
type bodyWriter struct {
	w       *bufio.Writer
	out     io.Writer // the writer below w
	timer   armer
	timeout time.Duration // for each block
	left    int           // bytes of the current block that are not written
}

// armer sets the deadline of the next write. *wire is one.
type armer interface {
	arm(timeout time.Duration) error
}

// arm begins the time of a block.
func (b *bodyWriter) arm() error { return b.timer.arm(b.timeout) }

// message writes the whole message but the final dot.
func (b *bodyWriter) message(m Body) error {
	at := 0
	for _, offset := range m.dots[:m.nDots] {
		dot := int(offset)
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

// line writes the bytes up to a line that begins with a dot, and one more dot.
func (b *bodyWriter) line(p []byte) error {
	if err := b.write(p); err != nil {
		return err
	}
	return b.write(dotLine[2:])
}

// write writes p in blocks.
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
