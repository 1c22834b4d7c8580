package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// suspecting returns a rig whose endpoint "relay" suspects the destinations d0 to d9,
// and a connection to it.
func suspecting(t *testing.T) (*rig, *Conn[string]) {
	t.Helper()
	r := newRig(t, wide())
	c := r.open("relay")
	r.blames(c, breakAfter, classify.StageRcpt, "s", "d%d")
	if !r.endpoint("relay").suspects() {
		t.Fatal("it suspects nobody")
	}
	return r, c
}

// TestANewcomerGoesAloneForAsLongAsItTakes: the next one waits for its end, and not
// for the gap alone.
func TestANewcomerGoesAloneForAsLongAsItTakes(t *testing.T) {
	r, c := suspecting(t)
	widen(5, &r.endpoint("relay").scope)
	other := r.open("relay")
	for i := range 2 {
		r.job(Job[string]{Destination: fmt.Sprint("new", i), Value: "new", Sender: "s"})
	}
	g := r.grant(c, "new")
	r.pass(time.Minute)
	r.none(other, 0)
	r.accepted(g)
	r.exchange(other, "new")
}

// TestASuspectedDestinationWaitsForTheEndpointAlone: probes of one that are refused
// again and again open no breaker of its own, whose end would have to be told too.
func TestASuspectedDestinationWaitsForTheEndpointAlone(t *testing.T) {
	r, c := suspecting(t)
	for probe := range 3 * breakAfter {
		r.now = r.endpoint("relay").breaker.until
		r.job(Job[string]{Destination: "d0", Value: "m", Sender: "s"})
		if changes := r.blame(r.grant(c, "m"), classify.StageRcpt); len(changes) > 0 {
			t.Fatalf("probe %d: %+v", probe, changes)
		}
	}
}

// TestADestinationIsNotBlamedWhileTheEndpointRests: what is refused then is refused
// to all, at whatever stage.
func TestADestinationIsNotBlamedWhileTheEndpointRests(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.blames(c, breakAfter, classify.StageMail, "s", "d")
	for probe := range 3 * breakAfter {
		r.now = r.endpoint("relay").breaker.until
		r.job(Job[string]{Destination: "d", Value: "m", Sender: "s"})
		if changes := r.blame(r.grant(c, "m"), classify.StageRcpt); len(changes) > 0 {
			t.Fatalf("probe %d: %+v", probe, changes)
		}
	}
	if r.destination("d").bars.of("relay").blamed() {
		t.Error("the destination is blamed")
	}
}

// TestSuspectsAreClearedOneByOne when a newcomer was accepted: each is probed for
// itself, and nobody is told of the end of what nobody was told of. When one of the
// suspects was accepted, the others go at once.
func TestSuspectsAreClearedOneByOne(t *testing.T) {
	for accepted, apart := range map[string]bool{"new": true, "d1": false} {
		t.Run(accepted, func(t *testing.T) {
			r, c := suspecting(t)
			widen(5, &r.endpoint("relay").scope)
			other := r.open("relay")
			r.now = r.endpoint("relay").breaker.until
			r.job(Job[string]{Destination: accepted, Value: accepted, Sender: "s"})
			g := r.grant(c, accepted)
			for range 3 {
				r.job(Job[string]{Destination: "d0", Value: "d0", Sender: "s"})
			}
			widen(5, &r.destination("d0").scope)
			g.Wrote(r.now)
			changes, _ := g.Done(r.now, Outcome{Accepted: 1})
			if len(changes) != 1 || !changes[0].Breaker || changes[0].Scope != "endpoint" {
				t.Fatalf("%+v: want the endpoint's breaker closed", changes)
			}
			if !apart {
				if g, _ := c.Next(r.now); g != nil || len(r.driven().woken) != 1 { // its flow goes back to the path of all
					t.Fatal("the connection is not woken for the others")
				}
				r.grant(c, "d0")
				r.grant(other, "d0")
				return
			}
			if early, _ := askNext(c, r.now); early != nil {
				t.Fatalf("%q goes at once", early.Value())
			}
			r.pass(2 * firstGap)
			probe := r.grant(c, "d0")
			r.none(other, 0)
			probe.Wrote(r.now)
			if changes, _ := probe.Done(r.now, Outcome{Accepted: 1}); len(changes) > 0 {
				t.Errorf("%+v: nobody was told that it was held", changes)
			}
			r.grant(c, "d0")
			r.grant(other, "d0")
		})
	}
}

// TestWhoIsBlamed has one refusal, or none, since the last acceptance.
func TestWhoIsBlamed(t *testing.T) {
	for _, tt := range []struct {
		breaker *breaker[string]
		want    bool
	}{{nil, false}, {&breaker[string]{}, false}, {&breaker[string]{run: 1}, true}} {
		if got := tt.breaker.blamed(); got != tt.want {
			t.Errorf("%+v: blamed: %v", tt.breaker, got)
		}
	}
}
