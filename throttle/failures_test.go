package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// reachesBeside opens connections for a time beside one that stays, each as soon as the
// endpoint allows it, and ends those that are let in. It returns how many were let in and
// refused.
func (r *rig) reachesBeside(length time.Duration, lets func() bool) (in, refused int) {
	for end := r.now.Add(length); r.now.Before(end); {
		c, again := r.s.Open(r.now, "relay")
		if c == nil {
			r.now = later(again, r.now.Add(time.Millisecond))
			continue
		}
		r.pass(20 * time.Millisecond)
		if !lets() {
			refused++
			r.failed(c, classify.StageBanner, classify.Verdict{})
			continue
		}
		in++
		c.Established(r.now)
		r.push("d", "x")
		r.exchange(c, "x")
		c.Leaves()
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	}
	return in, refused
}

// besideOne returns a rig with an endpoint that has a connection.
func besideOne(t *testing.T) *rig {
	r := newRig(t, wide())
	r.push("d", "x")
	r.exchange(r.open("relay"), "x")
	return r
}

// TestFailuresByChance: a server that refuses every second connection, or every third and
// fourth, is tried again at once when that has shown.
func TestFailuresByChance(t *testing.T) {
	for _, every := range []int{2, 4} {
		r, n := besideOne(t), 0
		lets := func() bool { n++; return n%every < (every+1)/2 }
		r.reachesBeside(30*time.Second, lets)
		if in, refused := r.reachesBeside(10*time.Second, lets); in < 200 || refused > in+1 {
			t.Errorf("every %d: %d are let in and %d refused in 10 s, want 200 and as many", every, in, refused)
		}
	}
}

// TestFailuresThatAreNoChance: a server that lets no further connection in is tried as
// seldom as ever, also after many that failed by chance.
func TestFailuresThatAreNoChance(t *testing.T) {
	r, n := besideOne(t), 0
	r.reachesBeside(30*time.Second, func() bool { n++; return n%2 == 0 })
	if _, refused := r.reachesBeside(10*time.Minute, func() bool { return false }); refused > mostMissed+17 {
		t.Errorf("%d connections are refused in 10 minutes, want %d at once and one a minute", refused, mostMissed)
	}
	if in, refused := r.reachesBeside(5*time.Minute, func() bool { n++; return n%6 == 0 }); in > 12 {
		t.Errorf("of a server that lets one of six in %d are let in and %d refused in 5 minutes, want growing pauses", in, refused)
	}
}

// TestManyFailuresInARowAreNoChance: they end what was known of failures by chance, also
// when a connection is let in behind them.
func TestManyFailuresInARowAreNoChance(t *testing.T) {
	var b backoff
	for range mostMissed * byChanceMissed {
		b.misses(noon, 1)
		b.opened(1)
	}
	if !b.misses(noon, 1) {
		t.Fatal("the next waits although failures were chance")
	}
	for range mostMissed {
		b.misses(noon, 1)
	}
	b.opened(1)
	if b.misses(noon, 1) {
		t.Errorf("the next comes at once behind %d failures in a row", mostMissed+1)
	}
}

// TestFailuresBesideMoreAreNoChance: a connection that is let in beside fewer than one that
// was refused shows that their number may be the reason.
func TestFailuresBesideMoreAreNoChance(t *testing.T) {
	var b backoff
	for range 3 * mostMissed * byChanceMissed {
		if b.misses(noon, 3) {
			t.Fatal("the next comes at once although connections are let in beside fewer only")
		}
		b.opened(2)
	}
}

// TestUselessConnectionsAreNoChance: a server that lets connections in and leaves before
// the first MAIL, time and again, is not called without end.
func TestUselessConnectionsAreNoChance(t *testing.T) {
	r, n := besideOne(t), 0
	r.reachesBeside(30*time.Second, func() bool { n++; return n%2 == 0 })
	calls := 0
	for end := r.now.Add(10 * time.Minute); r.now.Before(end); {
		c, again := r.s.Open(r.now, "relay")
		if c == nil {
			r.now = later(again, r.now.Add(time.Millisecond))
			continue
		}
		r.pass(20 * time.Millisecond)
		calls++
		c.Established(r.now)
		r.failed(c, classify.StageEHLO, classify.Verdict{})
	}
	if calls > mostMissed+17 {
		t.Errorf("%d connections that were useless in 10 minutes, want %d at once and one a minute", calls, mostMissed)
	}
}

// TestEndedConnectionsMayStillCount: a failure or two beside fewer connections than before
// tell nothing of a cap, several in a row show another.
func TestEndedConnectionsMayStillCount(t *testing.T) {
	var u unopened
	for k := range sameCrowd {
		for range mostFewer {
			if u.failed(2, &connectionCap{}) {
				t.Fatal("a cap after a failure beside fewer")
			}
		}
		if got := u.failed(3, &connectionCap{}); got != (k == sameCrowd-1) {
			t.Errorf("after %d failures beside three: a cap %v", k+1, got)
		}
	}
	u = unopened{at: 3, fails: sameCrowd - 1}
	n := 1
	for ; n < 100 && !u.failed(2, &connectionCap{}); n++ {
	}
	if n != mostFewer+sameCrowd {
		t.Errorf("a cap of two after %d failures, want %d", n, mostFewer+sameCrowd)
	}
}
