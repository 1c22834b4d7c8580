package smtpace

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// sendersOfBlocks are the senders of the messages, by their numbers. One in five or seven
// is of s1.example.
var sendersOfBlocks = []struct {
	name string
	from func(i int) string
}{
	{"one of seven", func(i int) string { return fmt.Sprintf("s@s%d.example", i%7) }},
	{"one of five, with a destination of its own", func(i int) string { return fmt.Sprintf("s@s%d.example", i%5) }},
	{"an address for each message", func(i int) string { return fmt.Sprintf("b-%d@s%d.example", i, i%7) }},
}

// TestABlockOfOneSender refuses the mail of one of several senders for an hour, at all
// destinations or at the only one that it writes to. Few of its recipients end refused,
// and the others' mail goes on as if nothing had happened.
func TestABlockOfOneSender(t *testing.T) {
	const n = 4000
	for _, c := range []struct {
		stage smtptest.Stage
		reply string
	}{
		{smtptest.StageMail, "550 5.7.1 Sender blocked"},
		{smtptest.StageRcpt, "550 5.7.1 The domain of the sender has a bad reputation"},
		{smtptest.StageDot, "554 5.7.1 Message from this sender rejected"},
		{smtptest.StageDot, "550 High probability of spam"},
	} {
		for _, s := range sendersOfBlocks {
			t.Run(fmt.Sprintf("%s %.15q, %s", c.stage, c.reply, s.name), func(t *testing.T) {
				blocked := func(from string) bool { return strings.HasSuffix(from, "@s1.example") }
				var others time.Duration
				got, _, _ := pattern{n: n, from: s.from,
					fault: func(ev smtptest.Event, _ int) *smtptest.Fault {
						if ev.Stage != c.stage || !blocked(ev.From) {
							return nil
						}
						return &smtptest.Fault{Reply: c.reply}
					},
					settled: func(i int, since time.Duration) {
						if !blocked(s.from(i)) {
							others = since
						}
					},
				}.run(t)
				if refused, delivered := got.count(Refused), got.count(Delivered); refused > 10 || refused+delivered != n {
					t.Errorf("%d refused, %d delivered of %d", refused, delivered, n)
				}
				if others > 30*time.Second {
					t.Errorf("the last of the other mail was settled after %v", others)
				}
			})
		}
	}
}
