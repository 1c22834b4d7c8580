package throttle

import (
	"testing"
	"time"
)

func TestPauseHoldsADestinationAndResumeLetsItGo(t *testing.T) {
	r := newRig(t, wide())
	r.s.Pause(r.now, "d") // before it is known
	r.push("d", "x")
	r.push("e", "other")
	c := r.open("relay")
	r.exchange(c, "other")
	r.none(c, 0)
	r.ready("relay", 0, 0)
	r.job(Job[string]{Destination: "d", Value: "late", NotBefore: r.now.Add(time.Second)})
	r.pass(time.Minute)
	r.none(c, 0)
	r.s.Resume(r.now, "d")
	r.exchange(c, "late")
	r.exchange(c, "x")
	r.s.Pause(r.now, "d")
	r.push("d", "y")
	r.none(c, 0)
	if r.s.Explain(r.now, "d").Bind.Limit != "pause" {
		t.Error("the pause is not told")
	}
}

func TestForgetDropsWhatWasLearned(t *testing.T) {
	r := taught(t, wide())
	hot := r.pushTo("hot@d", "hot")
	r.s.Remove(r.now, hot)
	r.s.Forget(r.now, "d")
	r.s.Forget(r.now, "relay")
	r.s.Forget(r.now, "unknown")
	if r.destination("d").learned() != nil || r.endpoint("relay").learned() != nil {
		t.Error("something is remembered")
	}
	r.push("d", "x")
	c := r.open("relay")
	r.exchange(c, "x")
	r.hold(c, "hot@d")
	r.pushTo("hot@d", "aside")
	g := r.grantAfter(c, "aside", blindWait)
	r.pushTo("hot@d", "aside too")
	r.none(c, 0)
	r.s.Forget(r.now, "d")
	r.accepted(g)
	r.exchange(c, "aside too")
}

// grantAfter is the grant of what has to wait for so long.
func (r *rig) grantAfter(c *Conn[string], want string, wait time.Duration) *Grant[string] {
	r.Helper()
	r.none(c, wait)
	r.pass(wait)
	return r.grant(c, want)
}

func TestForgetOfWhatWasRestored(t *testing.T) {
	r := taught(t, wide()).restarted(wide(), time.Minute)
	r.s.Forget(r.now, "d")
	r.push("d", "x")
	if l := r.destination("d").learned(); l != nil {
		t.Errorf("it still knows %+v", l)
	}
}

func TestForgetKeepsWhatWasUsed(t *testing.T) {
	cfg := wide()
	cfg.Destination.Quota = Quota{Count: 1, Per: time.Hour}
	r := newRig(t, cfg)
	r.push("d", "x")
	c := r.open("relay")
	r.exchange(c, "x")
	r.s.Forget(r.now, "d")
	r.push("d", "x")
	r.none(c, time.Hour)
}
