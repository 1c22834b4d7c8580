package simulate

import (
	"strconv"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// message is one message to one recipient.
type message struct {
	to      *target
	box     int // the recipient
	created time.Duration
	state   state

	class  classify.Class // of the last refusal that counts
	streak int            // how many there were of it in a row
	grant  *throttle.Grant[*message]
}

// state is where a message is. It only ever goes from waiting to flying, and
// from there back or on to accepted.
type state uint8

const (
	waiting state = iota
	flying
	accepted
)

func (m *message) become(from, to state) {
	if m.state != from {
		panic("simulate: a message is sent twice at once, or again after it was accepted")
	}
	m.state = to
}

// hot reports whether the message is one of many to its recipient.
func (m *message) hot() bool { return m.box < 0 }

// address is the recipient in text.
func (m *message) address() string {
	return strconv.Itoa(m.box) + "@" + m.to.Name
}

// target is a destination at work.
type target struct {
	Destination
	index    int
	host     *host
	created  int
	accepted int
	finished time.Duration // when the last was accepted
}

// fifo is messages that wait in a row.
type fifo struct {
	row  []*message
	head int
}

func (f *fifo) len() int { return len(f.row) - f.head }

func (f *fifo) push(m *message) { f.row = append(f.row, m) }

// pop returns the first, nil when there is none.
func (f *fifo) pop() *message {
	if f.len() == 0 {
		return nil
	}
	m := f.row[f.head]
	f.row[f.head] = nil
	f.head++
	if f.head > 1000 && 2*f.head > len(f.row) {
		f.row = append(f.row[:0], f.row[f.head:]...)
		f.head = 0
	}
	return m
}
