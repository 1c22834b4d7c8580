package smtptest

import (
	"bufio"
	"bytes"
	"fmt"
	"time"
)

// data answers DATA, reads the message and answers its final dot. A refused
// DATA leaves the transaction open: the next MAIL is nested, as with Postfix.
func (s *session) data(line, arg string) bool {
	start := false
	goOn := s.answer(s.event(StageData, line), func() string {
		switch {
		case s.tx == nil:
			return s.cfg.line(503, "5.5.1", "Error: need RCPT command")
		case arg != "":
			return s.cfg.line(501, "5.5.4", "Syntax: DATA")
		case s.tx.accepted == 0:
			return s.cfg.line(554, "5.5.1", "Error: no valid recipients")
		}
		return s.alone("354 End data with <CR><LF>.<CR><LF>")
	}, func(g given) { start = g.code == 354 && s.tx != nil })
	if !goOn || !start {
		return goOn
	}
	return s.flush() && s.readMessage() && s.dot()
}

// dot answers the end of a message.
func (s *session) dot() bool {
	if !s.pause(s.cfg.ServiceTime) {
		return false
	}
	return s.answer(s.event(StageDot, ""), func() string {
		if s.tx.Size > s.cfg.MaxSize {
			return s.cfg.line(552, "5.3.4", "Error: message file too big")
		}
		return s.cfg.line(250, "2.0.0", fmt.Sprintf("Ok: queued as %d-%d", s.id, s.messages))
	}, func(g given) {
		accepted := g.code/100 == 2 || g.stored
		if accepted {
			s.errors = 0
		}
		s.endTransaction(g, accepted)
	})
}

// readMessage reads the message with its final dot, and has a fault of
// StageBody interrupt; it reports whether the dot came.
func (s *session) readMessage() bool {
	body := newBodyReader(s.r)
	f := s.srv.fault(s.event(StageBody, ""))
	if f == nil {
		return s.readPieces(body, -1)
	}
	if !s.readPieces(body, f.After) {
		return false
	}
	if s.tx.Dot {
		return true
	}
	if !s.pause(f.Delay) {
		return false
	}
	if f.End != Stall {
		return s.unasked(f) && s.flush() && s.readPieces(body, -1)
	}
	// Reading on, as finish would, would take what the client writes.
	deaf := *f
	deaf.End = Continue
	if s.unasked(&deaf) && s.flush() {
		<-s.srv.done
	}
	return false
}

// readPieces reads until the dot or, if n is not negative, until the message
// has n bytes; it reports false if the connection ended.
func (s *session) readPieces(body *bodyReader, n int64) bool {
	for n < 0 || s.tx.Size < n {
		if s.r.Buffered() == 0 {
			s.conn.SetReadDeadline(time.Now().Add(s.cfg.IdleTimeout))
		}
		piece, dot, err := body.next()
		s.tx.write(piece)
		if err != nil {
			s.timeout(err)
			return false
		}
		if dot {
			s.tx.Dot = true
			return true
		}
	}
	return true
}

// bodyReader reads a message up to its final dot (RFC 5321, 4.1.1.4 and 4.5.2)
// without dot-stuffing. Only CRLF ends a line: a bare CR or LF is data, and
// CRLF "." LF is no end.
type bodyReader struct {
	r     *bufio.Reader
	start bool // at the start of a line
	cr    bool // whether the last byte was CR
}

func newBodyReader(r *bufio.Reader) *bodyReader { return &bodyReader{r: r, start: true} }

// next returns the next piece of the message, valid until the next call, or
// that the final dot was reached. With an error comes what was read before it.
func (b *bodyReader) next() (piece []byte, dot bool, err error) {
	piece, err = b.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		err = nil
	}
	if len(piece) == 0 {
		return nil, false, err
	}
	stuffed := b.start && piece[0] == '.'
	b.start = bytes.HasSuffix(piece, []byte("\r\n")) || b.cr && string(piece) == "\n"
	b.cr = piece[len(piece)-1] == '\r'
	if !stuffed {
		return piece, false, err
	}
	if string(piece) == ".\r\n" {
		return nil, true, nil
	}
	return piece[1:], false, err
}
