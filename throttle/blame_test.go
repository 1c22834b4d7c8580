package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestABreakerGoesToItsSenderDuringAProbe: the end of that probe leaves nothing waiting.
func TestABreakerGoesToItsSenderDuringAProbe(t *testing.T) {
	for _, returned := range []bool{false, true} {
		r := newRig(t, wide())
		c := r.open("relay")
		r.blames(c, breakAfter, classify.StageMail, "bad", "d")
		for range 2 {
			r.job(Job[string]{Destination: "d", Value: "bad", Sender: "bad"})
		}
		r.pass(2 * longestGap)
		g := r.grant(c, "bad")
		r.job(Job[string]{Destination: "d", Value: "good", Sender: "good"})
		if returned {
			g.Return(r.now)
		} else {
			r.blame(g, classify.StageMail)
		}
		r.exchange(c, "good")
		r.pass(2 * longestGap)
		r.exchange(c, "bad")
	}
}

// TestABreakerGoesToItsOnlySender when mail of another waits: that goes at once, also
// to the destination that had refused the first, whose mail waits for a probe.
func TestABreakerGoesToItsOnlySender(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt} {
		t.Run(stage.String(), func(t *testing.T) {
			r := newRig(t, wide())
			c := r.open("relay")
			r.blames(c, breakAfter, stage, "bad", "d")
			r.job(Job[string]{Destination: "d", Value: "bad", Sender: "bad"})
			r.none(c, r.until("relay", "d").Sub(r.now))
			r.job(Job[string]{Destination: "d", Value: "more", Sender: "bad"})
			r.none(c, r.until("relay", "d").Sub(r.now))
			r.job(Job[string]{Destination: "d", Value: "good", Sender: "good"})
			if stage == classify.StageRcpt {
				r.exchange(c, "bad") // the destination did not refuse "good", and looks anew
				return
			}
			r.exchange(c, "good")
			if g, _ := askNext(c, r.now); g != nil {
				t.Errorf("%q goes, though its sender is refused", g.Value())
			}
			if got := r.s.split["bad"]; got != 1 {
				t.Errorf("%d endpoints keep the sender apart, want 1", got)
			}
			r.pass(2 * longestGap)
			r.exchange(c, "bad")
			if len(r.s.split) > 0 {
				t.Errorf("%v is kept apart after it was accepted", r.s.split)
			}
			r.exchange(c, "more")
		})
	}
}

// until returns the time until which the breaker of an endpoint holds mail for a
// destination.
func (r *rig) until(endpoint, destination string) time.Time {
	if b := &r.endpoint(endpoint).breaker; b.open() {
		return b.until
	}
	return r.destination(destination).bars.of(endpoint).until
}

// TestAHastenedTryIsStillATry: what a breaker has taken over goes soon, but not
// before the gap that its many tries have led to.
func TestAHastenedTryIsStillATry(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	tries := &Tries{recipients: 1, hasty: 2 * hastyTries, last: r.now, gap: 10 * time.Minute}
	r.blames(c, 1, classify.StageMail, "s", "d")
	r.job(Job[string]{Destination: "d", Value: "often", Sender: "s", NotBefore: r.now.Add(time.Hour), RefusedBy: "relay", Tries: tries})
	r.blames(c, breakAfter-1, classify.StageMail, "s", "d")
	r.pass(time.Minute)
	r.job(Job[string]{Destination: "d", Value: "probe", Sender: "s"})
	r.exchange(c, "probe")
	r.none(c, tries.last.Add(tries.gap).Sub(r.now))
	r.pass(tries.last.Add(tries.gap).Sub(r.now))
	r.exchange(c, "often")
}

// TestDetoursTakeTheParkedAlong: what is parked for a scope when its flow goes by
// another endpoint comes back there, in its order, and not where it was parked.
func TestDetoursTakeTheParkedAlong(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{Connections: 1})
	path, err := NewPath(OverflowDown, []Hop{{Endpoint: "a"}}, []Hop{{Endpoint: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	r.job(Job[string]{Destination: "other", Value: "holds", Path: Through("c"), Scopes: scopeList(t, acme)})
	holds := r.grant(r.open("c"), "holds")
	parked := []string{"1", "2", "3"}
	for _, value := range parked {
		r.job(Job[string]{Destination: "d", Value: value, Path: path, Scopes: scopeList(t, acme)})
	}
	a := r.open("a")
	r.none(a, 0)
	for range breakAfter {
		r.pass(time.Millisecond)
		r.job(Job[string]{Destination: "d", Value: "m", Path: path})
		r.blame(r.grant(a, "m"), classify.StageRcpt)
	}
	b := r.open("b")
	if g, _ := askNext(b, r.now); g != nil {
		t.Fatalf("%q goes, though the tenant has its connection", g.Value())
	}
	r.accepted(holds)
	if g, _ := askNext(a, r.now); g != nil {
		t.Fatalf("%q goes where it is refused", g.Value())
	}
	for _, want := range parked {
		r.exchange(b, want)
	}
}
