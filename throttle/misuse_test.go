package throttle

import (
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestMisusePanics has every call panic that comes after its grant or its
// connection has ended, or twice.
func TestMisusePanics(t *testing.T) {
	done := func(r *rig, g *Grant[string]) { g.Done(r.now, Outcome{Accepted: 1}) }
	returned := func(r *rig, g *Grant[string]) { g.Return(r.now) }
	closed := func(r *rig, c *Conn[string]) {
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	}
	for _, test := range []struct {
		text string
		do   func(r *rig, c *Conn[string], g *Grant[string])
	}{
		{"Grant.Done is called after", func(r *rig, _ *Conn[string], g *Grant[string]) { done(r, g); done(r, g) }},
		{"Grant.Return is called after", func(r *rig, _ *Conn[string], g *Grant[string]) { done(r, g); returned(r, g) }},
		{"Grant.Done is called after", func(r *rig, _ *Conn[string], g *Grant[string]) { returned(r, g); done(r, g) }},
		{"Grant.Wrote is called after", func(r *rig, _ *Conn[string], g *Grant[string]) { done(r, g); g.Wrote(r.now) }},
		{"Grant.Asked is called after", func(r *rig, _ *Conn[string], g *Grant[string]) { done(r, g); g.Asked(r.now) }},
		{"Grant.Next is called after", func(r *rig, _ *Conn[string], g *Grant[string]) { done(r, g); g.Next(r.now) }},
		{"Grant.Value is called after", func(r *rig, _ *Conn[string], g *Grant[string]) { done(r, g); g.Value() }},
		{"Grant.Recipients is called after", func(r *rig, _ *Conn[string], g *Grant[string]) { done(r, g); g.Recipients() }},
		{"Grant.Wrote is called twice", func(r *rig, _ *Conn[string], g *Grant[string]) { g.Wrote(r.now); g.Wrote(r.now) }},
		{"Grant.Asked is called twice", func(r *rig, _ *Conn[string], g *Grant[string]) { g.Asked(r.now); g.Asked(r.now) }},
		{"Conn.Established is called twice", func(r *rig, c *Conn[string], _ *Grant[string]) { c.Established(r.now) }},
		{"Conn.Established is called twice, or after", func(r *rig, c *Conn[string], _ *Grant[string]) { closed(r, c); c.Established(r.now) }},
		{"Conn.Closed is called twice", func(r *rig, c *Conn[string], _ *Grant[string]) { closed(r, c); closed(r, c) }},
		{"Conn.Next is called after", func(r *rig, c *Conn[string], _ *Grant[string]) { closed(r, c); c.Next(r.now) }},
	} {
		t.Run(test.text, func(t *testing.T) {
			r := newRig(t, wide())
			r.push("d", "x")
			c := r.open("relay")
			g := r.grant(c, "x")
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "throttle: "+test.text) {
					t.Errorf("it panics with %q, want %q", text, test.text)
				}
			}()
			test.do(r, c, g)
		})
	}
}

// TestNextAndDoneAllocateNothing sends message by message, on their own and
// behind one another, over a connection that has carried some.
func TestNextAndDoneAllocateNothing(t *testing.T) {
	r := newRig(t, wide())
	const runs, warm = 200, 50
	for range 2*runs + 2*warm + 10 {
		r.s.Push(r.now, Job[string]{Destination: "d", Path: benchPath, Value: "x"})
	}
	c := r.open("relay")
	pair := func() {
		first, _ := c.Next(r.now)
		first.Wrote(r.now)
		first.Asked(r.now)
		second, _ := first.Next(r.now)
		first.Done(r.now, Outcome{Accepted: 1})
		second.Wrote(r.now)
		second.Asked(r.now)
		second.Done(r.now, Outcome{Accepted: 1})
	}
	for range warm {
		pair()
	}
	if n := testing.AllocsPerRun(runs, pair); n > 0 {
		t.Errorf("two messages take %v allocations", n)
	}
}

// TestAGrantThatHasEndedKeepsNothing and the connection uses it again.
func TestAGrantThatHasEndedKeepsNothing(t *testing.T) {
	r := newRig(t, wide())
	for _, v := range []string{"1", "2", "3"} {
		r.push("d", v)
	}
	c := r.open("relay")
	first := r.grant(c, "1")
	second, _ := first.Next(r.now)
	r.accepted(first)
	if first.item != nil || first.d != nil || len(first.scopes) != 2 || first.scopes[:3][2] != nil || second.before != nil {
		t.Errorf("it keeps %+v", first)
	}
	third, _ := second.Next(r.now)
	if third != first {
		t.Error("the third grant is not the first one again")
	}
	r.accepted(second)
	r.accepted(third)
	if d := r.destination("d"); d.inUse != 0 {
		t.Errorf("%d places are taken", d.inUse)
	}
}

// locks reports whether f takes the Scheduler's lock.
func (r *rig) locks(f func()) bool {
	r.s.mu.Lock()
	done := make(chan struct{})
	go func() {
		f()
		close(done)
	}()
	took := false
	select {
	case <-done:
	case <-time.After(100 * time.Millisecond):
		took = true
	}
	r.s.mu.Unlock()
	<-done
	return took
}

// TestWroteAndAskedTakeNoLockWithoutLimitsOverTime while each unit that a meter
// counts takes one.
func TestWroteAndAskedTakeNoLockWithoutLimitsOverTime(t *testing.T) {
	second := Rate{Count: 100, Per: time.Second, Burst: 100}
	for _, test := range []struct {
		name         string
		set          func(*Config)
		learned      bool
		wrote, asked bool
	}{
		{name: "no limits", set: func(*Config) {}},
		{name: "a learned rate", set: func(*Config) {}, learned: true},
		{name: "a rate of connections", set: func(c *Config) { c.Endpoint.ConnectionRate = second }},
		{name: "a rate of the process", set: func(c *Config) { c.Process.MessageRate = second }, wrote: true},
		{name: "a quota of the destination", set: func(c *Config) { c.Destination.Quota = Quota{1000, day} }, wrote: true},
		{name: "a rate of recipients of the endpoint", set: func(c *Config) { c.Endpoint.RecipientRate = second }, asked: true},
		{name: "a warm-up", set: func(c *Config) { c.WarmUps = map[string]WarmUp{"d": {Start: noon, Table: []int{100}}} }, wrote: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := wide()
			test.set(&cfg)
			r := newRig(t, cfg)
			r.push("d", "x")
			r.push("d", "x")
			c := r.open("relay")
			if test.learned {
				r.refused(r.grant(c, "x"), classify.StageRcpt, classify.LimitMessageRate, 0)
				r.pass(time.Second)
			}
			g := r.grant(c, "x")
			if got := r.locks(func() { g.Wrote(r.now) }); got != test.wrote {
				t.Errorf("Wrote takes the lock: %v, want %v", got, test.wrote)
			}
			if got := r.locks(func() { g.Asked(r.now) }); got != test.asked {
				t.Errorf("Asked takes the lock: %v, want %v", got, test.asked)
			}
			g.Done(r.now, Outcome{Accepted: 1})
		})
	}
}

// TestALimitThatIsSetUnderAGrant counts what is written after it was set, and
// gets nothing back that it has not given.
func TestALimitThatIsSetUnderAGrant(t *testing.T) {
	for name, end := range map[string]func(r *rig, g *Grant[string]){
		"written":  func(r *rig, g *Grant[string]) { r.accepted(g) },
		"returned": func(r *rig, g *Grant[string]) { g.Return(r.now) },
		"not asked": func(r *rig, g *Grant[string]) {
			g.Wrote(r.now)
			g.Done(r.now, Outcome{Accepted: 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, wide())
			for _, v := range []string{"1", "2", "3", "4"} {
				r.push("d", v)
			}
			c := r.open("relay")
			g := r.grant(c, "1")
			limits := Limits{
				MessageRate: Rate{Count: 1, Per: time.Hour, Burst: 2}, RecipientRate: Rate{Count: 1, Per: time.Hour, Burst: 2}, Quota: Quota{2, day},
			}
			for _, of := range []Scope{{Kind: ScopeProcess}, {ScopeEndpoint, "relay"}, {ScopeDestination, "d"}} {
				if err := r.s.SetLimits(r.now, of, limits); err != nil {
					t.Fatal(err)
				}
			}
			end(r, g)
			d := r.destination("d")
			for _, sc := range []*scope{&r.s.process, &r.endpoint("relay").scope, &d.scope} {
				for _, m := range sc.meters() {
					if m.asNew(r.now) != (name == "returned") {
						t.Errorf("the %s of the %s is as new: %v", m.kind.name, sc.kind, m.asNew(r.now))
					}
				}
			}
			r.exchange(c, "2")
			if name == "returned" {
				r.exchange(c, "3")
			}
			r.none(c, day)
		})
	}
}
