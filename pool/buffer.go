package pool

import (
	"bufio"
	"sync"
)

// writeBuffer is the size of a write buffer in bytes: enough for a message of 64
// KiB, the dot and the next envelope, as one write saves more than the copy costs.
const writeBuffer = block + 4<<10

// writers are the buffers that no connection uses. An idle connection has none.
var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, writeBuffer) }}

// useBuffer takes a write buffer, unless the session has one.
func (s *session) useBuffer() {
	if s.w == nil {
		s.w = writers.Get().(*bufio.Writer)
		s.w.Reset(s.out)
	}
}

// freeBuffer gives the write buffer back, and drops its content.
func (s *session) freeBuffer() {
	if s.w != nil && s.out != nil {
		s.w.Reset(nil)
		writers.Put(s.w)
		s.w = nil
	}
}
