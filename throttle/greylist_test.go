package throttle

import (
	"errors"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// greylisted ends a grant as one that was greylisted at the dot, and has its message
// tried again after a wait.
func (r *rig) greylisted(g *Grant[string], n uint64, tries *Tries, wait time.Duration) {
	r.Helper()
	j := g.item.job
	j.Fresh, j.Tries, j.NotBefore = false, tries, r.now.Add(wait)
	g.Done(r.now, Outcome{Stage: classify.StageDot, Err: errors.New("450 greylisted"), Message: n, Verdict: classify.Verdict{Class: classify.ClassGreylisted}})
	if tries != nil {
		r.job(j)
	}
}

// TestGreylist has the further tries of messages go one at a time once enough of them
// were greylisted again. First tries go, and one further that is accepted ends it.
func TestGreylist(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	first := func() (refused bool) {
		r.job(Job[string]{Destination: "d", Value: "fresh", Fresh: true})
		g, _ := c.Next(r.now)
		if g == nil || g.Value() != "fresh" {
			return true
		}
		r.greylisted(g, 0, nil, 0)
		return false
	}
	for n := range uint64(2 * breakAfter) {
		r.job(Job[string]{Destination: "d", Value: "m", Fresh: true})
		r.greylisted(r.grant(c, "m"), n+1, NewTries(r.now, 1), 5*time.Minute)
	}
	r.job(Job[string]{Destination: "d", Value: "fresh", Fresh: true})
	widen(5, &r.endpoint("relay").scope, &r.destination("d").scope)
	other := r.open("relay")
	r.greylisted(r.grant(other, "fresh"), 0, nil, 0)
	if r.destination("d").bars.greylist() != nil {
		t.Fatal("first tries tell something")
	}
	r.pass(5 * time.Minute)
	for n := range uint64(breakAfter) {
		g := r.grant(c, "m")
		r.greylisted(g, n+1, g.item.job.Tries, 10*time.Minute)
	}
	grey := r.destination("d").bars.greylist()
	if !grey.open() {
		t.Fatal("it is closed after enough")
	}
	if g, _ := c.Next(r.now); g != nil {
		t.Fatal("a further try goes at once")
	}
	if first() {
		t.Fatal("a first try does not go")
	}
	probes := 0
	for end := r.now.Add(10 * time.Minute); r.now.Before(end); r.pass(100 * time.Millisecond) {
		g, _ := c.Next(r.now)
		if g == nil {
			continue
		}
		probes++
		if beside, _ := other.Next(r.now); beside != nil {
			t.Fatal("two go at a time")
		}
		r.greylisted(g, uint64(probes), g.item.job.Tries, 10*time.Minute)
	}
	if probes < 5 || probes > breakAfter {
		t.Errorf("%d further tries, want those that were due", probes)
	}
	r.pass(10 * time.Minute)
	r.accepted(r.grant(c, "m"))
	if r.destination("d").bars != nil {
		t.Error("it is open after one was accepted")
	}
	for range breakAfter {
		r.pass(longestGap)
		r.accepted(r.grant(c, "m"))
	}
}
