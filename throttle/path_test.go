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
