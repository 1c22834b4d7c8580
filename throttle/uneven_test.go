package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// unevenRig returns an endpoint with a connection that is served, after the rate was
// refused once.
func unevenRig(t *testing.T) (*rig, *Conn[string]) {
	r := newRig(t, wide())
	for range 1000 {
		r.push("d", "x")
	}
	widen(20, &r.endpoint("relay").scope, &r.destination("d").scope)
	good := r.open("relay")
	for range 200 {
		r.pass(time.Second)
		r.accepted(r.grant(good, "x"))
	}
	return r, good
}

// newRefused opens a connection on which the first message is refused, then has a message
// accepted on another, and returns the new one.
func newRefused(r *rig, good *Conn[string]) *Conn[string] {
	c := r.open("relay")
	r.pass(time.Minute)
	r.refused(r.grant(c, "x"), classify.StageMail, classify.LimitMessageRate, 0)
	r.pass(time.Minute)
	r.accepted(r.grant(good, "x"))
	r.pass(time.Minute)
	return c
}

// TestRefusedConnectionsTeachNoRate has connections that are refused twice while others
// are accepted: they differ from these.
func TestRefusedConnectionsTeachNoRate(t *testing.T) {
	r, good := unevenRig(t)
	e := r.endpoint("relay")
	for range 3 {
		c := newRefused(r, good)
		r.refused(r.grant(c, "x"), classify.StageMail, classify.LimitMessageRate, 0)
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
		r.pass(time.Minute)
		r.accepted(r.grant(good, "x"))
	}
	if !e.uneven.known {
		t.Fatalf("after three connections that were refused twice: %+v", *e.uneven)
	}
	newRefused(r, good)
	if rate := e.rate(learnedMessagesKind); rate != nil {
		t.Errorf("a rate of %v was learned from refusals of single connections", rate.perSecond())
	}
	r.refused(r.grant(good, "x"), classify.StageMail, classify.LimitMessageRate, 0)
	if rate := e.rate(learnedMessagesKind); rate == nil || !rate.outage.lasts() {
		t.Error("no rate learned from the refusal of a connection that was served")
	}
}

// TestFirstMessagesRefusedAreOfNoConnection has only the first message of each connection
// refused: connections do not differ.
func TestFirstMessagesRefusedAreOfNoConnection(t *testing.T) {
	r, good := unevenRig(t)
	for range 8 {
		c := newRefused(r, good)
		r.accepted(r.grant(c, "x"))
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	}
	if u := r.endpoint("relay").uneven; u.known || u.odds > 0 {
		t.Errorf("after eight connections whose second message was accepted: %+v", *u)
	}
}

// TestConnectionsBeyondThoseServedAreTriedRarely tries others beside the connections that
// are served together, with growing gaps.
func TestConnectionsBeyondThoseServedAreTriedRarely(t *testing.T) {
	r, good := unevenRig(t)
	e := r.endpoint("relay")
	e.uneven = &uneven{known: true, odds: mostDiffer}
	r.accepted(r.grant(good, "x"))
	gap := time.Duration(0)
	for i := range 13 {
		may, again := e.mayAdd(r.now)
		if i < addedAtOnce+1 != may {
			t.Fatalf("%d refused: may open another: %v", i, may)
		}
		if !may {
			if wait := again.Sub(r.now); wait < gap || wait > longestAdding {
				t.Fatalf("%d refused: the next after %v, the last gap was %v", i, wait, gap)
			}
			gap = again.Sub(r.now)
			r.pass(gap)
		}
		c := r.open("relay")
		if may, again := e.mayAdd(r.now); may || !again.IsZero() {
			t.Errorf("beside one that is untried: another may be opened: %v, %v", may, again)
		}
		c.rebuffed = true
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	}
	if gap != longestAdding {
		t.Errorf("the last gap is %v, want %v", gap, longestAdding)
	}
}
