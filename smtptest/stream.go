package smtptest

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// segment is a piece on its way: bytes, or the error that ends the stream.
type segment struct {
	at   time.Time // when it arrives
	data []byte
	end  error
}

// stream is one direction of a pipe.
type stream struct {
	latency time.Duration

	mu       sync.Mutex
	change   *sync.Cond // on mu: something arrived, was read, ended or expired
	segments []segment
	buffered int   // bytes in segments
	writeErr error // what further writes get
	unread   bool  // whether the reading end is closed

	// As with TCP, the first write to an end that closed in order is taken and
	// lost. The reset in answer fails the writes from a round trip later on.
	orphaned time.Time // when that first write was; zero: not yet
	broken   bool      // whether every write fails

	readBy, writeBy deadline
}

func newStream(latency time.Duration) *stream {
	s := &stream{latency: latency}
	s.change = sync.NewCond(&s.mu)
	s.readBy.stream, s.writeBy.stream = s, s
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.unread:
			return 0, net.ErrClosed
		case s.readBy.expired:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		}
		if n, err := s.takeLocked(p); n > 0 || err != nil {
			return n, err
		}
		s.change.Wait()
	}
}

// takeLocked moves what has arrived to p. It returns 0, nil if nothing has.
func (s *stream) takeLocked(p []byte) (n int, err error) {
	now := time.Now()
	for n < len(p) && len(s.segments) > 0 && !s.segments[0].at.After(now) {
		head := &s.segments[0]
		if head.end != nil {
			if n == 0 {
				err = head.end // stays, for the next Read
			}
			break
		}
		k := copy(p[n:], head.data)
		n += k
		head.data = head.data[k:]
		if len(head.data) == 0 {
			s.segments = s.segments[1:]
		}
	}
	if n > 0 {
		s.buffered -= n
		s.change.Broadcast()
	}
	return n, err
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.writeErr != nil:
			return n, s.writeErr
		case s.writeBy.expired:
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		case s.unread:
			if !s.orphanLocked() {
				return n, os.NewSyscallError("write", syscall.EPIPE)
			}
			return n + len(p), nil
		}
		if room := pipeBuffer - s.buffered; room > 0 {
			k := min(room, len(p))
			s.pushLocked(segment{data: append([]byte(nil), p[:k]...)})
			s.buffered += k
			n, p = n+k, p[k:]
			continue
		}
		s.change.Wait()
	}
}

// orphanLocked reports whether a write that nobody reads any more still seems
// to succeed.
func (s *stream) orphanLocked() bool {
	now := time.Now()
	if s.orphaned.IsZero() {
		s.orphaned = now
		return !s.broken
	}
	return !s.broken && now.Before(s.orphaned.Add(2*s.latency))
}

// pushLocked sends a segment on its way.
func (s *stream) pushLocked(seg segment) {
	if s.latency > 0 {
		seg.at = time.Now().Add(s.latency)
		time.AfterFunc(s.latency, s.wake)
	}
	s.segments = append(s.segments, seg)
	s.change.Broadcast()
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change.Broadcast()
}

// stopReading discards what is on its way and fails further reads; further
// writes fail as well, at once if that breaks the connection.
func (s *stream) stopReading(breaks bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread, s.broken = true, s.broken || breaks || s.buffered > 0
	s.segments, s.buffered = nil, 0
	s.readBy.stopLocked()
	s.change.Broadcast()
}

// stopWriting ends the stream: its reader gets end after the data, its writer
// err.
func (s *stream) stopWriting(end, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeErr == nil && !s.unread {
		s.pushLocked(segment{end: end})
	}
	s.writeErr = err
	s.writeBy.stopLocked()
	s.change.Broadcast()
}

// deadline ends the waiting in one direction of a stream, whose mutex guards
// it.
type deadline struct {
	stream  *stream
	timer   *time.Timer
	expired bool
}

func (d *deadline) set(t time.Time) {
	d.stream.mu.Lock()
	defer d.stream.mu.Unlock()
	d.stopLocked()
	d.expired = false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.expired = true
		d.stream.change.Broadcast()
		return
	}
	var own *time.Timer
	own = time.AfterFunc(wait, func() {
		d.stream.mu.Lock()
		defer d.stream.mu.Unlock()
		if d.timer == own { // else it was set anew while this one fired
			d.expired = true
			d.stream.change.Broadcast()
		}
	})
	d.timer = own
}

func (d *deadline) stopLocked() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
