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
// destinations or at the only one that it writes to. Few of its recipients end refused,
// and the others' mail goes on as if nothing had happened.
func TestABlockOfOneSender(t *testing.T) {
	const n = 4000
	for _, c := range []struct {
		stage smtptest.Stage
		reply string // none: the connection is dropped
	}{
		{smtptest.StageMail, "550 5.7.1 Sender blocked"},
		{smtptest.StageRcpt, "550 5.7.1 The domain of the sender has a bad reputation"},
		{smtptest.StageDot, "554 5.7.1 Message from this sender rejected"},
		{smtptest.StageDot, "550 High probability of spam"},
	} {
		for _, s := range sendersOfBlocks {
			t.Run(fmt.Sprintf("%s %.15q, %s", c.stage, c.reply, s.name), func(t *testing.T) {
				var mu sync.Mutex
				start, others := time.Time{}, time.Duration(0)
				blocked := func(from string) bool { return strings.HasSuffix(from, "@s1.example") }
				inWorld(t, smtptest.Config{
					Latency: 5 * time.Millisecond, ServiceTime: 20 * time.Millisecond, StatsOnly: true,
					Fault: func(ev smtptest.Event) *smtptest.Fault {
						mu.Lock()
						defer mu.Unlock()
						if since := time.Since(start); ev.Stage != c.stage || !blocked(ev.From) || since < time.Second || since > time.Hour {
							return nil
						}
						return &smtptest.Fault{Reply: c.reply}
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
					if refused, delivered := got.count(Refused), got.count(Delivered); refused > 10 || refused+delivered != n {
						t.Errorf("%d refused, %d delivered of %d", refused, delivered, n)
					}
					if others > 30*time.Second {
						t.Errorf("the last of the other mail was settled after %v", others)
					}
				})
			})
		}
	}
}
