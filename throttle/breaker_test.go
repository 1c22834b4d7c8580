package throttle

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// blames sends messages of one relay and has them refused for the sender. Each is
// of its own sender and destination if these have a %d.
func (r *rig) blames(c *Conn[string], n int, stage classify.Stage, sender, destination string) (changes []Change) {
	r.Helper()
	name := func(pattern string, i int) string {
		if len(pattern) > 2 && pattern[len(pattern)-2:] == "%d" {
			return fmt.Sprintf(pattern, i)
		}
		return pattern
	}
	for i := range n {
		r.pass(10 * time.Millisecond)
		r.job(Job[string]{Destination: name(destination, i), Value: "m", Sender: name(sender, i)})
		changes = append(changes, r.blame(r.grant(c, "m"), stage)...)
	}
	return changes
}

var errDenied = errors.New("554 5.7.1 relay access denied")

func (r *rig) blame(g *Grant[string], stage classify.Stage) []Change {
	r.Helper()
	g.Wrote(r.now)
	g.Asked(r.now)
	r.pass(10 * time.Millisecond)
	changes, _ := g.Done(r.now, Outcome{Stage: stage, Verdict: classify.Verdict{Class: classify.ClassRelayDenied}, Err: errDenied})
	checkPlaces(r.T, r.s, r.now)
	return changes
}

// TestABreakerOpensProbesAndCloses follows one from the first refusal to the end.
func TestABreakerOpensProbesAndCloses(t *testing.T) {
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Value: "m"})
	c := r.open("relay")
	r.accepted(r.grant(c, "m"))
	if changes := r.blames(c, breakAfter-1, classify.StageMail, "s", "d"); len(changes) > 0 {
		t.Fatalf("it opens too early: %+v", changes)
	}
	changes := r.blames(c, 1, classify.StageMail, "s", "d")
	if len(changes) != 1 || !changes[0].Breaker || changes[0].Scope != "endpoint" || !errors.Is(changes[0].Reason, errDenied) {
		t.Fatalf("it does not open: %+v", changes)
	}
	last, opened := time.Duration(0), r.now
	for probes := 0; r.now.Sub(opened) < 10*time.Hour; probes++ {
		gap := r.endpoint("relay").breaker.until.Sub(r.now)
		if gap < firstGap || gap > longestGap*12/10 || gap < last/2 {
			t.Fatalf("probe %d comes after %v, the one before after %v", probes, gap, last)
		}
		last = gap
		r.job(Job[string]{Destination: "d", Value: "m", Sender: "s"})
		r.none(c, gap)
		r.pass(gap)
		g := r.grant(c, "m")
		r.job(Job[string]{Destination: "d", Value: "m", Sender: "s"})
		r.none(c, 0) // one at a time
		if probes%3 == 0 {
			g.Return(r.now)
			g = r.grant(c, "m")
		}
		r.blame(g, classify.StageMail)
	}
	if last < longestGap {
		t.Errorf("the last gap is %v", last)
	}
	r.pass(2 * longestGap)
	g := r.grant(c, "m")
	g.Wrote(r.now)
	changes, _ = g.Done(r.now, Outcome{Accepted: 1})
	if len(changes) != 1 || !changes[0].Breaker || changes[0].Reason != nil {
		t.Errorf("it does not close: %+v", changes)
	}
	r.exchange(c, "m")
	r.exchange(c, "m")
}

// TestWhatOpensNoBreaker lists what must not.
func TestWhatOpensNoBreaker(t *testing.T) {
	for name, test := range map[string]func(r *rig, c *Conn[string]){
		"a limit": func(r *rig, c *Conn[string]) {
			for range 3 * breakAfter {
				r.push("d", "m")
				g, _ := askNext(c, r.now)
				if g == nil {
					r.pass(time.Hour)
					continue
				}
				g.Wrote(r.now)
				g.Done(r.now, Outcome{Stage: classify.StageMail, Verdict: throttled(classify.LimitMessageRate, 0), Err: errRefused})
			}
		},
		"one message again and again": func(r *rig, c *Conn[string]) {
			for range 3 * breakAfter {
				r.push("d", "m")
				g := r.grant(c, "m")
				g.Wrote(r.now)
				g.Done(r.now, Outcome{Stage: classify.StageMail, Verdict: classify.Verdict{Class: classify.ClassNetwork}, Err: errRefused, Message: 7})
			}
		},
		"one of ten accepted": func(r *rig, c *Conn[string]) {
			for i := range 400 {
				r.pass(time.Millisecond)
				r.push("d", "m")
				if g := r.grant(c, "m"); i%10 == 0 {
					r.accepted(g)
				} else {
					r.blame(g, classify.StageMail)
				}
			}
		},
		"a transaction that began after the first refused": func(r *rig, c *Conn[string]) {
			r.blames(c, breakAfter-1, classify.StageMail, "s", "d")
			r.push("d", "m")
			r.exchange(c, "m")
			r.blames(c, breakAfter-1, classify.StageMail, "s", "d")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, wide())
			r.push("d", "m")
			c := r.open("relay")
			r.exchange(c, "m")
			test(r, c)
			if b := r.endpoint("relay").breaker; b.open() {
				t.Errorf("it is open after %d in a row", b.run)
			}
		})
	}
}

// TestAnAcceptanceFromBeforeABlockProvesNothing: what was under way when the block
// began may be accepted after the first refusals.
func TestAnAcceptanceFromBeforeABlockProvesNothing(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "early")
	early := r.open("relay")
	widen(4, &r.endpoint("relay").scope, &r.destination("d").scope)
	g := r.grant(early, "early")
	c := r.open("relay")
	r.blames(c, breakAfter-1, classify.StageMail, "s", "d")
	r.accepted(g)
	if changes := r.blames(c, 1, classify.StageMail, "s", "d"); len(changes) != 1 || !changes[0].Breaker {
		t.Errorf("the breaker does not open: %+v", changes)
	}
	if !c.Doubts("d", "s") {
		t.Error("refusals for good are not doubted")
	}
}

// TestOneDestinationThatIsRefusedHoldsUpNoOther: from RCPT on the breaker is that
// of the destination, and a new one may go at once when several are refused.
func TestOneDestinationThatIsRefusedHoldsUpNoOther(t *testing.T) {
	for refused, scope := range map[string]string{"d": "destination", "d%d": "endpoint"} {
		r := newRig(t, wide())
		c := r.open("relay")
		changes := r.blames(c, breakAfter, classify.StageRcpt, "s", refused)
		if len(changes) != 1 || !changes[0].Breaker || changes[0].Scope != scope {
			t.Fatalf("%s: %+v", refused, changes)
		}
		for i := range breakAfter {
			d := "d"
			if refused != "d" {
				d = fmt.Sprintf(refused, i)
			}
			r.job(Job[string]{Destination: d, Value: "held", Sender: "s"})
		}
		r.job(Job[string]{Destination: "good", Value: "good", Sender: "s"})
		r.exchange(c, "good")
		if r.endpoint("relay").breaker.open() {
			t.Errorf("%s: the breaker stays open", refused)
		}
		if g, _ := askNext(c, r.now); g != nil {
			t.Errorf("%s: got %q, though its destination is refused", refused, g.Value())
		}
	}
}

// TestOneSenderThatIsRefusedHoldsUpNoOther: mail of other senders goes on, although
// much of the refused one stands before it.
func TestOneSenderThatIsRefusedHoldsUpNoOther(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	for range 3 * moveBatch {
		r.job(Job[string]{Destination: "d", Value: "bad", Sender: "bad"})
	}
	r.job(Job[string]{Destination: "d", Value: "good", Sender: "good"})
	for range breakAfter {
		r.pass(time.Millisecond)
		r.blame(r.grant(c, "bad"), classify.StageMail)
	}
	for range 4 { // some are moved at a time
		g, again := askNext(c, r.now)
		if g == nil && again.Equal(r.now) {
			continue
		}
		if g == nil || g.Value() != "good" {
			t.Fatalf("got %v, ask again at %v; want the other sender's", g, again)
		}
		r.accepted(g)
		break
	}
	if !r.endpoint("relay").bySender["bad"].open() || r.endpoint("relay").breaker.open() {
		t.Error("the wrong breaker is open")
	}
	r.pass(2 * longestGap)
	r.exchange(c, "bad")
	for range 3*moveBatch - breakAfter - 1 {
		r.exchange(c, "bad")
	}
}

// TestForgetClosesBreakers of an endpoint and of a destination.
func TestForgetClosesBreakers(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.blames(c, breakAfter, classify.StageRcpt, "s", "d")
	r.push("d", "m")
	if g, _ := askNext(c, r.now); g != nil {
		t.Fatal("the breaker is closed")
	}
	r.s.Forget(r.now, "d")
	r.exchange(c, "m")
	r.blames(c, breakAfter, classify.StageMail, "s", "e")
	r.s.Forget(r.now, "relay")
	r.push("d", "m")
	r.exchange(c, "m")
}
