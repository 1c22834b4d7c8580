package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// sendsToSeveral sends messages one after the other on one connection, each taking 50 ms,
// for a time, to a receiver that is asked for each recipient and gives no reason. What is
// refused goes again after five minutes, or at once where it is taken for a limit. It
// returns how many recipients were accepted and refused.
func (r *rig) sendsToSeveral(c *Conn[string], over time.Duration, admits func(now time.Time) bool) (accepted, refused int) {
	again := func(n int, after time.Duration) {
		r.s.Push(r.now, Job[string]{Destination: "example.com", Value: "m", Path: Through("relay"), Recipients: n, NotBefore: r.now.Add(after)})
	}
	for end := r.now.Add(over); r.now.Before(end); {
		g, next := askNext(c, r.now)
		if g == nil {
			if next.IsZero() || next.After(end) {
				next = end
			}
			r.now = next
			continue
		}
		if rest := g.item.job.Recipients - g.Recipients(); rest > 0 {
			again(rest, 0)
		}
		g.Wrote(r.now)
		g.Asked(r.now)
		o := wordlessly(classify.StageRcpt)
		n := g.Recipients()
		for i := range n {
			if admits(r.now) {
				o.Accepted++
				o.Behind += min(i+1-o.Accepted, 1)
			}
		}
		r.pass(50 * time.Millisecond)
		accepted += o.Accepted
		if o.Recipients = o.Accepted; o.Accepted == n {
			g.Done(r.now, Outcome{Accepted: n, Recipients: n})
		} else {
			refused += n - o.Accepted
			after := time.Duration(0)
			if _, taken := g.Done(r.now, o); taken == classify.LimitNone {
				after = 5 * time.Minute
			}
			again(n-o.Accepted, after)
		}
		if c.last {
			c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
			*c = *r.open("relay")
		}
	}
	return accepted, refused
}

func newSeveralRig(t *testing.T, recipients int) (*rig, *Conn[string]) {
	l := Limits{MessagesPerConnection: Unlimited}
	r := newRig(t, Config{Endpoint: l, Destination: l})
	for range 20_000 {
		r.s.Push(r.now, Job[string]{Destination: "example.com", Value: "m", Fresh: true, Path: Through("relay"), Recipients: recipients})
	}
	return r, r.open("relay")
}

// TestALimitOfRecipientsWithoutWords: a message of which the first recipients are accepted
// and the others are not shows a limit of recipients, also where no reply says so.
func TestALimitOfRecipientsWithoutWords(t *testing.T) {
	for _, n := range []int{3, 20, 100} {
		r, c := newSeveralRig(t, n)
		accepted, refused := r.sendsToSeveral(c, 10*time.Minute, bucketOf(10, 30))
		if accepted < 10*600*90/100 || refused > accepted/50+12*n {
			t.Errorf("messages to %d: %d recipients accepted and %d refused of 10 a second in ten minutes", n, accepted, refused)
		}
		d := r.destination("example.com")
		if d.rate(learnedRecipientsKind) == nil || d.rate(learnedMessagesKind) != nil {
			t.Errorf("messages to %d: the limit is not that of recipients", n)
		}
	}
}

// TestRecipientsRefusedAtRandomAreNotCutShort: those behind one that is refused are
// accepted, so that nothing is limited.
func TestRecipientsRefusedAtRandomAreNotCutShort(t *testing.T) {
	for _, n := range []int{3, 20, 100} {
		r, c := newSeveralRig(t, n)
		random := samples{random: 7}
		accepted, _ := r.sendsToSeveral(c, 2*time.Minute, func(time.Time) bool { return random.draw(20) > 0 })
		if most := 20 * 120 * n * 19 / 20; accepted < most*95/100 {
			t.Errorf("one of 20 refused in messages to %d: %d accepted of %d", n, accepted, most)
		}
	}
}
