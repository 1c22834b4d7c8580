package smtpace

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/smtpace/smtpace/smtptest"
)

// chaos is a receiver that fails at random, and remembers what it meant, so
// that every outcome can be checked.
type chaos struct {
	mu    sync.Mutex
	rand  *rand.Rand
	never map[string]bool // recipients refused for good
	lost  int             // replies to a dot that were lost
}

func newChaos(seed uint64) *chaos {
	return &chaos{rand: rand.New(rand.NewPCG(seed, 1)), never: map[string]bool{}}
}

// faults are the faults of every command.
var faults = []smtptest.Fault{
	{Reply: "450 4.3.0 not now"},
	{Reply: "421 4.3.2 closing", End: smtptest.Close},
	{Reply: "421 4.7.0 too many connections", End: smtptest.Close},
	{Reply: "450 4.7.1 too much mail"},
	{Reply: "503 5.5.1 nested MAIL"},
	{Silent: true, End: smtptest.Close},
	{Silent: true, End: smtptest.Reset},
	{Raw: "\x00\x01garbage\r\n"},
	{Raw: "250-half", End: smtptest.Close},
	{Reply: "250-one\n421 two"},
}

func (c *chaos) fault(ev smtptest.Event) *smtptest.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	// One in ten domains' mailboxes are gone: always the same.
	if ev.Stage == smtptest.StageRcpt && strings.HasPrefix(ev.Recipient, "a3") {
		c.never[ev.Recipient] = true
		return &smtptest.Fault{Reply: "550 5.1.1 no such user"}
	}
	if c.rand.IntN(40) != 0 {
		return nil
	}
	f := faults[c.rand.IntN(len(faults))]
	switch ev.Stage {
	case smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageRset, smtptest.StageConnect, smtptest.StageHelo:
		return &f
	case smtptest.StageBody:
		return &smtptest.Fault{End: smtptest.Reset, After: 10}
	case smtptest.StageDot:
		return c.atDot(f)
	}
	return nil
}

// atDot fails the whole message, or takes it and loses the reply.
func (c *chaos) atDot(f smtptest.Fault) *smtptest.Fault {
	if c.rand.IntN(2) == 0 {
		return &smtptest.Fault{Reply: "451 4.3.0 not now"}
	}
	c.lost++
	f = smtptest.Fault{Silent: true, End: smtptest.Reset, Stored: c.rand.IntN(2) == 0}
	return &f
}

// check compares the results with what the receiver has.
func (c *chaos) check(t *testing.T, srv *smtptest.Server, messages []Message, got *results) {
	t.Helper()
	copies := accepted(srv)
	ambiguous, unknown := 0, 0
	if got.calls != len(messages) || len(got.by) != len(messages) {
		t.Errorf("done was called %d times for %d messages", got.calls, len(messages))
	}
	for _, m := range messages {
		r := got.by[m.ID]
		if r == nil || len(r.Recipients) != len(m.To) {
			t.Fatalf("%v: %+v", m.ID, r)
		}
		for _, rcpt := range r.Recipients {
			n := copies[m.ID.(string)+" "+rcpt.Address]
			ambiguous += rcpt.Ambiguous
			switch rcpt.Status {
			case Delivered:
				if n < 1 || n > 1+rcpt.Ambiguous {
					t.Errorf("%v %s: delivered with %d copies, %d ambiguous", m.ID, rcpt.Address, n, rcpt.Ambiguous)
				}
			case Refused:
				if !c.never[rcpt.Address] || n > rcpt.Ambiguous {
					t.Errorf("%v %s: refused with %d copies: %v", m.ID, rcpt.Address, n, rcpt.Err)
				}
			case Unknown: // its replies were lost each time
				if rcpt.Ambiguous < defaultAmbiguousTries || n > rcpt.Ambiguous {
					t.Errorf("%v %s: unknown with %d copies after %d ambiguous tries: %v", m.ID, rcpt.Address, n, rcpt.Ambiguous, rcpt.Err)
				}
				unknown++
			default:
				t.Errorf("%v %s: %v: %v", m.ID, rcpt.Address, rcpt.Status, rcpt.Err)
			}
		}
	}
	if unknown > 4 { // two messages
		t.Errorf("%d recipients are unknown", unknown)
	}
	t.Logf("%d lost replies, %d ambiguous tries, %d connections, %+v", c.lost, ambiguous, srv.Stats().Connections, srv.Stats().Replies)
}
