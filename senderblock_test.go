package smtpace

import (
	"fmt"
	"strings"
	"sync"
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
// destinations or at the only one that it writes to, or drops its connections. Few of its
// recipients end refused or unknown, few messages are tried meanwhile, the last is
// delivered soon after the hour, and the others' mail goes on as if nothing had happened.
func TestABlockOfOneSender(t *testing.T) {
	const n = 4000
	for _, c := range []struct {
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
		for _, s := range sendersOfBlocks {
			t.Run(fmt.Sprintf("%s %.15q %s, %s", c.stage, c.reply, c.end, s.name), func(t *testing.T) {
				var mu sync.Mutex
				start, others, from, took := time.Time{}, time.Duration(0), time.Second, time.Duration(0)
				if c.stage == smtptest.StageData {
					from = 0
				}
				blocked := func(from string) bool { return strings.HasSuffix(from, "@s1.example") }
				inWorld(t, smtptest.Config{
					Latency: 5 * time.Millisecond, ServiceTime: 20 * time.Millisecond, StatsOnly: true,
					Fault: func(ev smtptest.Event) *smtptest.Fault {
						mu.Lock()
						defer mu.Unlock()
						if since := time.Since(start); ev.Stage != c.stage || !blocked(ev.From) || since < from || since > time.Hour {
							return nil
						}
						return &smtptest.Fault{Reply: c.reply, Silent: c.reply == "", End: c.end}
					},
				}, func(t *testing.T, srv *smtptest.Server) {
					mu.Lock()
					start = time.Now()
					mu.Unlock()
					relay := relayTo(srv)
					relay.Limits.Connections = 10
					sender := newSender(t, Config{Relays: []Relay{relay}})
					var got results
					if err := sender.SendAll(t.Context(), func(yield func(Message) bool) {
						for i := range n {
							m := rendered(fmt.Sprint(i), fmt.Sprintf("u%d@d%d.example", i, i%5))
							if m.From = s.from(i); !yield(m) {
								return
							}
						}
					}, func(r *Result) {
						got.done(r)
						var i int
						if _, err := fmt.Sscan(r.ID.(string), &i); err == nil && !blocked(s.from(i)) {
							mu.Lock()
							others = time.Since(start)
							mu.Unlock()
						}
					}); err != nil {
						t.Error(err)
					}
					took = time.Since(start)
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
