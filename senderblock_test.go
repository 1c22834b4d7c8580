package smtpace

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/internal/race"
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
// destinations or at the only one that it writes to, or drops its connections. Few of its
// recipients end refused or unknown, few messages are tried meanwhile, the last is
// delivered soon after the hour, and the others' mail goes on as if nothing had happened.
func TestABlockOfOneSender(t *testing.T) {
	const n = 4000
	for i, c := range []struct {
		stage smtptest.Stage
		reply string // none: the connection is dropped
		end   smtptest.End
	}{
		{smtptest.StageMail, "550 5.7.1 Sender blocked", smtptest.Continue},
		{smtptest.StageRcpt, "550 5.7.1 The domain of the sender has a bad reputation", smtptest.Continue},
		{smtptest.StageDot, "554 5.7.1 Message from this sender rejected", smtptest.Continue},
		{smtptest.StageDot, "550 High probability of spam", smtptest.Continue},
		{smtptest.StageMail, "", smtptest.Close},
		{smtptest.StageRcpt, "", smtptest.Kill},
		{smtptest.StageData, "", smtptest.Close},
		{smtptest.StageDot, "", smtptest.Close},
	} {
		for k, s := range sendersOfBlocks {
			if race.Enabled && k != i%len(sendersOfBlocks) { // each stage with one kind of senders
				continue
			}
			t.Run(fmt.Sprintf("%s %.15q %s, %s", c.stage, c.reply, c.end, s.name), func(t *testing.T) {
				blocked := func(from string) bool { return strings.HasSuffix(from, "@s1.example") }
				var others time.Duration
				got, _, took := pattern{n: n, from: s.from, atOnce: c.stage == smtptest.StageData,
					fault: func(ev smtptest.Event, _ int) *smtptest.Fault {
						if ev.Stage != c.stage || !blocked(ev.From) {
							return nil
						}
						return &smtptest.Fault{Reply: c.reply, Silent: c.reply == "", End: c.end}
					},
					settled: func(i int, since time.Duration) {
						if !blocked(s.from(i)) {
							others = since
						}
					},
				}.run(t)
				if lost, delivered := got.count(Refused)+got.count(Unknown), got.count(Delivered); lost > 10 || lost+delivered != n {
					t.Errorf("%d refused or unknown, %d delivered of %d", lost, delivered, n)
				}
				if c.reply == "" && (took > 75*time.Minute || got.tries() > n+n/10) {
					t.Errorf("%d tries, in %v", got.tries(), took)
				}
				soon := 30 * time.Second
				if c.reply == "" { // some of it was on connections that were dropped
					soon = 5 * time.Minute
				}
				if others > soon {
					t.Errorf("the last of the other mail was settled after %v", others)
				}
			})
		}
	}
}

// tries returns the number of tries.
func (r *results) tries() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, result := range r.by {
		for _, recipient := range result.Recipients {
			n += recipient.Tries
		}
	}
	return n
}
