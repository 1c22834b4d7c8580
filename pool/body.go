package pool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Body is a message (RFC 5322) that [NewBody] has checked. It may be sent any
// number of times and is not scanned again. A delivery whose Body was not made
// by NewBody is refused.
type Body struct {
	data     []byte
	dots     [maxDots]uint32 // the offsets of the first lines that begin with a dot
	nDots    uint8           // the number of dots in use
	moreDots bool            // whether further lines may begin with a dot, behind the last of dots
	eightBit bool            // whether a byte is not ASCII
	checked  bool            // whether NewBody made it
}

// maxDots bounds the offsets that a Body keeps. Few messages have more lines that
// begin with a dot; they are searched when they are sent.
const maxDots = 4

// scanBlock is the number of bytes that all checks scan in turn before the next ones, so
// that they stay in the cache.
const scanBlock = 16 << 10

// NewBody returns the Body of a message with CRLF line ends throughout, except perhaps in
// the last line, and without dot-stuffing. The bytes are not copied and must not change.
// It fails when a CR or LF stands alone. Receivers disagree about the end of such a line:
// one message could become two (RFC 5321 2.3.8).
func NewBody(data []byte) (Body, error) {
	b := Body{data: data, checked: true}
	if len(data) > 0 && data[0] == '.' {
		b.noteDot(0)
	}
	returns, feeds := 0, 0
	for start := 0; start < len(data); start += scanBlock {
		chunk := data[start:min(start+scanBlock, len(data))]
		b.eightBit = b.eightBit || isEightBit(chunk)
		returns += bytes.Count(chunk, []byte{'\r'})
		n := bytes.Count(chunk, []byte{'\n'})
		feeds += n
		if bareLF := b.scanLines(start, start+len(chunk), n); bareLF >= 0 {
			return Body{}, fmt.Errorf("pool: the message has a bare LF at byte %d; lines must end in CRLF", bareLF)
		}
	}
	if returns != feeds { // every LF has its CR, so some CR has no LF
		return Body{}, fmt.Errorf("pool: the message has a bare CR at byte %d; lines must end in CRLF", bareCR(data))
	}
	return b, nil
}

// scanLines examines data[start:end], which has n LF. It notes the lines behind
// them that begin with a dot, and returns the offset of the first LF without a CR
// in front, -1 if all have one.
//
// Most lines of a long message have the same length, so it looks for an LF at
// the length of the line before, and searches only where there is none. When
// this has missed an LF, the number shows it, and all lines are searched.
func (b *Body) scanLines(start, end, n int) (bareLF int) {
	before := *b
	if b.scanGuessing(start, end) == n {
		return -1
	}
	*b = before
	for at := start; ; at++ {
		i := bytes.IndexByte(b.data[at:end], '\n')
		if i < 0 {
			return -1
		}
		if at += i; !b.lineEnd(at) {
			return at
		}
	}
}

// scanGuessing examines data[start:end] as scanLines does, without the second look. It
// returns the number of LF with a CR in front that it has seen, up to the first
// without.
func (b *Body) scanGuessing(start, end int) (seen int) {
	data, length := b.data[:end], 0
	for at := start; ; at++ {
		if next := at + length; next < len(data) && data[next] == '\n' {
			at = next
		} else {
			length = bytes.IndexByte(data[at:], '\n')
			if length < 0 {
				return seen
			}
			at += length
		}
		if !b.lineEnd(at) {
			return seen
		}
		seen++
	}
}

// lineEnd reports whether the LF at an offset has a CR in front, and notes the
// next line if it begins with a dot.
func (b *Body) lineEnd(at int) bool {
	if at == 0 || b.data[at-1] != '\r' {
		return false
	}
	if at+1 < len(b.data) && b.data[at+1] == '.' {
		b.noteDot(at + 1)
	}
	return true
}

// noteDot notes that the line at an offset begins with a dot.
func (b *Body) noteDot(at int) {
	if b.nDots == maxDots || uint64(at) > math.MaxUint32 {
		b.moreDots = true
		return
	}
	b.dots[b.nDots] = uint32(at)
	b.nDots++
}

// Len returns the number of bytes.
func (b Body) Len() int { return len(b.data) }

// Bytes returns the message; it must not be changed.
func (b Body) Bytes() []byte { return b.data }

// terminator returns the final dot with its line end, and with one in front if
// the message does not end in one.
func (b Body) terminator() string {
	if len(b.data) == 0 || bytes.HasSuffix(b.data, []byte("\r\n")) {
		return ".\r\n"
	}
	return "\r\n.\r\n"
}

// bareCR returns the position of the first CR without an LF behind it. There must be one.
func bareCR(data []byte) int {
	at := 0
	for bytes.HasPrefix(data[at:], []byte("\r\n")) || data[at] != '\r' {
		at++
	}
	return at
}

// isEightBit reports whether a byte is not ASCII.
func isEightBit(data []byte) bool {
	const high = 0x8080808080808080
	for ; len(data) >= 64; data = data[64:] {
		a := binary.NativeEndian.Uint64(data) | binary.NativeEndian.Uint64(data[8:]) |
			binary.NativeEndian.Uint64(data[16:]) | binary.NativeEndian.Uint64(data[24:])
		b := binary.NativeEndian.Uint64(data[32:]) | binary.NativeEndian.Uint64(data[40:]) |
			binary.NativeEndian.Uint64(data[48:]) | binary.NativeEndian.Uint64(data[56:])
		if (a|b)&high != 0 {
			return true
		}
	}
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
