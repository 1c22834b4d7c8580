package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// A connection that is not let in during an outage of the rate is one more of its refusals:
// the endpoint is there, so it does not rest, and a delay that is asked for holds all mail.
func TestConnectionsRefusedInAnOutage(t *testing.T) {
	for _, down := range []bool{false, true} {
		r := newRig(t, wide())
		r.push("d", "1")
		c := r.opening("relay")
		e := r.endpoint("relay")
		e.down, e.rest, e.until = down, time.Minute, r.now.Add(time.Minute)
		if changes, probe := e.refusedMeanwhile(r.now, c, time.Hour); probe || len(changes) > 0 || e.down != down || e.rest != time.Minute {
			t.Errorf("without an outage: got %v, %v", changes, probe)
		}
		e.scope.learning(r.now, r.s.newGeneration())
		rate := e.scope.learnRate(r.now, learnedMessagesKind, 10, r.now.Add(-time.Minute), r.s.newGeneration())
		rate.outage.begin(r.now, time.Second, 1)
		r.pass(time.Second)
		changes, probe := e.refusedMeanwhile(r.now, c, time.Hour)
		if !probe || e.down || e.rest != 0 || len(changes) > 0 != down {
			t.Errorf("down %v: got %v, %v; down is %v now, with a rest of %v", down, changes, probe, e.down, e.rest)
		}
		if down && (changes[0].Scope != "endpoint" || changes[0].Name != "relay" || !changes[0].Until.IsZero() || !changes[0].Time.Equal(r.now)) {
			t.Errorf("that it is back is told as %+v", changes[0])
		}
		if at := rate.at(r.now, 1); at.Sub(r.now) < time.Hour {
			t.Errorf("the next may go in %v, an hour was asked for", at.Sub(r.now))
		}
	}
}

// Only a connection that is refused for now at the greeting is taken so.
func TestOtherFailuresRestInAnOutage(t *testing.T) {
	for stage, rests := range map[classify.Stage]bool{classify.StageBanner: false, classify.StageConnect: true} {
		r := newRig(t, wide())
		r.push("d", "1")
		c := r.opening("relay")
		e := r.endpoint("relay")
		e.scope.learning(r.now, r.s.newGeneration())
		rate := e.scope.learnRate(r.now, learnedMessagesKind, 10, r.now.Add(-time.Minute), r.s.newGeneration())
		rate.outage.begin(r.now, time.Second, 1)
		r.failed(c, stage, classify.Verdict{Recipient: classify.RecipientLater})
		if e.down != rests {
			t.Errorf("%v: the endpoint rests: %v", stage, e.down)
		}
	}
}
