package throttle

import (
	"slices"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestAnExperimentThatIsRefusedEnds after few refusals, and the rate for all counts again
// as if nothing had been sent meanwhile.
func TestAnExperimentThatIsRefusedEnds(t *testing.T) {
	r, e, c := newSpread(t)
	sp := e.spread
	before := *sp.rate
	sp.begin(r.now, compares)
	if !e.scope.meters()[len(e.scope.meters())-1].lifted {
		t.Fatal("the rate for all binds while each connection has a pace")
	}
	for i := range vainRefusals {
		r.pass(10 * time.Millisecond)
		c.goesLocked(r.now)
		sp.rate.take(r.now, 1)
		o := Outcome{Stage: classify.StageMail, Verdict: throttled(classify.LimitMessageRate, 0), Err: errRefused}
		if !e.refusedApart(r.now, c, &e.scope, o, refusal{begun: r.now}) {
			t.Fatalf("refusal %d is taken for one of all connections", i+1)
		}
	}
	if sp.spreads() || sp.fails != 1 || !sp.next.After(r.now) {
		t.Errorf("after %d refusals the phase is %d, %d experiments were in vain and the next is at %v", vainRefusals, sp.phase, sp.fails, sp.next)
	}
	if sp.rate.level != before.level || sp.rate.sent != before.sent {
		t.Errorf("the level is %v after %v were sent, before it was %v after %v", sp.rate.level, sp.rate.sent, before.level, before.sent)
	}
	if at := e.at(r.now, message(1, 1)); !at.After(r.now) {
		t.Error("the rate for all does not bind again")
	}
}

// TestAnExperimentIsControlled: where as few connections as before can send as much, the
// level was too low, and no connection gets a pace of its own.
func TestAnExperimentIsControlled(t *testing.T) {
	r, e, c := newSpread(t)
	sp := e.spread
	sp.begin(r.now, compares)
	accept := func() {
		for phase := sp.phase; sp.phase == phase && sp.accepted < 1000; {
			r.pass(10 * time.Millisecond)
			c.goesLocked(r.now)
			e.acceptedApart(r.now, c, r.now)
		}
	}
	if accept(); sp.phase != controls || sp.n != 1 {
		t.Fatalf("after much more was accepted the phase is %d with %d connections, want the control with 1", sp.phase, sp.n)
	}
	if accept(); sp.spreads() || sp.confirmed {
		t.Errorf("after one connection did the same the phase is %d, confirmed %v", sp.phase, sp.confirmed)
	}
	// It is none that brought nothing: the next is put off for the shortest gap, and what was accepted counts for it.
	if sp.fails != 0 || sp.count == 0 || !sp.next.Equal(r.now.Add(firstSpreadGap)) {
		t.Errorf("%d experiments have failed, after %d messages the next is due in %v", sp.fails, sp.count, sp.next.Sub(r.now))
	}
}

// TestForgettingARateEndsPacesOfConnections at once.
func TestForgettingARateEndsPacesOfConnections(t *testing.T) {
	r, e, c := newSpread(t)
	e.spread.begin(r.now, apart)
	r.s.Forget(r.now, e.name)
	if e.spread != nil {
		t.Error("paces of connections outlive what was learned")
	}
	if at := c.turnAt(r.now); at.After(r.now) {
		t.Errorf("a connection waits until %v", at)
	}
}

// TestAConnectionThatIsRefusedApartHasDriveLook, whose pace and number of connections have
// changed.
func TestAConnectionThatIsRefusedApartHasDriveLook(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt} {
		r, e, c := newSpread(t)
		if stage == classify.StageRcpt {
			d := r.destination("a")
			e.spread = spreadOf(r, &d.scope)
		}
		r.pass(time.Second)
		g := r.grant(c, "1")
		e.spread.begin(r.now, compares)
		c.goesLocked(r.now)
		r.settled()
		if e.stirred {
			t.Fatal("Drive looks already")
		}
		r.refused(g, stage, classify.LimitMessageRate, 0)
		if e.spread.refused != 1 {
			t.Fatalf("%v: the refusal is not one of the connection alone", stage)
		}
		if !e.stirred {
			t.Errorf("%v: Drive does not look at the endpoint", stage)
		}
	}
}

// TestProbesTakeTurns: after two probes that were refused the next goes on the connection
// that has been idle longest. One of several hosts that refuses everything would prolong the
// outage else.
func TestProbesTakeTurns(t *testing.T) {
	r, e, c := newSpread(t)
	o := &e.spread.rate.outage
	e.spread.hinted = true
	o.begin(r.now, time.Second, 1)
	e.refusedTogether(r.now, c, &e.scope)
	a, b := &Conn[string]{e: e, s: r.s}, &Conn[string]{e: e, s: r.s}
	e.idle = []*Conn[string]{a, b, c}
	for i, want := range []*Conn[string]{c, c, a, b, c, a} {
		r.pass(time.Second)
		got, _ := e.nextIdle(r.now)
		if got != want {
			t.Errorf("probe %d goes on another connection than it should", i+1)
		}
		e.idle = append(slices.DeleteFunc(e.idle, func(c *Conn[string]) bool { return c == got }), got)
		o.refused(r.now, r.now, 1, time.Second)
		e.refusedTogether(r.now, got, &e.scope)
	}
}

// TestARefusalOfAnotherScopeEndsTheExperiment: connections have paces of their own in place
// of the rate of one scope. Where the rate of another is refused, the first counts again.
func TestARefusalOfAnotherScopeEndsTheExperiment(t *testing.T) {
	r, e, c := newSpread(t)
	first := e.spread.rate
	e.spread.begin(r.now, compares)
	d := r.destination("a")
	d.learning(r.now, r.s.newGeneration())
	second := d.learnRate(r.now, learnedMessagesKind, 10, r.now.Add(-time.Second), r.s.newGeneration())
	second.refuse(r.now, r.now, 1)
	e.refusedTogether(r.now, c, &d.scope)
	if e.spread.rate != second || first.apart || e.spread.spreads() {
		t.Errorf("the first rate counts: %v, the next probe heeds that of the second: %v", !first.apart, e.spread.rate == second)
	}
	for _, m := range e.meters() {
		if m.lifted {
			t.Errorf("the limit of %v is lifted yet", m.kind.limit)
		}
	}
}

// newSpread returns an endpoint with a rate of 10 a second and an experiment of 4
// connections that could begin.
func newSpread(t *testing.T) (*rig, *endpoint[string], *Conn[string]) {
	r := newRig(t, Config{})
	r.push("a", "1")
	c := r.open("relay")
	c.e.spread = spreadOf(r, &c.e.scope)
	return r, c.e, c
}

// spreadOf returns the experiment that could begin with the rate of a scope.
func spreadOf(r *rig, s *scope) *spread[string] {
	s.learning(r.now, r.s.newGeneration())
	rate := s.learnRate(r.now, learnedMessagesKind, 10, r.now.Add(-time.Second), r.s.newGeneration())
	rate.level, rate.depth, rate.reach, rate.next = 10, margin, 100, r.now.Add(time.Second)
	return &spread[string]{of: s, rate: rate, level: 10, each: 10, few: 1, n: 4}
}

// An experiment has brought much when far more was accepted than the rate for all and
// chance explain. It is vain when little more was, and unclear when it has cost too much.
func TestWhatAnExperimentShows(t *testing.T) {
	const level, over = 10.0, 10.0 // 100 messages at the rate for all
	for name, tt := range map[string]struct {
		accepted, refused float64
		burst             float64
		began             time.Duration // before now
		brings            bool
		vain              bool
		unclear           bool
	}{
		"as much":                   {100, vainRefusals, 0, 0, false, true, false},
		"as much, hardly refused":   {100, vainRefusals - 1, 0, 0, false, false, false},
		"what was expected":         {expected*100 + 2, vainRefusals, 0, 0, true, false, false},
		"a little less":             {expected*100 + 1.9, vainRefusals, 0, 0, true, true, false},
		"a surplus":                 {126.1, 0, 0, 0, true, false, false},
		"hardly a surplus":          {125.9, 0, 0, 0, false, false, false},
		"a burst":                   {127.9, 0, 3, 0, false, false, false},
		"more than a burst":         {128.1, 0, 3, 0, true, false, false},
		"more than a long burst":    {135.1, 0, 1000, 0, true, false, false},
		"no more than a long burst": {134.9, 0, 1000, 0, false, false, false},
		"too many refusals":         {100, mostRefused, 0, 0, false, true, true},
		"many, but promising":       {132, mostRefused, 0, 0, true, false, false},
		"too many for a promise":    {132, mostPromising, 0, 0, true, false, true},
		"for as long as may be":     {100, 0, 0, longestArm, false, false, false},
		"for too long":              {100, 0, 0, longestArm + 1, false, false, true},
	} {
		now := noon.Add(time.Duration(over * float64(time.Second)))
		rate := &learnedRate{}
		rate.atFirst = tt.burst
		sp := &spread[string]{level: level, since: noon, accepted: tt.accepted, refused: tt.refused, rate: rate, began: now.Add(-tt.began)}
		if got := rate.burst(); got != max(tt.burst, 1) {
			t.Fatalf("%s: the burst is %v", name, got)
		}
		if brings, vain, unclear := sp.brings(now), sp.isVain(now, vainRefusals), sp.isUnclear(now); brings != tt.brings || vain != tt.vain || unclear != tt.unclear {
			t.Errorf("%s: it brings much %v, is vain %v, is unclear %v", name, brings, vain, unclear)
		}
	}
	if got := (&spread[string]{level: 0.1}).longest(); got != armCount*10*time.Second {
		t.Errorf("at a low level an experiment lasts %v", got)
	}
}

// Paces of connections stay as long as they bring more than the rate for all did, and much
// more where much is refused.
func TestPacesOfConnectionsMustBringMore(t *testing.T) {
	for name, tt := range map[string]struct {
		span              time.Duration
		accepted, refused float64
		after             time.Duration
		best              float64
		spreads, checked  bool
	}{
		"more":                      {firstSpan, 111, 0, 10 * time.Second, 0, true, true},
		"no more":                   {firstSpan, 109, 0, 10 * time.Second, 0, false, false},
		"few messages":              {firstSpan, spreadChecked - 1, 0, 10 * time.Second, 0, true, false},
		"few, with the refused":     {firstSpan, spreadChecked - 1, 1, 10 * time.Second, 0, false, false},
		"too soon":                  {firstSpan, 100, 0, firstSpan - 1, 0, true, false},
		"soon enough":               {firstSpan, 100, 0, firstSpan, 0, true, true},
		"much refused, at first":    {firstSpan, 111, 60, 10 * time.Second, 0, true, true},
		"much refused":              {spreadSpan, 599, 60, 30 * time.Second, 0, false, false},
		"much refused and more":     {spreadSpan, 601, 60, 30 * time.Second, 0, true, true},
		"little refused":            {spreadSpan, 400, 21, 30 * time.Second, 0, true, true},
		"fallen":                    {spreadSpan, 600, 20, 30 * time.Second, 29, false, false},
		"not fallen":                {spreadSpan, 600, 20, 30 * time.Second, 28, true, true},
		"fallen, at first":          {firstSpan, 600, 20, 30 * time.Second, 29, true, true},
		"fallen, with few refusals": {spreadSpan, 600, 12, 30 * time.Second, 29, true, true},
	} {
		r, e, _ := newSpread(t)
		sp := e.spread
		sp.begin(r.now, apart)
		sp.span, sp.accepted, sp.refused, sp.since, sp.confirmed, sp.each, sp.held = tt.span, tt.accepted, tt.refused, r.now, true, 7, 3
		sp.best = tt.best
		e.checkApart(r.now.Add(tt.after))
		if most := max(tt.best, tt.accepted/tt.after.Seconds()); tt.checked && sp.best != most || !tt.checked && sp.best != tt.best {
			t.Errorf("%s: the most that they have brought is %v", name, sp.best)
		}
		if sp.spreads() != tt.spreads || sp.confirmed != tt.spreads {
			t.Errorf("%s: each has a pace yet: %v", name, sp.spreads())
		}
		if checked := sp.held == 7; checked != tt.checked || checked && (sp.span != min(2*tt.span, spreadSpan) || sp.accepted != 0) {
			t.Errorf("%s: checked is %v, the next span is %v", name, checked, sp.span)
		}
	}
}

// A control that is refused shows that connections have paces of their own; one that costs
// too much shows nothing. When all connections are refused together they go half as fast,
// while they exceed the level by much.
func TestHowExperimentsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		phase    spreadPhase
		change   func(sp *spread[string])
		want     spreadPhase
		halvings int32
		own      bool
	}{
		"in vain":                  {compares, func(sp *spread[string]) { sp.refused = vainRefusals }, 0, 0, true},
		"not yet":                  {compares, func(sp *spread[string]) { sp.refused = vainRefusals - 1 }, compares, 0, true},
		"a control that is vain":   {controls, func(sp *spread[string]) { sp.refused = vainControl }, apart, 0, true},
		"a control, not yet":       {controls, func(sp *spread[string]) { sp.refused = vainControl - 1 }, controls, 0, true},
		"a control that is costly": {controls, func(sp *spread[string]) { sp.accepted, sp.refused = 1000, mostPromising }, 0, 0, true},
		"together":                 {apart, func(sp *spread[string]) { sp.vain, sp.each, sp.members = allRefused, 5.1, 4 }, apart, 1, true},
		"together, but no faster":  {apart, func(sp *spread[string]) { sp.vain, sp.each, sp.members = allRefused, 5, 4 }, 0, 0, false},
		"nearly together":          {apart, func(sp *spread[string]) { sp.vain = allRefused - 1 }, apart, 0, true},
	} {
		r, e, _ := newSpread(t)
		sp := e.spread
		sp.begin(r.now, tt.phase)
		sp.few, sp.level = 2, 10
		r.pass(time.Second)
		tt.change(sp)
		if own := e.judgeSpread(r.now); own != tt.own || sp.spreads() != (tt.want >= compares) || sp.spreads() && sp.phase != tt.want || sp.halvings != tt.halvings {
			t.Errorf("%s: got the phase %d after %d halvings, the connection's own: %v", name, sp.phase, sp.halvings, own)
		}
		if confirmed := tt.phase == controls && tt.want == apart; sp.confirmed != confirmed || confirmed && (sp.each != 5 || sp.held != 5) {
			t.Errorf("%s: confirmed is %v, with %v for each", name, sp.confirmed, sp.each)
		}
		if tt.halvings > 0 && (sp.each != 2.55 || sp.vain != 0 || sp.span != firstSpan || !sp.halved.Equal(r.now)) {
			t.Errorf("%s: got %v for each, %d in vain, over %v", name, sp.each, sp.vain, sp.span)
		}
	}
}

// The next experiment needs a hint, a level that is known well, and time, messages or a
// level that has fallen since the last; no background may explain the hint.
func TestWhenAnExperimentIsDue(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(sp *spread[string])
		due    bool
	}{
		"":                 {func(*spread[string]) {}, true},
		"no hint":          {func(sp *spread[string]) { sp.hinted = false }, false},
		"hardly known":     {func(sp *spread[string]) { sp.rate.estimates = wellKnown - 1 }, false},
		"too soon":         {func(sp *spread[string]) { sp.next = noon.Add(1) }, false},
		"in time":          {func(sp *spread[string]) { sp.next = noon }, true},
		"a background":     {func(sp *spread[string]) { sp.rate.background = &background{share: 0.01} }, false},
		"strays":           {func(sp *spread[string]) { sp.rate.background = &background{strays: 1} }, false},
		"no background":    {func(sp *spread[string]) { sp.rate.background = &background{} }, true},
		"failed":           {func(sp *spread[string]) { sp.fails = 1 }, false},
		"failed long ago":  {func(sp *spread[string]) { sp.fails, sp.count = 1, firstSpreadCount }, true},
		"not long enough":  {func(sp *spread[string]) { sp.fails, sp.count = 1, firstSpreadCount-1 }, false},
		"failed twice":     {func(sp *spread[string]) { sp.fails, sp.count = 2, 8*firstSpreadCount }, true},
		"twice, not long":  {func(sp *spread[string]) { sp.fails, sp.count = 2, 8*firstSpreadCount-1 }, false},
		"it has fallen":    {func(sp *spread[string]) { sp.fails, sp.tried = 1, sp.rate.level/fallenFar }, true},
		"it has not, much": {func(sp *spread[string]) { sp.fails, sp.tried = 1, sp.rate.level/fallenFar-1 }, false},
	} {
		r, e, _ := newSpread(t)
		sp := e.spread
		sp.hinted, sp.rate.estimates = true, wellKnown
		if tt.change(sp); sp.due(r.now) != tt.due {
			t.Errorf("%s: due is %v", name, !tt.due)
		}
	}
}

// As many connections are opened as an experiment needs, limits allow and mail is there for.
func TestConnectionsOfAnExperiment(t *testing.T) {
	for name, tt := range map[string]struct {
		few, waiting int
		limit        func(e *endpoint[string])
		n            int // 0: there is no experiment
	}{
		"four times":       {3, 100, nil, 12},
		"limited":          {3, 100, func(e *endpoint[string]) { e.learned().connections.failed = 9 }, 8},
		"crowded":          {3, 100, func(e *endpoint[string]) { e.crowding = &crowding{limit: 6} }, 6},
		"limited to one":   {1, 100, func(e *endpoint[string]) { e.learned().connections.failed = 2 }, 0},
		"limited to none":  {1, 100, func(e *endpoint[string]) { e.learned().connections.failed = 1 }, 0},
		"crowded with one": {1, 100, func(e *endpoint[string]) { e.crowding = &crowding{limit: 1} }, 0},
		"too crowded":      {3, 100, func(e *endpoint[string]) { e.crowding = &crowding{limit: 5} }, 0},
		"mail for it":      {3, 4 * surplus, nil, 12},
		"hardly any mail":  {3, 4*surplus - 1, nil, 0},
		"no limit crowded": {3, 100, func(e *endpoint[string]) { e.crowding = &crowding{} }, 12},
	} {
		r, e, _ := newSpread(t)
		r.s.SetLimits(r.now, Scope{ScopeEndpoint, "relay"}, unlimited)
		for e.waiting() < tt.waiting {
			r.push("a", "x")
		}
		if tt.limit != nil {
			tt.limit(e)
		}
		sp := e.spread
		sp.rate.level = 20
		e.opensMore(r.now, tt.few)
		if tt.n == 0 {
			if sp.phase >= opensMore || sp.n != 4 {
				t.Errorf("%s: an experiment has begun", name)
			}
			continue
		}
		if sp.phase < opensMore || sp.n != tt.n || sp.few != tt.few || sp.level != 20 || sp.tried != 20 || sp.each != rateOver*20/float64(tt.n) || int(e.concurrency) < tt.n {
			t.Errorf("%s: got %d connections, %v each, in the phase %d", name, sp.n, sp.each, sp.phase)
		}
	}
}

// An experiment compares once its connections are there. It waits for them for a while, and
// not through an outage.
func TestHowLongAnExperimentWaitsForConnections(t *testing.T) {
	for name, tt := range map[string]struct {
		level       float64
		after       time.Duration
		established int
		outage      bool
		want        spreadPhase
	}{
		"they are there":        {100, time.Second, 4, false, compares},
		"one is missing":        {100, time.Second, 3, false, opensMore},
		"for as long as it may": {100, longestOpening, 3, false, opensMore},
		"for too long":          {100, longestOpening + 1, 3, false, together},
		"there too late":        {100, longestOpening + 1, 4, false, together},
		"a low level":           {1, 8 * time.Second, 3, false, opensMore},
		"a low level, longer":   {1, 8*time.Second + 1, 3, false, together},
		"an outage":             {100, time.Second, 4, true, together},
	} {
		r, e, _ := newSpread(t)
		sp := e.spread
		sp.phase, sp.since, sp.level, sp.n = opensMore, r.now, tt.level, 4
		sp.rate.outage = outage{}
		if tt.outage {
			sp.rate.outage.begin(r.now, time.Second, 1)
		}
		e.established = int32(tt.established)
		if e.compareLocked(r.now.Add(tt.after)); sp.phase != tt.want {
			t.Errorf("%s: the phase is %d, want %d", name, sp.phase, tt.want)
		}
		e.established = 1
	}
}

// Where an experiment has brought more, connections have paces of their own again at once
// when an outage shows the level, and begin with the pace that was held.
func TestConfirmedPacesBeginAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(sp *spread[string])
		want   spreadPhase
	}{
		"confirmed":             {func(*spread[string]) {}, apart},
		"not confirmed":         {func(sp *spread[string]) { sp.confirmed = false }, together},
		"over a window":         {func(sp *spread[string]) { sp.rate.windowEnd = noon }, together},
		"punished":              {func(sp *spread[string]) { sp.rate.bans = &bans{} }, together},
		"something was in hand": {func(sp *spread[string]) { sp.rate.sent = 1 }, together},
		"the outage was before": {func(sp *spread[string]) { sp.rate.ended = noon.Add(-1) }, together},
		"no level":              {func(sp *spread[string]) { sp.rate.level = 0 }, together},
	} {
		r, e, _ := newSpread(t)
		sp := e.spread
		sp.confirmed, sp.held, sp.each, sp.level = true, 7, 3, 1
		sp.rate.ended, sp.rate.sent, sp.rate.since = r.now, 0, r.now.Add(-1)
		tt.change(sp)
		if e.considersSpreading(r.now, time.Millisecond); sp.phase != tt.want || tt.want == apart && (sp.each != 7 || sp.level != 10) {
			t.Errorf("%s: the phase is %d with %v for each and a level of %v", name, sp.phase, sp.each, sp.level)
		}
	}
}
