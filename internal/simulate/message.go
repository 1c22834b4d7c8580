package simulate

import (
	"strconv"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// message is one message to one recipient or to several of one destination.
type message struct {
	to      *target
	box     int     // the first recipient; the others have the numbers behind it
	n       int     // recipients that have not accepted it yet
	taken   int     // recipients that were accepted in the transaction that is under way
	asked   int     // recipients whose RCPT was accepted in it, also if the receiver has closed since
	behind  int     // recipients that were accepted behind one that was refused
	refusal *answer // the answer to the others; nil when there are none
	bytes   int     // 0 where the scenario has no Sizes
	created time.Duration
	state   state

	class  classify.Class // the class of the last refusal that counts
	streak int            // the number of such refusals in a row
	grant  *throttle.Grant[*message]
	tries  *throttle.Tries // of one that goes again at once because nobody was judged
}

// state says where a message is. It changes only from waiting to inFlight, and
// from there back or on to accepted.
type state uint8

const (
	waiting state = iota
	inFlight
	accepted
)

func (m *message) become(from, to state) {
	if m.state != from {
		panic("simulate: a message is sent twice at once, or again after it was accepted")
	}
	m.state = to
}

// part takes the last recipients from a message so that n are left. It returns a
// message to those; nil when there are none.
func (m *message) part(n int) *message {
	if n >= m.n {
		return nil
	}
	rest := &message{to: m.to, box: m.box + n, n: m.n - n, created: m.created}
	m.n = n
	return rest
}

// hot reports whether the message is one of many to its recipient.
func (m *message) hot() bool { return m.box < 0 }

// address returns the recipient as text.
func (m *message) address() string {
	return strconv.Itoa(m.box) + "@" + m.to.Name
}

// target is a destination in a run.
type target struct {
	Destination
	index    int
	host     *host
	created  int // recipients
	accepted int
	finished time.Duration // the time at which the last was accepted
}

// fifo is a row of waiting messages.
type fifo struct {
	row  []*message
	head int
}

func (f *fifo) len() int { return len(f.row) - f.head }

func (f *fifo) push(m *message) { f.row = append(f.row, m) }

// pop removes and returns the first message; nil when there is none.
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
