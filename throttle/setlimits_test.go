package throttle

import (
	"testing"
	"time"
)

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
// taken nothing of the new limit, and must not give that anything.
func TestSetLimitsUnderAGrant(t *testing.T) {
	for _, of := range scopesOfRig {
		t.Run(of.Kind.String(), func(t *testing.T) {
			for _, end := range []func(r *rig, g *Grant[string]){
				func(r *rig, g *Grant[string]) { r.accepted(g) },
				func(r *rig, g *Grant[string]) { g.Return(r.now) },
			} {
				r := newRig(t, wide())
				for range 3 {
					r.push("d", "x")
				}
				c := r.open("relay")
				g := r.grant(c, "x")
				r.setLimits(of, Limits{MessageRate: Rate{Count: 1, Per: time.Hour}, RecipientRate: Rate{Count: 1, Per: time.Hour}, Quota: Quota{1, time.Hour}})
				end(r, g)
				r.exchange(c, "x")
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
