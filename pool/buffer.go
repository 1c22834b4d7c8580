package pool

import (
	"bufio"
	"sync"
)

// writeBuffer holds what most transactions write between two replies: one write
// of the message, the dot and the next envelope is worth more than the copy. A
// larger message goes out in slices of itself.
const writeBuffer = block + 4<<10

// writers are buffers that no connection uses: an idle one has none.
var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, writeBuffer) }}

// useBuffer takes a write buffer, unless the session has one.
func (s *session) useBuffer() {
	if s.w == nil {
		s.w = writers.Get().(*bufio.Writer)
		s.w.Reset(s.out)
	}
}

// freeBuffer gives the write buffer back. What an error left in it is lost.
func (s *session) freeBuffer() {
	if s.w != nil && s.out != nil {
		s.w.Reset(nil)
		writers.Put(s.w)
		s.w = nil
	}
}
