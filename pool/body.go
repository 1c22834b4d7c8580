package pool

import (
	"bufio"
	"bytes"
	"encoding/binary"
)

// block is how much of a message is written within one Timeouts.Block.
const block = 64 << 10

var (
	dot     = []byte(".")
	dotLine = []byte("\r\n.")
)

// bodyWriter writes a message for DATA, dot-stuffed (RFC 5321 4.5.2), in slices
// of the message itself wherever they are larger than the buffer.
type bodyWriter struct {
	w    *bufio.Writer
	arm  func() error // called before each block
	left int          // of the current block
}

// message writes all of data but the final dot.
func (b *bodyWriter) message(data []byte) error {
	for first := true; len(data) > 0; first = false {
		if !first || data[0] == '.' {
			if err := b.write(dot); err != nil {
				return err
			}
		}
		line := bytes.Index(data, dotLine)
		if line < 0 {
			return b.write(data)
		}
		if err := b.write(data[:line+2]); err != nil {
			return err
		}
		data = data[line+2:]
	}
	return nil
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
		if _, err := b.w.Write(p[:n]); err != nil {
			return err
		}
		b.left -= n
		p = p[n:]
	}
	return nil
}

// terminator returns what ends the message.
func terminator(data []byte) string {
	if len(data) == 0 || bytes.HasSuffix(data, []byte("\r\n")) {
		return ".\r\n"
	}
	return "\r\n.\r\n"
}

// hasBareNewline reports whether a CR or LF stands alone. Receivers do not
// agree on where such a line ends, so that the message of one could be two to
// another (RFC 5321 2.3.8).
func hasBareNewline(data []byte) bool {
	for len(data) > 0 {
		line := bytes.IndexByte(data, '\r')
		if line < 0 {
			return bytes.IndexByte(data, '\n') >= 0
		}
		if bytes.IndexByte(data[:line], '\n') >= 0 || line+1 == len(data) || data[line+1] != '\n' {
			return true
		}
		data = data[line+2:]
	}
	return false
}

// isEightBit reports whether a byte is not ASCII.
func isEightBit(data []byte) bool {
	const high = 0x8080808080808080
	for ; len(data) >= 8; data = data[8:] {
		if binary.NativeEndian.Uint64(data)&high != 0 {
			return true
		}
	}
	for _, c := range data {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
