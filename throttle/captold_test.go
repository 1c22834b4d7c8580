package throttle

import (
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestACapToldAsARate: a server refuses messages in the words of a rate, or of connections,
// and ends the connection or keeps it. Where it does so at the same message of each, and takes
// the first of the next at once, that is a cap of messages per connection, and holds up
// nothing. One that refuses a new connection as well has a rate.
func TestACapToldAsARate(t *testing.T) {
	refused := Outcome{Stage: classify.StageMail, Err: errRefused, Unsent: true, Verdict: classify.Verdict{
		Recipient: classify.RecipientLater, Connection: classify.ConnQuit, Limit: classify.LimitMessageRate,
	}}
	const leastAMinute = 1200 // of some 2,000
	window := func(most int) func(time.Time, int) bool {
		n, from := 0, time.Time{}
		return func(now time.Time, _ int) bool {
			if now.Sub(from) >= time.Minute {
				n, from = 0, now
			}
			n++
			return n <= most
		}
	}
	bucket, connected, kept := bucketOf(5, 10), bucketOf(5, 10), bucketOf(5, 10)
	for _, test := range []struct {
		name   string
		admits func(now time.Time, ordinal int) bool
		want   int // the cap
	}{
		{"one on each", func(_ time.Time, ordinal int) bool { return ordinal <= 1 }, 1},
		{"six on each", func(_ time.Time, ordinal int) bool { return ordinal <= 6 }, 6},
		{"30 on each", func(_ time.Time, ordinal int) bool { return ordinal <= 30 }, 30},
		{"12 a minute", window(12), 0},
		{"a rate", func(now time.Time, _ int) bool { return bucket(now) }, 0},
		{"one on each, told as connections", func(_ time.Time, ordinal int) bool { return ordinal <= 1 }, 1},
		{"30 on each, told as connections", func(_ time.Time, ordinal int) bool { return ordinal <= 30 }, 30},
		{"a rate told as connections", func(now time.Time, _ int) bool { return connected(now) }, 0},
		{"one on each, kept", func(_ time.Time, ordinal int) bool { return ordinal <= 1 }, 1},
		{"six on each, kept", func(_ time.Time, ordinal int) bool { return ordinal <= 6 }, 6},
		{"one on each, told as connections, kept", func(_ time.Time, ordinal int) bool { return ordinal <= 1 }, 1},
		{"12 a minute, kept", window(12), 0},
		{"a rate, kept", func(now time.Time, _ int) bool { return kept(now) }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			refused := refused
			if strings.Contains(test.name, "connections") {
				refused.Verdict.Limit = classify.LimitConnections
			}
			if strings.Contains(test.name, "kept") {
				refused.Verdict.Connection = classify.ConnKeep
			}
			r := newRig(t, Config{})
			lately := 0
			for begin := r.now; r.now.Before(begin.Add(10 * time.Minute)); r.pass(20 * time.Millisecond) {
				c, _ := r.s.Open(r.now, "relay")
				if c == nil {
					continue
				}
				c.Established(r.now)
				n := r.carries(c, begin.Add(10*time.Minute), refused, test.admits)
				if r.now.After(begin.Add(9 * time.Minute)) {
					lately += n
				}
			}
			e, _ := r.s.endpoints.get("relay")
			if got := int(e.learned().perConnection.most); got != test.want {
				t.Errorf("the cap is %d, want %d", got, test.want)
			}
			if fast := lately >= leastAMinute; fast != (test.want > 0) {
				t.Errorf("%d were accepted in the last minute", lately)
			}
		})
	}
}

// A refusal beyond a known cap teaches that cap alone: a rate learned since is of
// something else, and stays.
func TestARateStaysWhereACapIsExceeded(t *testing.T) {
	r, conns, grants := crowd(t, 1)
	d := r.destination("d")
	r.refused(grants[0], classify.StageRcpt, classify.LimitMessageRate, 0)
	r.pass(blindWait)
	r.exchange(conns[0], "x")
	r.pass(time.Minute)
	rate, l := d.rate(learnedMessagesKind), d.learned()
	l.perConnection.most, l.perConnection.raised = 4, 1 // a test has raised it
	g := r.grant(conns[0], "x")
	g.Wrote(r.now)
	v := throttled(classify.LimitMessageRate, 0)
	v.Connection = classify.ConnQuit
	g.Done(r.now, Outcome{Stage: classify.StageRcpt, Err: errRefused, Verdict: v})
	if d.rate(learnedMessagesKind) != rate || rate.outage.lasts() || l.perConnection.most == 4 {
		t.Errorf("the rate stays %v, is refused %v, the cap is %d; want true, false, less", d.rate(learnedMessagesKind) == rate, rate.outage.lasts(), l.perConnection.most)
	}
}

// carries sends on a connection until it ends, and returns the number accepted.
func (r *rig) carries(c *Conn[string], end time.Time, refused Outcome, admits func(now time.Time, ordinal int) bool) (accepted int) {
	defer func() { c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil) }()
	for n := 1; r.now.Before(end); n++ {
		r.s.Push(r.now, Job[string]{Destination: "example.com", Value: "m", Fresh: true, Path: Through("relay")})
		g, again := askNext(c, r.now)
		for g == nil && !c.last && again.After(r.now) && again.Before(end) {
			r.now = again
			g, again = askNext(c, r.now)
		}
		if g == nil {
			return accepted
		}
		g.Wrote(r.now)
		g.Asked(r.now)
		r.pass(10 * time.Millisecond)
		if admits(r.now, n) {
			accepted++
			g.Done(r.now, Outcome{Accepted: 1, Recipients: 1})
			continue
		}
		if g.Done(r.now, refused); refused.Verdict.Connection > classify.ConnKeep {
			return accepted
		}
	}
	return accepted
}
