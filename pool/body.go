package pool

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Body is a message (RFC 5322) that was looked at once, by [NewBody]: it may be
// sent any number of times without another look. A delivery whose Body was not
// made by NewBody is refused.
type Body struct {
	data     []byte
	dots     []int // where lines begin with a dot, in order; maxDots at most
	moreDots bool  // there may be more behind the last of dots
	eightBit bool  // a byte is not ASCII
	checked  bool  // NewBody made it
}

// maxDots bounds what a Body remembers of a message of nothing but dots.
const maxDots = 64

// scanBlock is how much of a message is looked at for one thing before the next,
// so that it stays in the cache.
const scanBlock = 16 << 10

// NewBody returns the Body of a message that has CRLF line ends throughout, but
// for the last line, which need not have one, and is not dot-stuffed. The bytes
// are not copied and must not change. It fails when a CR or LF stands alone:
// receivers do not agree on where such a line ends, so that the message of one
// could be two to another (RFC 5321 2.3.8).
func NewBody(data []byte) (Body, error) {
	b := Body{data: data, checked: true}
	b.noteDot(0)
	returns, feeds := 0, 0
	for start := 0; start < len(data); start += scanBlock {
		end := min(start+scanBlock, len(data))
		b.eightBit = b.eightBit || isEightBit(data[start:end])
		returns += bytes.Count(data[start:end], []byte{'\r'})
		for at := start; ; feeds++ {
			i := bytes.IndexByte(data[at:end], '\n')
			if i < 0 {
				break
			}
			if at += i; at == 0 || data[at-1] != '\r' {
				return Body{}, fmt.Errorf("pool: the message has a bare LF at byte %d; lines must end in CRLF", at)
			}
			at++
			b.noteDot(at)
		}
	}
	if returns != feeds { // all LF have their CR, but not the other way round
		return Body{}, fmt.Errorf("pool: the message has a bare CR at byte %d; lines must end in CRLF", bareCR(data))
	}
	return b, nil
}

// noteDot notes the line that begins at a position, if it begins with a dot.
func (b *Body) noteDot(at int) {
	if at >= len(b.data) || b.data[at] != '.' {
		return
	}
	if len(b.dots) == maxDots {
		b.moreDots = true
		return
	}
	b.dots = append(b.dots, at)
}

// Len returns the number of bytes.
func (b Body) Len() int { return len(b.data) }

// Bytes returns the message; it must not be changed.
func (b Body) Bytes() []byte { return b.data }

// terminator returns what ends the message.
func (b Body) terminator() string {
	if len(b.data) == 0 || bytes.HasSuffix(b.data, []byte("\r\n")) {
		return ".\r\n"
	}
	return "\r\n.\r\n"
}

// bareCR returns the position of the first CR without an LF behind it.
func bareCR(data []byte) int {
	for at := 0; ; at++ {
		i := bytes.IndexByte(data[at:], '\r')
		if i < 0 {
			return len(data)
		}
		if at += i; at+1 == len(data) || data[at+1] != '\n' {
			return at
		}
	}
}

// isEightBit reports whether a byte is not ASCII.
func isEightBit(data []byte) bool {
	const high = 0x8080808080808080
	for ; len(data) >= 32; data = data[32:] {
		a, b := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint64(data[8:])
		c, d := binary.NativeEndian.Uint64(data[16:]), binary.NativeEndian.Uint64(data[24:])
		if (a|b|c|d)&high != 0 {
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
