package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// What waits for its next try is due after a second; what is due before stays so.
func TestRetryNowMakesWhatIsPutOffDue(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	for i := range 5 * batch { // in an order that is none
		gap := time.Hour + time.Duration(i*7919%(5*batch))*time.Second
		r.s.Push(r.now, Job[string]{Destination: "d", Value: fmt.Sprint(i), Path: Through("relay"), NotBefore: r.now.Add(gap)})
	}
	r.job(Job[string]{Destination: "elsewhere", Value: "left alone", NotBefore: r.now.Add(time.Hour)})
	r.s.RetryNow(r.now, "d")
	r.s.RetryNow(r.now, "unknown")
	r.none(c, time.Second)
	r.pass(time.Second)
	widen(5*batch, &r.destination("d").scope, &r.endpoint("relay").scope)
	seen := map[string]bool{}
	for range 5 * batch {
		g, _ := askNext(c, r.now)
		if g == nil {
			t.Fatalf("got %d items after a second, want %d", len(seen), 5*batch)
		}
		seen[g.Value()] = true
		r.accepted(g)
	}
	if len(seen) != 5*batch || seen["left alone"] {
		t.Errorf("got %d items, want %d, and none of another destination", len(seen), 5*batch)
	}
}

// What waits at a destination is due on each of its paths.
func TestRetryNowReachesEachPath(t *testing.T) {
	r := newRig(t, wide())
	for _, relay := range []string{"first", "second", "third"} {
		r.s.Push(r.now, Job[string]{Destination: "d", Value: relay, Path: Through(relay), NotBefore: r.now.Add(time.Hour)})
	}
	r.s.RetryNow(r.now, "d")
	r.pass(time.Second)
	for _, relay := range []string{"first", "second", "third"} {
		r.exchange(r.open(relay), relay)
	}
}

// A pause of the receiver and one of the operator hold what RetryNow makes due.
func TestRetryNowKeepsPauses(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.push("d", "1")
	r.refused(r.grant(c, "1"), classify.StageRcpt, classify.LimitMessageRate, time.Minute)
	r.job(Job[string]{Destination: "d", Value: "2", NotBefore: r.now.Add(time.Hour)})
	r.s.RetryNow(r.now, "d")
	r.pass(30 * time.Second)
	r.none(c, 30*time.Second)
	r.s.Pause(r.now, "d")
	r.pass(time.Hour / 2)
	r.none(c, 0)
	r.s.Resume(r.now, "d")
	r.grant(c, "2")
}

// However often it is called, the tries of one delivery that is refused each time
// are a second apart.
func TestRetryNowIsNoWayToHammer(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	tries, record := 0, NewTries(r.now, 1)
	wait := func() {
		r.job(Job[string]{Destination: "d", Value: "1", NotBefore: r.now.Add(time.Hour), Tries: record})
	}
	wait()
	for range 600 {
		r.s.RetryNow(r.now, "d")
		if g, _ := askNext(c, r.now); g != nil {
			tries++
			g.Wrote(r.now)
			g.Done(r.now, Outcome{Stage: classify.StageRcpt, Verdict: classify.Verdict{Recipient: classify.RecipientLater}, Recipients: 1})
			wait()
		}
		r.pass(100 * time.Millisecond)
	}
	if tries < 30 || tries > 60 {
		t.Errorf("got %d tries in a minute, want one a second at most", tries)
	}
}
