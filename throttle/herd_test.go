package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// flood sends to a receiver what the Scheduler gives to one connection for so
// long, each message in a millisecond, and returns when those were written that
// it has accepted. What it refuses is queued again.
func (r *rig) flood(c *Conn[string], to receiver, length time.Duration) (times []time.Time) {
	r.Helper()
	end := r.now.Add(length)
	for r.now.Before(end) {
		g, again := askNext(c, r.now)
		if g == nil {
			if again.IsZero() {
				r.Fatal("nothing is left to send")
			}
			r.now = again
			continue
		}
		g.Wrote(r.now)
		at, o := r.now, Outcome{Accepted: 1}
		r.pass(time.Millisecond)
		if to.admits(at.Sub(noon).Seconds()) {
			times = append(times, at)
		} else {
			o = Outcome{Stage: classify.StageRcpt, Verdict: throttled(classify.LimitMessageRate, 0), Err: errRefused}
		}
		g.Done(r.now, o)
		r.s.Push(r.now, Job[string]{Destination: "d", Path: Through("relay"), Value: "x"})
	}
	return times
}

// refusesUntil is a receiver that takes nothing until then.
type refusesUntil struct {
	receiver
	until float64
}

func (r refusesUntil) admits(t float64) bool { return t >= r.until && r.receiver.admits(t) }

// TestNoHerdWhenMailIsReleased: what waited for a pause, a greylist or an outage
// goes out at the pace that was learned before it, and does so soon.
func TestNoHerdWhenMailIsReleased(t *testing.T) {
	for _, test := range []struct {
		name  string
		wait  func(r *rig, c *Conn[string]) // half a minute or more
		until time.Duration                 // nothing is accepted
	}{
		{"a pause", func(r *rig, _ *Conn[string]) {
			r.s.Pause(r.now, "d")
			r.pass(time.Minute)
			r.s.Resume(r.now, "d")
		}, 0},
		{"an outage", func(r *rig, c *Conn[string]) {}, 30 * time.Second},
		{"a hint", func(r *rig, c *Conn[string]) {
			r.now = r.destination("d").rate(learnedMessagesKind).rateEstimate.next
			r.refused(r.grant(c, "x"), classify.StageRcpt, classify.LimitMessageRate, time.Minute)
			r.pass(time.Minute)
		}, 0},
		{"a greylist", func(r *rig, _ *Conn[string]) {
			for range 1000 {
				r.s.Push(r.now, Job[string]{Destination: "d", Path: Through("relay"), Value: "x", NotBefore: r.now.Add(5 * time.Minute)})
			}
			r.pass(5 * time.Minute)
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			for range 100 {
				r.push("d", "x")
			}
			c := r.open("relay")
			to := &bucketReceiver{rate: 10, burst: 5, tokens: 5}
			r.flood(c, to, 5*time.Minute)
			test.wait(r, c)
			after := refusesUntil{to, (r.now.Sub(noon) + test.until).Seconds()}
			length := test.until + 30*time.Second
			times := r.flood(c, after, length)
			if most := busiest(times, time.Second); most > 15 {
				t.Errorf("%d go in one second, where 10 are allowed", most)
			}
			if len(times) < 150 {
				t.Errorf("%d go in half a minute, where 300 are allowed", len(times))
			}
		})
	}
}

func TestNoHerdWhenAnEndpointIsBack(t *testing.T) {
	r := newRig(t, wide())
	for range 100 {
		r.push("d", "x")
	}
	widen(20, &r.endpoint("relay").scope)
	r.failed(r.mayOpen("relay"), classify.StageConnect, classify.Verdict{})
	r.pass(r.rests("relay"))
	probe := r.mayOpen("relay")
	r.mayNotOpen("relay", 0)
	probe.Established(r.now)
	r.mayNotOpen("relay", 0) // until something was accepted
	r.exchange(probe, "x")
	r.mayOpen("relay").Established(r.now)
	r.mayNotOpen("relay", 0)
}

// TestMailboxesAreHeldApart, each for its own time.
func TestMailboxesAreHeldApart(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "first")
	c := r.open("relay")
	r.exchange(c, "first")
	for i, hint := range []time.Duration{time.Hour, time.Minute, 10 * time.Minute} {
		mailbox := fmt.Sprintf("hot%d@d", i)
		r.pushTo(mailbox, "refused")
		r.refused(r.grant(c, "refused"), classify.StageRcpt, classify.LimitMailboxRate, hint)
		r.pushTo(mailbox, mailbox)
	}
	for i, wait := range []time.Duration{time.Minute, 9 * time.Minute, 50 * time.Minute} {
		r.none(c, wait)
		r.pass(wait)
		r.exchange(c, []string{"hot1@d", "hot2@d", "hot0@d"}[i])
	}
}
