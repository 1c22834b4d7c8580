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

// grantAfter returns the grant of what has to wait for so long.
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

// scopesOfRig are the scopes that concern an item of the rig.
var scopesOfRig = []Scope{{ScopeProcess, ""}, {ScopeEndpoint, "relay"}, {ScopeDestination, "d"}}

func (r *rig) setLimits(of Scope, l Limits) {
	r.Helper()
	if l.Connections == 0 {
		l.Connections = Unlimited
	}
	if err := r.s.SetLimits(r.now, of, l); err != nil {
		r.Fatal(err)
	}
	checkPlaces(r.T, r.s, r.now)
}

func TestSetLimitsKeepsDebts(t *testing.T) {
	for _, of := range scopesOfRig {
		for _, test := range []struct {
			name        string
			first, then Limits
			wait        time.Duration // for the next after two
		}{
			{"a higher quota", Limits{Quota: Quota{2, time.Hour}}, Limits{Quota: Quota{3, time.Hour}}, 0},
			{"a lower quota", Limits{Quota: Quota{3, time.Hour}}, Limits{Quota: Quota{1, time.Hour}}, time.Hour},
			{"a longer quota", Limits{Quota: Quota{2, time.Hour}}, Limits{Quota: Quota{2, day}}, day},
			{"a slower rate", Limits{MessageRate: Rate{Count: 3, Per: time.Hour, Burst: 2}}, Limits{MessageRate: Rate{Count: 1, Per: time.Hour}}, time.Hour},
			{"a rate beside a quota", Limits{Quota: Quota{2, time.Hour}}, Limits{Quota: Quota{2, time.Hour}, MessageRate: Rate{Count: 1, Per: time.Second}}, time.Hour},
			{"none", Limits{Quota: Quota{2, time.Hour}}, Limits{}, 0},
		} {
			t.Run(of.Kind.String()+" "+test.name, func(t *testing.T) {
				r := newRig(t, wide())
				r.setLimits(of, test.first)
				for range 3 {
					r.push("d", "x")
				}
				c := r.open("relay")
				r.exchange(c, "x")
				r.exchange(c, "x")
				r.setLimits(of, test.then)
				if test.wait == 0 {
					r.exchange(c, "x")
				} else {
					r.none(c, test.wait)
				}
			})
		}
	}
}

// TestSetLimitsUnderAGrant has a limit set while a message is under way: it has
// taken nothing of the new limit and gives it nothing back, and counts there when
// it is written.
func TestSetLimitsUnderAGrant(t *testing.T) {
	for _, of := range scopesOfRig {
		t.Run(of.Kind.String(), func(t *testing.T) {
			for _, written := range []bool{true, false} {
				r := newRig(t, wide())
				for range 3 {
					r.push("d", "x")
				}
				c := r.open("relay")
				g := r.grant(c, "x")
				r.setLimits(of, Limits{MessageRate: Rate{Count: 1, Per: time.Hour}, RecipientRate: Rate{Count: 1, Per: time.Hour}, Quota: Quota{1, time.Hour}})
				if written { // after the limit was set: it counts
					r.accepted(g)
				} else {
					g.Return(r.now)
					r.exchange(c, "x")
				}
				r.none(c, time.Hour)
			}
		})
	}
}

func TestSetLimitsBeforeAnythingIsKnown(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(Scope{ScopeDestination, "d"}, Limits{Quota: Quota{1, time.Hour}})
	r.setLimits(Scope{ScopeEndpoint, "other"}, Limits{Quota: Quota{1, time.Hour}})
	for _, path := range []string{"relay", "other"} {
		for range 2 {
			r.job(Job[string]{Destination: "d" + path, Path: Through(path), Value: "x"})
		}
	}
	r.push("d", "y")
	r.push("d", "y")
	c := r.open("other")
	r.exchange(c, "x")
	r.none(c, time.Hour)
	c = r.open("relay")
	r.exchange(c, "x")
	r.exchange(c, "y")
	r.exchange(c, "x")
	r.none(c, time.Hour)
}

func TestSetLimitsRefusesMistakes(t *testing.T) {
	r := newRig(t, wide())
	for _, of := range append(scopesOfRig, Scope{Kind: scopeKinds}) {
		if err := r.s.SetLimits(r.now, of, Limits{Connections: -5}); err == nil {
			t.Errorf("%v takes -5 connections", of)
		}
	}
	if err := r.s.SetLimits(r.now, Scope{Kind: scopeKinds}, Limits{}); err == nil {
		t.Error("a scope of no kind has limits")
	}
}

// TestABurstIsLoweredBelowWhatWaits has an item wait for tokens of three
// recipients when no more than two may go at once.
func TestABurstIsLoweredBelowWhatWaits(t *testing.T) {
	cfg := wide()
	cfg.Destination = Limits{RecipientRate: Rate{Count: 6, Per: 10 * time.Second, Burst: 3}, Connections: 5}
	r := newRig(t, cfg)
	for range 2 {
		r.job(Job[string]{Destination: "d", Value: "x", Recipients: 3, Path: Through("relay")})
	}
	c := r.open("relay")
	r.accepted(r.grant(c, "x"))
	r.nothing(c)
	r.pass(2 * time.Second)
	r.nothing(c)
	if err := r.s.SetLimits(r.now, Scope{ScopeDestination, "d"}, Limits{RecipientRate: Rate{Count: 6, Per: 10 * time.Second, Burst: 2}}); err != nil {
		t.Fatal(err)
	}
	h := &hands{}
	at := r.s.Drive(r.now, h)
	t.Log("tick in", at.Sub(r.now))
	for _, w := range h.woken {
		r.nothing(w)
	}
	h = &hands{}
	d := r.destination("d")
	t.Logf("turn %v need %d until %v free %d room %v", d.first.blocked != nil, d.first.need, d.first.until, d.free(), d.at(r.now, message(3, 1)))
	for range 100 {
		r.pass(time.Minute)
		r.s.Tick(r.now, h)
		if len(h.woken)+len(h.opened) > 0 {
			return
		}
	}
	t.Errorf("an item waits for ever")
}

// TestAQuotaThatIsTakenBackAndSetAgain remembers what was sent before.
func TestAQuotaThatIsTakenBackAndSetAgain(t *testing.T) {
	r := newRig(t, wide())
	set := func(l Limits) {
		if err := r.s.SetLimits(r.now, Scope{ScopeDestination, "d"}, l); err != nil {
			t.Fatal(err)
		}
	}
	q := Limits{Quota: Quota{Count: 2, Per: 24 * time.Hour}}
	set(q)
	for range 6 {
		r.job(Job[string]{Destination: "d", Value: "x", Path: Through("relay")})
	}
	c := r.open("relay")
	n := 0
	for range 3 {
		for {
			g, _ := c.Next(r.now)
			if g == nil {
				break
			}
			n++
			r.accepted(g)
		}
		set(Limits{})
		set(q)
	}
	if n > 2 {
		t.Errorf("%d written in no time with a quota of 2 a day", n)
	}
}

// TestALimitCountsWhatIsWrittenAfterIt was set, of grants that were out.
func TestALimitCountsWhatIsWrittenAfterIt(t *testing.T) {
	cfg := wide()
	r := newRig(t, cfg)
	for range 6 {
		r.job(Job[string]{Destination: "d", Value: "x", Path: Through("relay")})
	}
	widen(10, &r.endpoint("relay").scope, &r.destination("d").scope, &r.s.process)
	var gs []*Grant[string]
	var cs []*Conn[string]
	for range 2 {
		c := r.open("relay")
		cs = append(cs, c)
		gs = append(gs, r.grant(c, "x"))
	}
	if err := r.s.SetLimits(r.now, Scope{ScopeDestination, "d"}, Limits{Quota: Quota{Count: 2, Per: 24 * time.Hour}}); err != nil {
		t.Fatal(err)
	}
	wrote := 0
	for _, g := range gs { // after SetLimits
		wrote++
		r.accepted(g)
	}
	for _, c := range cs {
		for {
			g, _ := c.Next(r.now)
			if g == nil {
				break
			}
			wrote++
			r.accepted(g)
		}
	}
	if wrote > 2 {
		t.Errorf("%d messages were written after the quota of 2 a day was set", wrote)
	}
}
