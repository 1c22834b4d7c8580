package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// relays is a driver whose connections are established at once and take a
// second for each message.
type relays struct {
	r      *rig
	asking []*Conn[string]
	work   []*Grant[string]
	served map[string]int
	opened map[string]int
}

func (d *relays) Open(c *Conn[string]) {
	d.opened[c.Endpoint()]++
	d.asking = append(d.asking, c)
	c.Established(d.r.now)
}

func (d *relays) Wake(c *Conn[string]) { d.asking = append(d.asking, c) }

func (d *relays) Retire(c *Conn[string]) {
	c.Closed(d.r.now, classify.StageIdle, classify.Verdict{}, nil)
}

// run drives for so many seconds, with so many new items in each.
func (d *relays) run(seconds, perSecond int, p *Path) {
	d.served, d.opened = map[string]int{}, map[string]int{}
	for range seconds {
		for range perSecond {
			d.r.job(Job[string]{Destination: "d", Path: p})
		}
		done := d.work
		d.work = nil
		for _, g := range done {
			g.Wrote(d.r.now)
			g.Done(d.r.now, Outcome{Accepted: 1})
			d.served[g.c.Endpoint()]++
			d.asking = append(d.asking, g.c)
		}
		for range 100 {
			d.r.s.Drive(d.r.now, d)
			if len(d.asking) == 0 {
				break
			}
			c := d.asking[0]
			d.asking = d.asking[1:]
			if g, _ := c.Next(d.r.now); g != nil {
				d.work = append(d.work, g)
			}
		}
		d.r.pass(time.Second)
		d.r.s.Tick(d.r.now, d)
		checkPlaces(d.r.T, d.r.s, d.r.now)
	}
}

func mustPath(t *testing.T, o Overflow, levels ...[]Hop) *Path {
	t.Helper()
	p, err := NewPath(o, levels...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHopsOfALevelShareByWeight(t *testing.T) {
	for _, perSecond := range []int{1, 4} {
		r := newRig(t, wide())
		d := &relays{r: r}
		d.run(1200/perSecond, perSecond, mustPath(t, OverflowDown, []Hop{{"a", 3}, {"b", 1}}))
		if a, b := d.served["a"], d.served["b"]; a < 840 || b < 240 {
			t.Errorf("%d at once: a served %d and b %d, want three to one", perSecond, a, b)
		}
	}
}

// TestAHopThatIsDownGivesItsShareAway has one of two hops refuse connections.
func TestAHopThatIsDownGivesItsShareAway(t *testing.T) {
	r := newRig(t, wide())
	p := mustPath(t, OverflowDown, []Hop{{"a", 1}, {"b", 1}})
	r.job(Job[string]{Destination: "d", Path: p})
	r.failed(r.mayOpen("a"), classify.StageConnect, classify.Verdict{})
	r.pass(time.Second)
	d := &relays{r: r}
	d.run(1, 0, p)
	if d.opened["b"] != 1 || d.served["a"] > 0 {
		t.Errorf("opened %v, want one to b", d.opened)
	}
}

func TestAWorseLevelServesOnlyWhileTheBetterRests(t *testing.T) {
	cfg := wide()
	cfg.Endpoints = map[string]Limits{"a": {Connections: 1}}
	for _, test := range []struct {
		overflow Overflow
		uses     bool
	}{{OverflowDown, false}, {OverflowFull, true}} {
		r := newRig(t, cfg)
		d := &relays{r: r}
		d.run(60, 4, mustPath(t, test.overflow, []Hop{{"a", 1}}, []Hop{{"b", 1}}))
		if d.served["a"] < 55 || d.served["b"] > 0 != test.uses {
			t.Errorf("overflow %d: a served %d of 59, b %d; b is to be used: %v", test.overflow, d.served["a"], d.served["b"], test.uses)
		}
	}
}

// TestOverflowOnTokens has the better relay allow one message a minute.
func TestOverflowOnTokens(t *testing.T) {
	cfg := wide()
	cfg.Endpoints = map[string]Limits{"a": {MessageRate: Rate{Count: 1, Per: time.Minute}}}
	r := newRig(t, cfg)
	d := &relays{r: r}
	d.run(180, 1, mustPath(t, OverflowFull, []Hop{{"a", 1}}, []Hop{{"b", 1}}))
	if d.served["a"] != 3 || d.served["b"] < 170 {
		t.Errorf("a served %d, b %d, want 3 and the rest", d.served["a"], d.served["b"])
	}
}

func TestNewPathReportsMistakes(t *testing.T) {
	for _, levels := range [][][]Hop{
		{}, {{}}, {{{"a", 1}}, {{"a", 1}}}, {{{"a", -1}}},
	} {
		if p, err := NewPath(OverflowDown, levels...); err == nil {
			t.Errorf("%v gives %v", levels, p)
		}
	}
	one, same, other := Through("a", "b"), Through("a", "b", "a"), Through("b", "a")
	if one.Key() != same.Key() || one.Key() == other.Key() {
		t.Errorf("keys %q, %q, %q: want the first two the same", one.Key(), same.Key(), other.Key())
	}
}

// TestAnEndpointWithoutTokensYields has one of two relays of a level without tokens for
// the next message, whose turn it is: the other takes it.
func TestAnEndpointWithoutTokensYields(t *testing.T) {
	cfg := wide()
	cfg.Endpoints = map[string]Limits{
		"a": {RecipientRate: Rate{Count: 1, Per: 10 * time.Second, Burst: 2}},
	}
	r := newRig(t, cfg)
	p, err := NewPath(OverflowDown, []Hop{{Endpoint: "a"}, {Endpoint: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	a, b := r.open("a"), r.open("b")
	job := func(n int, v string) {
		r.job(Job[string]{Destination: "d", Value: v, Recipients: n, Path: p})
	}
	job(1, "one")
	r.accepted(r.grant(a, "one")) // one token is left
	job(1, "two")
	r.accepted(r.grant(b, "two"))
	job(1, "three")
	r.accepted(r.grant(b, "three")) // b has had more
	r.nothing(a)
	r.nothing(b)
	job(2, "both")
	wakes := 0
	for range 1000 {
		h := &hands{}
		r.s.Drive(r.now, h)
		if len(h.woken) == 0 {
			break
		}
		for _, c := range h.woken {
			wakes++
			if g, _ := c.Next(r.now); g != nil {
				t.Logf("%s granted to %s after %d wakes", g.Value(), c.e.name, wakes)
				return
			}
		}
	}
	t.Errorf("nobody got it after %d wakes, b is idle: %v", wakes, len(r.endpoint("b").idle))
}

// TestEndpointsWithoutTokensDoNotWakeEachOther has two endpoints that each have had more of
// their share of one path, and a token too few.
func TestEndpointsWithoutTokensDoNotWakeEachOther(t *testing.T) {
	for _, overflow := range []Overflow{OverflowDown, OverflowFull} {
		for _, two := range []bool{false, true} {
			lim := Limits{RecipientRate: Rate{Count: 1, Per: 10 * time.Second, Burst: 2}}
			cfg := wide()
			cfg.Endpoints = map[string]Limits{"a": lim, "b": lim}
			r := newRig(t, cfg)
			p, _ := NewPath(overflow, []Hop{{Endpoint: "a"}, {Endpoint: "b"}})
			q, _ := NewPath(overflow, []Hop{{Endpoint: "b"}, {Endpoint: "a"}})
			if !two {
				q = p
			}
			a, b := r.open("a"), r.open("b")
			job := func(n int, v string, p *Path) {
				r.job(Job[string]{Destination: "d" + v, Value: v, Recipients: n, Path: p})
			}
			job(1, "1", p)
			r.accepted(r.grant(a, "1"))
			job(1, "2", q)
			r.accepted(r.grant(b, "2"))
			r.nothing(a)
			r.nothing(b)
			for range 3 {
				job(2, "3", p)
				job(2, "4", q)
				job(2, "5", p)
			}
			wakes := 0
			for range 1000 {
				h := &hands{}
				r.s.Drive(r.now, h)
				if len(h.woken) == 0 {
					break
				}
				for _, c := range h.woken {
					wakes++
					if g, _ := c.Next(r.now); g != nil {
						t.Logf("%s granted to %s after %d wakes", g.Value(), c.e.name, wakes)
					}
				}
			}
			t.Logf("overflow %v two %v: %d wakes", overflow, two, wakes)
			if wakes > 100 {
				t.Error("ping-pong")
			}
		}
	}
}

// TestAWorseLevelServesOnceTheBetterIsFull lowers the connections of the better
// endpoint at run time.
func TestAWorseLevelServesOnceTheBetterIsFull(t *testing.T) {
	r := newRig(t, wide())
	p, _ := NewPath(OverflowFull, []Hop{{Endpoint: "a"}}, []Hop{{Endpoint: "b"}})
	r.job(Job[string]{Destination: "d", Value: "1", Path: p})
	r.job(Job[string]{Destination: "d", Value: "2", Path: p})
	widen(10, &r.destination("d").scope)
	a, b := r.open("a"), r.open("b")
	r.nothing(b)
	g, _ := a.Next(r.now)
	g.Wrote(r.now)
	h := &hands{}
	r.s.Drive(r.now, h)
	for _, o := range h.opened {
		o.Closed(r.now, 0, throttled(0, 0), nil)
	}
	h = &hands{}
	r.s.Drive(r.now, h)
	if err := r.s.SetLimits(r.now, Scope{ScopeEndpoint, "a"}, Limits{Connections: 1}); err != nil {
		t.Fatal(err)
	}
	h = &hands{}
	r.s.Drive(r.now, h)
	if !r.endpoint("a").full(r.now) {
		t.Fatal("the better endpoint is not full, so this test tests nothing")
	}
	if len(h.woken) == 0 {
		n, _ := b.Next(r.now)
		t.Errorf("b is idle, and could send %v", n)
	}
}

func (r *rig) nothing(c *Conn[string]) {
	if g, _ := c.Next(r.now); g != nil {
		r.Fatal("granted")
	}
}

// An endpoint that has no token for the mail of a path passes it on to the other one of its
// level, until its limits are changed.
func TestAChangedLimitEndsWhatAnEndpointPassesOn(t *testing.T) {
	path, err := NewPath(OverflowDown, []Hop{{Endpoint: "a"}, {Endpoint: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	slow := unlimited
	slow.RecipientRate = Rate{Count: 10, Per: 10 * time.Hour, Burst: 10}
	cfg := wide()
	cfg.Endpoints = map[string]Limits{"a": slow}
	r := newRig(t, cfg)
	for _, value := range []string{"1", "2", "3"} {
		r.job(Job[string]{Destination: "d", Value: value, Path: path, Recipients: 6})
	}
	c := r.open("a")
	widen(9, &r.destination("d").scope)
	r.exchange(c, "1")
	r.none(c, 2*time.Hour)
	r.ready("a", 0, 2*time.Hour)
	if err := r.s.SetLimits(r.now, Scope{ScopeEndpoint, "a"}, unlimited); err != nil {
		t.Fatal(err)
	}
	r.ready("a", 2, 0)
	r.exchange(c, "2")
}

// A path of no endpoints is a mistake of the program.
func TestAPathOfNothingPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("there is a path of no endpoints")
		}
	}()
	Through()
}
