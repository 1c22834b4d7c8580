package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestMoreSendersAreBlockedThanBreakersAreKept: where 300 of 600 senders are refused in
// turn, breakers open for those that there is room for.
func TestMoreSendersAreBlockedThanBreakersAreKept(t *testing.T) {
	l := Limits{MessagesPerConnection: Unlimited}
	r := newRig(t, Config{Process: l, Endpoint: l, Destination: l})
	push := func(i int, after time.Duration) {
		s := fmt.Sprintf("s%d.example", i)
		r.s.Push(r.now, Job[string]{Destination: fmt.Sprint("d", i%7), Value: s, Path: Through("relay"), Sender: s, NotBefore: r.now.Add(after)})
	}
	for i := range 20 * 600 {
		push(i%600, 0)
	}
	c := r.open("relay")
	refused, accepted := 0, 0
	for end := r.now.Add(10 * time.Minute); r.now.Before(end); {
		g, at := askNext(c, r.now)
		if g == nil {
			r.now = later(at, r.now.Add(time.Millisecond))
			continue
		}
		i := 0
		fmt.Sscanf(g.item.job.Value, "s%d.", &i)
		g.Wrote(r.now)
		r.pass(20 * time.Millisecond)
		if i%2 == 0 {
			refused++
			g.Done(r.now, Outcome{Stage: classify.StageMail, Verdict: classify.Verdict{Class: classify.ClassDomainReputation, Recipient: classify.RecipientRefused}, Err: &classify.Reply{Code: 550}, Blamed: 1, Message: uint64(refused)})
		} else {
			accepted++
			g.Asked(r.now)
			g.Done(r.now, Outcome{Accepted: 1, Recipients: 1})
		}
		push(i, time.Minute)
	}
	if refused > accepted*3/4 {
		t.Errorf("%d messages were refused and %d accepted", refused, accepted)
	}
}
