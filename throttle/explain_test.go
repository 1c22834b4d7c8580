package throttle

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestExplainNamesTheLimitThatBinds(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*rig) *rig // with "d" queued at "relay"
		want    Binding
		next    time.Duration // 0: nil
	}{
		{"nothing", func(r *rig) *rig { return r }, Binding{}, 0},
		{"a pause", func(r *rig) *rig { r.s.Pause(r.now, "d"); return r }, Binding{Scope: "destination", Name: "d", Limit: "pause"}, 0},
		{"the concurrency", func(r *rig) *rig {
			g, _ := r.open("relay").Next(r.now)
			g.Wrote(r.now)
			return r
		}, Binding{Scope: "destination", Name: "d", Limit: "connections", Learned: true}, 0},
		{"an outage", func(r *rig) *rig {
			r.refused(r.grant(r.open("relay"), "x"), classify.StageRcpt, classify.LimitMessageRate, 0)
			return r
		}, Binding{Scope: "destination", Name: "d", Limit: "outage", Learned: true}, blindWait},
		{"an outage of the endpoint", func(r *rig) *rig {
			r.refused(r.grant(r.open("relay"), "x"), classify.StageMail, classify.LimitMessageRate, 0)
			return r
		}, Binding{Scope: "endpoint", Name: "relay", Limit: "outage", Learned: true}, blindWait},
		{"connections that are refused", func(r *rig) *rig {
			r.failed(r.mayOpen("relay"), classify.StageBanner, throttled(classify.LimitConnections, 0))
			return r
		}, Binding{Scope: "endpoint", Name: "relay", Limit: "opening", Learned: true}, time.Second},
		{"a hint", func(r *rig) *rig {
			r.refused(r.grant(r.open("relay"), "x"), classify.StageRcpt, classify.LimitMessageRate, time.Hour)
			return r
		}, Binding{Scope: "destination", Name: "d", Limit: "hint", Learned: true}, time.Hour},
		{"a quota", func(r *rig) *rig {
			r.refused(r.grant(r.open("relay"), "x"), classify.StageRcpt, classify.LimitQuota, 0)
			return r
		}, Binding{Scope: "destination", Name: "d", Limit: "quota", Learned: true}, time.Hour},
		{"unreachable", func(r *rig) *rig {
			r.failed(r.mayOpen("relay"), classify.StageConnect, classify.Verdict{RetryAfter: time.Hour})
			return r
		}, Binding{Scope: "endpoint", Name: "relay", Limit: "unreachable", Learned: true}, time.Hour},
		{"what all hold", func(r *rig) *rig {
			for range defaultMaxHeld {
				r.s.Hold(r.now, "others", Bulk, 0)
			}
			return r
		}, Binding{Scope: "process", Limit: "held"}, 0},
		{"what it holds itself", func(r *rig) *rig {
			for range defaultMaxHeld * 2 / 3 {
				r.s.Hold(r.now, "d", Bulk, 0)
			}
			return r
		}, Binding{Scope: "destination", Name: "d", Limit: "held"}, 0},
		{"a rate that is set", func(r *rig) *rig {
			cfg := wide()
			cfg.Process.MessageRate = Rate{Count: 1, Per: time.Minute}
			r = newRig(r.T, cfg)
			r.push("d", "x")
			r.push("d", "x")
			r.exchange(r.open("relay"), "x")
			return r
		}, Binding{Scope: "process", Limit: "message-rate"}, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			for range 3 {
				r.push("d", "x")
			}
			r = test.prepare(r)
			got := r.s.Explain(r.now, "d")
			if got.Bind != test.want || !got.Known || got.Queued == 0 {
				t.Errorf("%d queued, bound by %+v; want %+v", got.Queued, got.Bind, test.want)
			}
			var next time.Duration
			if got.Next != nil {
				next = got.Next.Sub(r.now)
			}
			if diff := next - test.next; diff < 0 || diff > time.Microsecond {
				t.Errorf("the next goes in %v, want %v", next, test.next)
			}
		})
	}
}

func TestExplainTellsThePaceAndTheEvidence(t *testing.T) {
	r := taught(t, wide())
	for range 99 {
		r.push("d", "x")
	}
	got := r.s.Explain(r.now, "d")
	level := r.destination("d").rate(learnedMessagesKind).rateEstimate.rate()
	if got.Rate != level || got.LastRefusal != errRefused.Error() || got.RefusedAt == nil || got.Endpoint != "relay" || got.Via == nil {
		t.Errorf("got %+v, want a rate of %v", got, level)
	}
	if got.ETA == nil {
		t.Fatal("it does not say when the queue will be empty")
	}
	if eta := got.ETA.Sub(r.now); eta < 8*time.Second || eta > 30*time.Second {
		t.Errorf("%d messages at %v a second take %v", got.Queued, level, eta)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
	unknown := r.s.Explain(r.now, "other")
	if unknown.Known || unknown.Queued != 0 || unknown.Bind != (Binding{}) {
		t.Errorf("of what is not known it says %+v", unknown)
	}
}

// The places of a scope hold back what is parked for one, and nothing else.
func TestPlacesHoldBackWhatIsParked(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{Connections: 1})
	r.pushOf("d", "1", acme)
	widen(2, &r.endpoint("relay").scope, &r.destination("d").scope)
	g := r.grant(r.open("relay"), "1")
	p, _ := r.s.parents.get(acme.String())
	if b, next := p.binding(r.now); b != (Binding{}) || !next.Equal(r.now) {
		t.Errorf("nothing waits: got %+v until %v", b, next)
	}
	r.pushOf("d", "2", acme)
	r.none(r.open("relay"), 0)
	if b, next := p.binding(r.now); b != (Binding{Scope: "tenant", Name: "acme", Limit: "connections"}) || !next.Equal(never) {
		t.Errorf("one is parked: got %+v until %v", b, next)
	}
	r.accepted(g)
	if b, next := p.binding(r.now); b != (Binding{}) || !next.Equal(r.now) {
		t.Errorf("there is a place again: got %+v until %v", b, next)
	}
}

// Each kind of scope has a name, and what is none is invalid.
func TestNamesOfKindsOfScopes(t *testing.T) {
	seen := map[string]bool{}
	for k := range scopeKinds + 2 {
		name := k.String()
		if valid := k < scopeKinds; name == "" || (name == "invalid") == valid || valid && seen[name] {
			t.Errorf("kind %d is called %q", k, name)
		}
		seen[name] = true
		if k.further() != (k >= ScopeTenant && k < scopeKinds) {
			t.Errorf("only jobs that name it belong to a %s: %v", name, k.further())
		}
	}
}
