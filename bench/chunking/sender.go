package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"
)

// way is one use of a connection by a sender.
type way struct {
	name       string
	unanswered int // transactions with BDAT at a time; 0 means DATA
}

// ways are the columns of the tables.
var ways = []way{{"DATA", 0}, {"BDAT 1", 1}, {"BDAT 2", 2}, {"BDAT 4", 4}, {"BDAT 8", 8}}

// patience is the longest time that a reply may take.
const patience = 20 * time.Second

// sender is a connection after its EHLO, and what it knows of its messages.
type sender struct {
	conn wire
	in   *bufio.Reader
	*letter

	bytes   int // written, from the first MAIL on
	out     int // messages whose last byte was written
	stored  int // messages confirmed
	refused int // transactions refused at MAIL, or at every RCPT

	confirmed func() // called for each message, if not nil
}

// dial connects to a server that offers PIPELINING and CHUNKING.
func dial(addr string, l *letter, quick bool) (*sender, error) {
	conn, err := connect(addr, quick)
	if err != nil {
		return nil, err
	}
	s := &sender{conn: conn, in: bufio.NewReader(conn), letter: l}
	if err := s.greet(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("greeting %s: %w", addr, err)
	}
	return s, nil
}

func (s *sender) greet() error {
	s.conn.SetDeadline(time.Now().Add(patience))
	if _, err := s.hello(); err != nil {
		return err
	}
	if _, err := s.conn.Write([]byte("EHLO bench\r\n")); err != nil {
		return err
	}
	offers, err := s.hello()
	if err != nil {
		return err
	}
	for _, keyword := range []string{"PIPELINING", "CHUNKING"} {
		if !strings.Contains(offers, keyword) {
			return fmt.Errorf("the server offers no %s", keyword)
		}
	}
	return nil
}

// hello reads a reply that has to be positive, with its text.
func (s *sender) hello() (text string, err error) {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return text, err
		}
		text += line
		if len(line) < 4 || line[0] != '2' {
			return text, fmt.Errorf("the server said %q", text)
		}
		if line[3] != '-' {
			return text, nil
		}
	}
}

// close says farewell.
func (s *sender) close() error {
	_, err := s.conn.Write([]byte("QUIT\r\n"))
	if err == nil {
		_, err = s.reply()
	}
	return errors.Join(err, s.conn.Close())
}

// reply reads a reply and reports whether it is positive.
func (s *sender) reply() (ok bool, err error) {
	for {
		line, err := s.in.ReadSlice('\n')
		if err != nil {
			return false, err
		}
		if len(line) < 4 || line[0] < '2' || line[0] > '5' {
			return false, fmt.Errorf("the server said %q", line)
		}
		if line[3] != '-' {
			return line[0] < '4', nil
		}
	}
}

// run sends letters while there are more, up to the first that is refused, and
// hears all replies.
func (s *sender) run(w way, more func() bool) error {
	if w.unanswered == 0 {
		return s.data(more)
	}
	return s.bdat(w.unanswered, more)
}

func (s *sender) data(more func() bool) error {
	if !more() {
		return nil
	}
	if err := s.write(s.envelope); err != nil {
		return err
	}
	for {
		taken, err := s.taken()
		if err != nil {
			return err
		}
		if ok, err := s.reply(); err != nil || !taken {
			return err
		} else if !ok {
			return errors.New("DATA was refused although a recipient was taken")
		}
		again, text := more(), s.text
		if again {
			text = s.both
		}
		if err := s.write(text); err != nil {
			return err
		}
		s.out++
		if err := s.confirm(); err != nil || !again {
			return err
		}
	}
}

func (s *sender) bdat(unanswered int, more func() bool) error {
	transaction := s.reset
	if unanswered == 1 {
		transaction = s.chunk
	}
	for waiting := 0; ; waiting-- {
		for waiting < unanswered && s.refused == 0 && more() {
			if err := s.write(transaction); err != nil {
				return err
			}
			s.out++
			waiting++
		}
		if waiting == 0 {
			return nil
		}
		if err := s.chunkReplies(unanswered > 1); err != nil {
			return err
		}
	}
}

// chunkReplies hears the replies to a transaction with BDAT.
func (s *sender) chunkReplies(reset bool) error {
	if reset {
		if ok, err := s.reply(); err != nil || !ok {
			return errors.Join(err, errors.New("no positive reply to RSET"))
		}
	}
	taken, err := s.taken()
	if err != nil {
		return err
	}
	if taken {
		return s.confirm()
	}
	_, err = s.reply()
	return err
}

func (s *sender) write(p []byte) error {
	s.conn.SetDeadline(time.Now().Add(patience))
	n, err := s.conn.Write(p)
	s.bytes += n
	return err
}

// taken hears the replies to MAIL and every RCPT. The message is refused when
// that is known: then its fate is, whatever is heard of it later.
func (s *sender) taken() (bool, error) {
	mail, err := s.reply()
	if err != nil {
		return false, err
	}
	if !mail {
		s.refused++
	}
	accepted := 0
	for range s.recipients {
		ok, err := s.reply()
		if err != nil {
			return false, err
		}
		if ok {
			accepted++
		}
	}
	if mail && accepted == 0 {
		s.refused++
	}
	return accepted > 0, nil
}

// confirm hears that a message is stored.
func (s *sender) confirm() error {
	ok, err := s.reply()
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("a message was refused after its recipients were taken")
	}
	s.stored++
	if s.confirmed != nil {
		s.confirmed()
	}
	return nil
}
