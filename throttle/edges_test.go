package throttle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// level returns a path of one level, and its hops with so many turns.
func level(served ...float64) (*path[string], []*hop[string]) {
	var hops []*hop[string]
	p := &path[string]{of: &Path{}}
	for i, n := range served {
		h := &hop[string]{e: &endpoint[string]{scope: newScope(ScopeEndpoint, fmt.Sprint("e", i), &unlimited)}, weight: 1, served: n}
		hops = append(hops, h)
		p.endpoints = append(p.endpoints, h.e)
	}
	p.levels = [][]*hop[string]{hops}
	return p, hops
}

// TestTheLeastServedGoesFirst; of two that had the same the first.
func TestTheLeastServedGoesFirst(t *testing.T) {
	for _, test := range []struct {
		served []float64
		rests  int // the endpoint that rests; -1 is none
		want   int // -1 is none
	}{
		{[]float64{1, 1}, -1, 0}, {[]float64{2, 1}, -1, 1}, {[]float64{1, 2, 0.5}, -1, 2}, {[]float64{1, 2, 3}, 0, 1}, {[]float64{5}, -1, -1},
	} {
		p, hops := level(test.served...)
		if test.rests >= 0 {
			hops[test.rests].e.down = true
		}
		got := p.least()
		if test.want < 0 && got != nil || test.want >= 0 && got != hops[test.want].e {
			t.Errorf("%+v: got %v", test, got)
		}
	}
	// A level whose endpoints all rest leaves the next one.
	p, hops := level(1, 2)
	worse, others := level(3, 2)
	hops[0].e.down, hops[1].e.down = true, true
	p.levels = append(p.levels, worse.levels[0])
	if got := p.least(); got != others[1].e {
		t.Errorf("of the next level: got %v", got)
	}
}

// TestOneYieldsToAnotherThatHadLess, and waits; not to one that had as much.
func TestOneYieldsToAnotherThatHadLess(t *testing.T) {
	for _, test := range []struct {
		served []float64
		waits  []int // endpoints with an idle connection
		want   int   // in whose stead the first goes; -1 is none
	}{
		{[]float64{2, 1}, []int{1}, 1}, {[]float64{1, 1}, []int{1}, -1}, {[]float64{1, 2}, []int{1}, -1}, {[]float64{2, 1}, nil, -1},
		{[]float64{3, 2, 1}, []int{1, 2}, 2}, {[]float64{3, 1, 1}, []int{1, 2}, 1}, {[]float64{3, 1, 2}, []int{2}, 2},
	} {
		p, hops := level(test.served...)
		for _, i := range test.waits {
			hops[i].e.idle = []*Conn[string]{{}}
		}
		got := p.yields(noon, hops[0].e)
		if test.want < 0 && got != nil || test.want >= 0 && got != hops[test.want].e {
			t.Errorf("%+v: got %v", test, got)
		}
	}
	p, hops := level(2, 1)
	hops[1].e.starting, hops[1].e.opening = 1, 1
	if p.yields(noon, hops[0].e) != nil {
		t.Error("it yields to one whose only connection is being opened")
	}
	if hops[1].e.opening = 0; p.yields(noon, hops[0].e) != hops[1].e {
		t.Error("it does not yield to one whose connection was woken")
	}
	if n := p.startingElsewhere(hops[0].e); n != 1 {
		t.Errorf("%d connections start elsewhere, want 1", n)
	}
	hops[1].e.starting, hops[1].e.opening = 3, 2
	if n := p.startingElsewhere(hops[0].e); n != 3 {
		t.Errorf("%d connections start elsewhere, want all 3 while it has none", n)
	}
	hops[0].e.idle = []*Conn[string]{{}}
	if n := p.startingElsewhere(hops[0].e); n != 1 {
		t.Errorf("%d connections start elsewhere, want the 1 that is not being opened", n)
	}
	alone, only := level(7)
	if alone.yields(noon, only[0].e) != nil || alone.startingElsewhere(only[0].e) != 0 {
		t.Error("one that is alone yields")
	}
}

// TestNoHopLagsFarBehind: one that was away gets four turns more than the others,
// and not all mail.
func TestNoHopLagsFarBehind(t *testing.T) {
	p, hops := level(0, 0)
	hops[1].weight = 2
	p.served(hops[1].e)
	if hops[0].served != 0 || hops[1].served != 0.5 {
		t.Errorf("a turn at the weight 2 counts %v", hops[1].served)
	}
	for range 100 {
		p.served(hops[0].e)
	}
	if lag := hops[0].served - hops[1].served; lag != mostLag {
		t.Errorf("it lags %v turns behind, want %v", lag, mostLag)
	}
}

// TestNodesOfRingsAreKept for other flows, a thousand at most.
func TestNodesOfRingsAreKept(t *testing.T) {
	var p path[string]
	for range maxSpareNodes + 5 {
		p.reclaim(&flow[string]{nodes: new(ringNodes[string])})
	}
	n := 0
	for s := p.spareNodes; s != nil; s = s.next {
		n++
	}
	if n != maxSpareNodes || p.spareCount != n {
		t.Errorf("%d are kept and %d counted, want %d", n, p.spareCount, maxSpareNodes)
	}
	for range n {
		if s := p.nodesFor(); s.next != nil {
			t.Fatal("one that is used is linked to others")
		}
	}
	if p.spareCount != 0 || p.spareNodes != nil || p.nodesFor() == nil {
		t.Errorf("%d are counted when all are used", p.spareCount)
	}
	f := &flow[string]{nodes: new(ringNodes[string]), rings: ringOf(Bulk, untried)}
	if p.reclaim(f); f.nodes == nil {
		t.Error("the nodes of a flow in a ring are taken")
	}
}

// TestTotalsOfLate at their bounds: a minute of nothing is not too long, and what is
// older than two minutes counts half.
func TestTotalsOfLate(t *testing.T) {
	var totals recentTotals
	totals.count(noon, 2)
	at := noon.Add(lately)
	if totals.stale(at) || !totals.stale(at.Add(1)) {
		t.Error("the minute is not a minute")
	}
	if totals.count(at, 3); totals.messages != 2 || totals.recipients != 5 || !totals.since().Equal(noon) {
		t.Errorf("after a minute: %+v, want both", totals)
	}
	at = at.Add(lately)
	if totals.count(at, 1); totals.messages != 3 || totals.span != 2*lately {
		t.Errorf("after two minutes: %+v, want all three", totals)
	}
	at = at.Add(1)
	if totals.count(at, 1); totals.messages != 4 {
		t.Errorf("just after two minutes: %+v, want all four", totals)
	}
	if totals.count(at, 1); totals.messages != 3 || totals.span != lately || totals.recipients != 4 {
		t.Errorf("then: %+v, want half of four, and one", totals)
	}
	at = at.Add(lately + 1)
	if totals.count(at, 7); totals != (recentTotals{last: at, messages: 1, recipients: 7}) {
		t.Errorf("after more than a minute of nothing: %+v", totals)
	}
	if totals.count(at.Add(-time.Second), 1); totals.span != 0 {
		t.Errorf("a clock that goes back: %+v", totals)
	}
}

// TestWhatIsUnusedIsKeptForTenSeconds, unless there are more than 10,000.
func TestWhatIsUnusedIsKeptForTenSeconds(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	send := func(name string) {
		r.s.Remove(r.now, r.s.Push(r.now, Job[string]{Destination: name, Path: Through("relay")}))
	}
	send("d")
	if at := r.s.Sweep(r.now); !at.Equal(r.now.Add(keepUnused)) {
		t.Errorf("the next sweep is in %v", at.Sub(r.now))
	}
	r.pass(keepUnused - 1)
	if r.s.Sweep(r.now); r.s.dests.n != 1 {
		t.Error("it is forgotten too early")
	}
	r.pass(1)
	if r.s.Sweep(r.now); r.s.dests.n != 0 {
		t.Error("it is kept for longer")
	}
	for i := range maxUnused + 5 {
		send(fmt.Sprint("d", i))
	}
	if r.s.Sweep(r.now); r.s.dests.n > maxUnused || r.s.dests.n < maxUnused-5 {
		t.Errorf("%d are kept, want about %d", r.s.dests.n, maxUnused)
	}
	r.pass(keepUnused)
	for range 20 { // others sweep a little
		c.Next(r.now)
	}
	if n := r.s.dests.n; n > maxUnused-20 {
		t.Errorf("%d are kept though others could sweep", n)
	}
}

// TestAPinnedEndpointIsKept until it is let go, and counted once.
func TestAPinnedEndpointIsKept(t *testing.T) {
	r := newRig(t, wide())
	if err := r.s.SetEndpoint(r.now, "relay", Limits{Connections: 3}); err != nil {
		t.Fatal(err)
	}
	sweep := func() {
		for range 3 {
			r.pass(keepUnused)
			r.s.Sweep(r.now)
		}
	}
	r.s.Remove(r.now, r.push("d", "x"))
	if sweep(); r.s.endpoints.n != 1 || r.endpoint("relay").limits.Connections != 3 {
		t.Error("its limits are forgotten")
	}
	r.s.ForgetEndpoint(r.now, "relay")
	r.s.ForgetEndpoint(r.now, "relay")
	if n := r.s.unused.Len(); n != 1 {
		t.Errorf("it waits %d times to be forgotten", n)
	}
	it := r.push("d", "x")
	if sweep(); r.s.endpoints.n != 1 {
		t.Error("it is forgotten with work")
	}
	r.s.Remove(r.now, it)
	if sweep(); r.s.endpoints.n != 0 || r.s.unused.Len() != 0 {
		t.Error("it is kept without work")
	}
}

// TestLessonsSurviveARestart: what a scope has learned of each kind is there
// afterwards, as old as it is.
func TestLessonsSurviveARestart(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	conns := r.openings(3, "relay")
	conns[0].Established(r.now)
	conns[1].Established(r.now)
	r.failed(conns[2], classify.StageBanner, throttled(classify.LimitConnections, 0))
	e := r.endpoint("relay")
	l := e.learned()
	r.pass(10 * time.Second)
	before := e.lessonRecord(r.now)
	if before.Connections != 3 || before.Age != 10 || before.Limit != classify.LimitConnections.String() || before.Evidence != errDial.Error() || before.Pause != 0 ||
		before.Test != seconds(l.connections.test.Sub(r.now)) || before.TestGap != seconds(l.connections.gap) {
		t.Errorf("recorded: %+v", before)
	}
	l.pause.hint(r.now, time.Hour)
	if got := e.lessonRecord(r.now).Pause; got != 3600 {
		t.Errorf("a pause of an hour is recorded as %v s", got)
	}
	if got := e.lessonRecord(r.now.Add(time.Hour)).Pause; got != 0 {
		t.Errorf("a pause that is over is recorded as %v s", got)
	}
	if e.lessonRecord(r.now.Add(lessonLife-10*time.Second)) == nil || e.lessonRecord(r.now.Add(lessonLife-10*time.Second+1)) != nil {
		t.Error("lessons are not recorded for as long as they live")
	}
	fresh := newScope(ScopeEndpoint, "relay", &unlimited)
	if fresh.lessonRecord(r.now) != nil {
		t.Error("what was never refused has lessons")
	}
	other := newRig(t, wide())
	other.now = r.now
	state, err := r.s.Snapshot(r.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.s.Restore(r.now, state); err != nil {
		t.Fatal(err)
	}
	other.push("d", "x")
	restored := other.endpoint("relay")
	if after := restored.lessonRecord(r.now); after == nil || after.Connections != before.Connections || after.TestGap != before.TestGap ||
		after.Pause < 3599 || after.Pause > 3601 || after.Age < before.Age-1 || after.Age > before.Age+1 {
		t.Errorf("after a restart: %+v, want %+v and the pause", after, before)
	}
}

// TestCeilingsAreNamedWhereTheyHoldUp: a place that is lacking is learned only where
// the concurrency is below its ceiling.
func TestCeilingsAreNamedWhereTheyHoldUp(t *testing.T) {
	for _, test := range []struct {
		name  string
		set   func(*Config)
		want  Binding
		conns int
	}{
		{"process", func(c *Config) { c.Process.Connections = 1 }, Binding{Scope: "process", Limit: "connections"}, 1},
		{"endpoint", func(c *Config) { c.Endpoint.Connections = 1 }, Binding{Scope: "endpoint", Name: "relay", Limit: "connections"}, 1},
		{"destination", func(c *Config) { c.Destination.Connections = 1 }, Binding{Scope: "destination", Name: "d", Limit: "connections"}, 1},
		{"none", func(c *Config) {}, Binding{}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := wide()
			test.set(&cfg)
			r := newRig(t, cfg)
			r.push("d", "x")
			r.push("d", "x")
			c := r.open("relay")
			widen(4, &r.endpoint("relay").scope, &r.destination("d").scope)
			r.grant(c, "x").Wrote(r.now)
			if test.name == "process" || test.name == "endpoint" {
				r.destination("d").inUse = 0
			}
			if got := r.s.Explain(r.now, "d").Bind; got != test.want {
				t.Errorf("bound by %+v, want %+v", got, test.want)
			}
			if test.name == "process" || test.name == "endpoint" {
				r.destination("d").inUse = 1
			}
		})
	}
}

// TestTheQueueIsEmptyWhen tells by the rate that applies, or by that of late where
// this is lower.
func TestTheQueueIsEmptyWhen(t *testing.T) {
	d := &destination[string]{}
	d.recent = recentTotals{last: noon, span: 9 * time.Second, messages: 10}
	for _, test := range []struct {
		name string
		rate float64
		set  func()
		want float64
	}{
		{"no rate is known", 0, func() {}, 1}, {"slower than the rate", 5, func() {}, 1}, {"as fast as the rate lets it", 0.5, func() {}, 0.5},
		{"too few of late", 5, func() { d.recent.messages = 9 }, 5},
		{"all at once", 5, func() { d.recent.messages, d.recent.span = 10, 0 }, 5},
		{"long ago", 5, func() { d.recent.span, d.recent.last = 9*time.Second, noon.Add(-lately-1) }, 5},
	} {
		test.set()
		if got := d.expected(noon, test.rate); got != test.want {
			t.Errorf("%s: %v a second, want %v", test.name, got, test.want)
		}
	}
	limited := Limits{MessageRate: Rate{Count: 3, Per: time.Second}}
	slower := Limits{MessageRate: Rate{Count: 1, Per: time.Second}}
	a, b, none := newScope(ScopeProcess, "", &limited), newScope(ScopeEndpoint, "e", &slower), newScope(ScopeDestination, "d", &unlimited)
	if got := lowestRate([]*scope{&a, &none, &b}); got < 0.999 || got > 1.001 {
		t.Errorf("the lowest rate is %v, want 1", got)
	}
	if got := lowestRate([]*scope{&none}); got != 0 {
		t.Errorf("without a rate it is %v", got)
	}
}

// TestAnItemThatIsPutAsideLeavesItsPlace: the tokens that were kept for it are
// free for others, and it comes at its time.
func TestAnItemThatIsPutAsideLeavesItsPlace(t *testing.T) {
	cfg := wide()
	cfg.Destination.RecipientRate = Rate{Count: 10, Per: time.Second, Burst: 10}
	r := newRig(t, cfg)
	r.job(Job[string]{Destination: "d", Value: "first", Recipients: 10})
	c := r.open("relay")
	r.exchange(c, "first")
	tries := NewTries(r.now, 1)
	for !tries.spent() {
		tries.hasty++
	}
	r.job(Job[string]{Destination: "d", Value: "again", Recipients: 10, Tries: tries})
	r.job(Job[string]{Destination: "d", Value: "other", Recipients: 1})
	f := &r.destination("d").first
	for range 3 {
		r.pass(100 * time.Millisecond)
		if g, _ := askNext(c, r.now); g != nil {
			if g.Value() != "other" {
				t.Fatalf("got %q, which is to wait", g.Value())
			}
			r.accepted(g)
		}
	}
	if f.need != 0 || f.blocked != nil {
		t.Errorf("tokens are kept for %v recipients of an item that waits", f.need)
	}
	r.pass(2 * time.Second)
	r.exchange(c, "again")
}

// TestUnrenderedItemsAreCountedOverAllFlows of a destination.
func TestUnrenderedItemsAreCountedOverAllFlows(t *testing.T) {
	r := newRig(t, wide())
	for i, name := range []string{"a", "b", "c"} {
		for range i + 1 {
			r.job(Job[string]{Destination: "d", Path: Through(name), Fresh: true})
			r.job(Job[string]{Destination: "d", Path: Through(name)}) // it is rendered
		}
	}
	d := r.destination("d")
	if bulk, single := d.unrendered(Bulk), d.unrendered(Single); bulk != 6 || single != 0 {
		t.Errorf("%d in bulk and %d single, want 6 and none", bulk, single)
	}
}

// TestRecordsSayNothingOfWhatWasNotLearned.
func TestRecordsSayNothingOfWhatWasNotLearned(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	r.refused(r.grant(r.open("relay"), "x"), classify.StageRcpt, classify.LimitQuota, 0)
	if got := r.destination("d").lessonRecord(r.now); got.Connections != 0 || got.Test != 0 || got.TestGap != 0 || got.Pause != suspension.Seconds() {
		t.Errorf("lessons of a quota: %+v", got)
	}
	var p rateEstimate
	if got := p.record(noon).Turn; got != 0 {
		t.Errorf("a window that never was has ended %v s ago", got)
	}
	for ago, want := range map[time.Duration]float64{5 * time.Second: 5, 0: 1e-9, -time.Minute: 1e-9} {
		p.windowEnd = noon.Add(-ago)
		if got := p.record(noon).Turn; got != want {
			t.Errorf("a window that ended %v ago is recorded with %v s", ago, got)
		}
	}
}

// TestNoEndOfAQueueThatIsPaused or empty is told.
func TestNoEndOfAQueueThatIsPaused(t *testing.T) {
	cfg := wide()
	cfg.Destination.MessageRate = Rate{Count: 1, Per: time.Second}
	r := newRig(t, cfg)
	it := r.push("d", "x")
	if r.s.Explain(r.now, "d").ETA == nil {
		t.Error("the end of a queue with a rate is not told")
	}
	r.s.Pause(r.now, "d")
	if got := r.s.Explain(r.now, "d").ETA; got != nil {
		t.Errorf("paused, it ends at %v", got)
	}
	r.s.Resume(r.now, "d")
	r.s.Remove(r.now, it)
	if got := r.s.Explain(r.now, "d"); got.ETA != nil {
		t.Errorf("empty, it ends at %v", got.ETA)
	}
}

// TestAHeldMailboxGoesOnWhenItsNextIsRemoved: the one behind it comes in its place.
func TestAHeldMailboxGoesOnWhenItsNextIsRemoved(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "first")
	c := r.open("relay")
	r.exchange(c, "first")
	r.hold(c, "hot@d")
	next := r.pushTo("hot@d", "next")
	r.pushTo("hot@d", "behind")
	r.none(c, blindWait)
	r.pass(blindWait)
	r.ready("relay", 1, 0) // it is back in the queue
	if !r.s.Remove(r.now, next) {
		t.Fatal("it cannot be removed")
	}
	if got := r.s.Explain(r.now, "d"); got.Queued != 1 {
		t.Errorf("%d are queued, want 1", got.Queued)
	}
	r.exchange(c, "behind")
}

// TestSnapshotsAtTheirBounds: a name of 1,024 bytes and a clock that is a day slow
// are taken.
func TestSnapshotsAtTheirBounds(t *testing.T) {
	for _, test := range []struct {
		name  int
		ahead time.Duration
		fine  bool
	}{{1, 0, true}, {longestName, day, true}, {longestName + 1, 0, false}, {0, 0, false}, {1, day + 1, false}, {1, -1000 * day, true}} {
		snap := snapshot{Version: snapshotVersion, Taken: noon.Add(test.ahead), Destinations: map[string]scopeRecord{strings.Repeat("x", test.name): {}}}
		if err := snap.validate(noon, mostRestored); (err == nil) != test.fine {
			t.Errorf("a name of %d bytes, taken %v ahead: %v", test.name, test.ahead, err)
		}
	}
	for _, snap := range []snapshot{
		{Version: snapshotVersion + 1, Taken: noon}, {Version: snapshotVersion - 1, Taken: noon}, {Version: snapshotVersion},
		{Version: snapshotVersion, Taken: noon, Scopes: map[string]scopeRecord{"x": {Meters: map[string]meterRecord{"rate": {Used: -1}}}}},
		{Version: snapshotVersion, Taken: noon, Endpoints: map[string]scopeRecord{"x": {Lessons: &lessonRecord{Limit: "none", Age: -1}}}},
	} {
		if snap.validate(noon, mostRestored) == nil {
			t.Errorf("%+v is taken", snap)
		}
	}
}

// TestAPathIdles where an endpoint that serves it and is up has an idle connection.
func TestAPathIdles(t *testing.T) {
	for _, tt := range []struct {
		name       string
		idle, down []int // endpoints; the last is of a worse level
		want       bool
	}{
		{"none idle", nil, nil, false},
		{"first idle", []int{0}, nil, true},
		{"second idle", []int{1}, nil, true},
		{"idle but down", []int{0}, []int{0}, false},
		{"down and another idle", []int{1}, []int{0}, true},
		{"idle, of a level that does not serve", []int{2}, nil, false},
	} {
		p, hops := level(1, 1, 1)
		p.levels = [][]*hop[string]{hops[:2], hops[2:]}
		for _, i := range tt.idle {
			hops[i].e.idle = []*Conn[string]{{}}
		}
		for _, i := range tt.down {
			hops[i].e.down = true
		}
		if got := p.idles(noon); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestAConnectionYieldsForAnItemOnly: one that asks gives way to an endpoint that had less
// where there is something to go, and wakes nobody for nothing.
func TestAConnectionYieldsForAnItemOnly(t *testing.T) {
	for items := range 3 {
		r := newRig(t, wide())
		through := mustPath(t, OverflowDown, []Hop{{"a", 1}, {"b", 1}})
		r.job(Job[string]{Destination: "d", Path: through, Value: "first"})
		asks, waits := r.open("a"), r.open("b")
		r.accepted(r.grant(asks, "first"))
		r.none(waits, 0)
		waits.s.mu.Lock()
		waits.become(connIdle)
		waits.s.mu.Unlock()
		p := r.endpoint("a").paths[0]
		for _, h := range p.levels[0] {
			h.served = map[string]float64{"a": 2, "b": 1}[h.e.name]
		}
		for range items {
			r.job(Job[string]{Destination: "d", Path: through, Value: "next"})
		}
		r.endpoint("b").stirred = false
		if g, _ := askNext(asks, r.now); g != nil {
			t.Errorf("%d items: a goes on, though b had less", items)
		}
		if got := r.endpoint("b").stirred; got != (items > 0) {
			t.Errorf("%d items: b is to be woken: %v", items, got)
		}
	}
}

// A record is restored once, at the age that it has, and only for the scope of its name.
func TestARecordIsRestoredOnce(t *testing.T) {
	h := &restoredRecords{taken: noon, records: map[string]scopeRecord{"a": {}, "b": {}}}
	var s scope
	for i, step := range []struct {
		key  string
		want bool
		left int
	}{{"c", false, 2}, {"a", true, 1}, {"a", false, 1}, {"b", true, 0}, {"b", false, 0}} {
		if got := h.take(noon, &s, step.key, 1); got != step.want || len(h.records) != step.left {
			t.Errorf("step %d: restored %v, %d records are left", i, got, len(h.records))
		}
	}
	if !h.taken.IsZero() {
		t.Error("the time is kept when no records are left")
	}
}
