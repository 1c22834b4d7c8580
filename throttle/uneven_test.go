package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// unevenRig returns an endpoint with a connection that is served, after the rate was
// refused once.
func unevenRig(t *testing.T) (*rig, *Conn[string]) {
	r := newRig(t, wide())
	for range 1000 {
		r.push("d", "x")
	}
	widen(20, &r.endpoint("relay").scope, &r.destination("d").scope)
	good := r.open("relay")
	for range 200 {
		r.pass(time.Second)
		r.accepted(r.grant(good, "x"))
	}
	return r, good
}

// newRefused opens a connection on which the first message is refused for a limit, then
// has a message accepted on another, and returns the new one.
func newRefused(r *rig, good *Conn[string], l classify.Limit) *Conn[string] {
	c := r.open("relay")
	r.pass(time.Minute)
	r.refused(r.grant(c, "x"), classify.StageMail, l, 0)
	r.pass(time.Minute)
	r.accepted(r.grant(good, "x"))
	r.pass(time.Minute)
	return c
}

// TestRefusedConnectionsTeachNoRate has connections that are refused twice while others
// are accepted: they differ from these.
func TestRefusedConnectionsTeachNoRate(t *testing.T) {
	r, good := unevenRig(t)
	e := r.endpoint("relay")
	for range 3 {
		c := newRefused(r, good, classify.LimitMessageRate)
		r.refused(r.grant(c, "x"), classify.StageMail, classify.LimitMessageRate, 0)
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
		r.pass(time.Minute)
		r.accepted(r.grant(good, "x"))
	}
	if !e.uneven.known {
		t.Fatalf("after three connections that were refused twice: %+v", *e.uneven)
	}
	newRefused(r, good, classify.LimitMessageRate)
	if rate := e.rate(learnedMessagesKind); rate != nil {
		t.Errorf("a rate of %v was learned from refusals of single connections", rate.perSecond())
	}
	r.refused(r.grant(good, "x"), classify.StageMail, classify.LimitMessageRate, 0)
	if rate := e.rate(learnedMessagesKind); rate == nil || !rate.outage.lasts() {
		t.Error("no rate learned from the refusal of a connection that was served")
	}
}

// TestConnectionsRefusedWithoutWords has connections refused twice without a word of a
// limit. From then on such a refusal suspects none.
func TestConnectionsRefusedWithoutWords(t *testing.T) {
	r, good := unevenRig(t)
	e := r.endpoint("relay")
	for range 3 {
		c := newRefused(r, good, classify.LimitNone)
		r.refused(r.grant(c, "x"), classify.StageMail, classify.LimitNone, 0)
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
		r.pass(time.Minute)
		r.accepted(r.grant(good, "x"))
	}
	if !e.uneven.known {
		t.Fatalf("after three connections that were refused twice: %+v", *e.uneven)
	}
	e.state.inferred, e.uneven.credit = nil, 1
	newRefused(r, good, classify.LimitNone).Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	if e.inferred() != nil {
		t.Error("a limit may be inferred from a refusal of a single connection")
	}
	r.pass(longestAdding)
	newRefused(r, good, classify.LimitNone)
	if e.inferred() == nil {
		t.Error("a limit is not inferred from any number of refusals")
	}
}

// TestAConnectionThatIsRefusedFromTheStartEnds after a few messages, and each that follows
// after more. One that was served goes on, and so do all once any was.
func TestAConnectionThatIsRefusedFromTheStartEnds(t *testing.T) {
	r, good := unevenRig(t)
	o := wordlessly(classify.StageRcpt)
	refuses := func(c *Conn[string]) (n int) {
		for !c.last && n < 2*mostVain {
			n++
			g := &Grant[string]{c: c, d: r.destination("d"), ordinal: n}
			g.refusedAlone(&o)
		}
		return n
	}
	if n := refuses(good); n != 2*mostVain {
		t.Errorf("a connection that was served ends after %d refusals", n)
	}
	good.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	for _, want := range []int{4, 8, 16, 32, 64, 128, 256, 256} {
		c := r.open("relay")
		if n := refuses(c); n != want {
			t.Errorf("it ends after %d refusals, want %d", n, want)
		}
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	}
	r.endpoint("relay").uneven.most = 1
	if n := refuses(r.open("relay")); n != 2*mostVain {
		t.Errorf("it ends after %d refusals although another was served", n)
	}
}

// TestPartlyRefusedMessagesAreOfNoConnection has a recipient of several refused without a
// word of a limit.
func TestPartlyRefusedMessagesAreOfNoConnection(t *testing.T) {
	r, good := unevenRig(t)
	newRefused(r, good, classify.LimitNone)
	u := *r.endpoint("relay").uneven
	g := r.grant(good, "x")
	o := wordlessly(classify.StageRcpt)
	o.Accepted = 1
	if g.refusedAlone(&o) || *r.endpoint("relay").uneven != u {
		t.Errorf("%+v has become %+v", u, *r.endpoint("relay").uneven)
	}
	r.accepted(g)
}

// TestRefusalsWithoutWordsThatTeachNothing counts how many may: some from the start, and
// few of those that are accepted. Those in words always may.
func TestRefusalsWithoutWordsThatTeachNothing(t *testing.T) {
	r, good := unevenRig(t)
	c := newRefused(r, good, classify.LimitNone)
	r.refused(r.grant(c, "x"), classify.StageMail, classify.LimitNone, 0)
	u := r.endpoint("relay").uneven
	excused := func() (n int) {
		for u.excuses(&Outcome{}) {
			n++
		}
		return n
	}
	if n := excused(); n != mostExcused {
		t.Errorf("%d refusals teach nothing, want %d", n, mostExcused)
	}
	if !u.excuses(&Outcome{Verdict: throttled(classify.LimitMessageRate, 0)}) {
		t.Error("a refusal in words teaches once those without have taught nothing too often")
	}
	for _, tt := range []struct{ accepted, want int }{{30, 0}, {5, 1}, {500, mostExcused}} {
		for range tt.accepted {
			r.pass(time.Second)
			r.accepted(r.grant(good, "x"))
		}
		if n := excused(); n != tt.want {
			t.Errorf("after %d more were accepted %d refusals teach nothing, want %d", tt.accepted, n, tt.want)
		}
	}
}

// TestFirstMessagesRefusedAreOfNoConnection has only the first message of each connection
// refused: connections do not differ.
func TestFirstMessagesRefusedAreOfNoConnection(t *testing.T) {
	r, good := unevenRig(t)
	for range 8 {
		c := newRefused(r, good, classify.LimitMessageRate)
		r.accepted(r.grant(c, "x"))
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	}
	if u := r.endpoint("relay").uneven; u.known || u.odds > 0 {
		t.Errorf("after eight connections whose second message was accepted: %+v", *u)
	}
}

// TestConnectionsBeyondThoseServedAreTriedRarely tries others beside the connections that
// are served together, with growing gaps.
func TestConnectionsBeyondThoseServedAreTriedRarely(t *testing.T) {
	r, good := unevenRig(t)
	e := r.endpoint("relay")
	e.uneven = &uneven{known: true, odds: mostDiffer}
	r.accepted(r.grant(good, "x"))
	gap := time.Duration(0)
	for i := range 13 {
		may, again := e.mayAdd(r.now)
		if i < addedAtOnce+1 != may {
			t.Fatalf("%d refused: may open another: %v", i, may)
		}
		if !may {
			if wait := again.Sub(r.now); wait < gap || wait > longestAdding {
				t.Fatalf("%d refused: the next after %v, the last gap was %v", i, wait, gap)
			}
			gap = again.Sub(r.now)
			r.pass(gap)
		}
		c := r.open("relay")
		if may, again := e.mayAdd(r.now); may || !again.IsZero() {
			t.Errorf("beside one that is untried: another may be opened: %v, %v", may, again)
		}
		c.rebuffed = true
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	}
	if gap != longestAdding {
		t.Errorf("the last gap is %v, want %v", gap, longestAdding)
	}
}

// The share of refusals of connections that were served is large where little is known, and
// what is long ago counts less.
func TestShareOfRefusalsOfServedConnections(t *testing.T) {
	u := &uneven{}
	if got := u.share(); got != 0.5 {
		t.Errorf("of nothing: got %v", got)
	}
	for range 8 {
		u.counts(0)
	}
	if got := u.share(); got != 0.1 {
		t.Errorf("none of eight: got %v", got)
	}
	if u.counts(1); u.tries != 9 || u.refused != 1 {
		t.Errorf("got %v of %v", u.refused, u.tries)
	}
	u.tries, u.refused = triesCounted-2, 8
	if u.counts(0); u.tries != triesCounted-1 || u.refused != 8 {
		t.Errorf("below the bound: got %v of %v", u.refused, u.tries)
	}
	if u.counts(0); u.tries != triesCounted/2 || u.refused != 4 {
		t.Errorf("at the bound: got %v of %v, want half of it", u.refused, u.tries)
	}
}

// That connections differ is known from some odds on, until they are lost altogether; the
// odds are bounded on both sides.
func TestOddsThatConnectionsDiffer(t *testing.T) {
	u := &uneven{}
	for i, step := range []struct {
		odds, sum     float64
		known, vainly bool
	}{
		{differFrom / 2, differFrom / 2, false, false}, {differFrom / 2, differFrom, true, true}, {-differFrom / 2, differFrom / 2, true, false},
		{-differFrom / 2, 0, false, false}, {-100, -differFrom, false, false}, {100, mostDiffer, true, true}, {1, mostDiffer, true, false},
	} {
		u.vainly = false
		if u.weighs(step.odds); u.odds != step.sum || u.known != step.known || u.vainly != step.vainly {
			t.Errorf("step %d: got %+v, want %+v", i, *u, step)
		}
	}
}

// Where new connections are refused for themselves one is opened in the place of one that
// was served, and one at a time beyond these, after gaps that grow.
func TestWhenAnotherConnectionIsAdded(t *testing.T) {
	for name, tt := range map[string]struct {
		u       *uneven
		open    int
		may     bool
		another bool // whether a time is told
	}{
		"nothing":                   {nil, 3, true, false},
		"not known":                 {&uneven{served: 1, most: 1, next: noon.Add(1)}, 3, true, false},
		"none is served":            {&uneven{known: true, next: noon.Add(1)}, 3, true, false},
		"in the place of one":       {&uneven{known: true, served: 2, most: 3, next: noon.Add(1)}, 2, true, false},
		"all places are taken":      {&uneven{known: true, served: 2, most: 3, next: noon.Add(1)}, 3, false, false},
		"one beyond, too soon":      {&uneven{known: true, served: 2, most: 2, next: noon.Add(1)}, 2, false, true},
		"one beyond":                {&uneven{known: true, served: 2, most: 2, next: noon}, 2, true, true},
		"one beyond is being tried": {&uneven{known: true, served: 2, most: 2, next: noon}, 3, false, false},
	} {
		r := newRig(t, wide())
		r.push("d", "x")
		e := r.endpoint("relay")
		e.uneven, e.inUse, e.leaving = tt.u, int32(tt.open+1), 1
		if may, again := e.mayAdd(noon); may != tt.may || again.IsZero() == tt.another {
			t.Errorf("%s: got %v and %v", name, may, again)
		}
	}
}

// Connections that had nothing accepted make the next beyond those that were served come
// later; as many in the place of these show that there are fewer places.
func TestConnectionsThatAreGoneInVain(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	c := r.open("relay")
	e := c.e
	u := &uneven{known: true, served: 2, most: 2}
	e.uneven = u
	for _, vain := range []func(c *Conn[string]){func(c *Conn[string]) { c.rebuffed = false }, func(c *Conn[string]) { c.took = noon }} {
		c.rebuffed, c.took = true, time.Time{}
		if vain(c); u.added != 0 || u.vain != 0 {
			t.Error("a connection counts that was not refused, or was served")
		}
		e.goneInVain(noon, c)
	}
	c.rebuffed, c.took = true, time.Time{}
	var got []time.Duration
	for range addedAtOnce + 12 {
		e.goneInVain(noon, c)
		if u.next.IsZero() {
			got = append(got, 0)
		} else {
			got = append(got, u.next.Sub(noon))
		}
	}
	for i, gap := range got {
		want := time.Duration(0)
		if i >= addedAtOnce {
			want = min(firstAdding<<min(i-addedAtOnce, 10), longestAdding)
		}
		if gap != want {
			t.Errorf("connection %d: got a gap of %v, want %v", i+1, gap, want)
		}
	}
	u.served, u.added = 1, 0
	for i := range mostInVain {
		if u.most != 2 || u.vain != i {
			t.Fatalf("after %d in vain: got %+v", i, *u)
		}
		e.goneInVain(noon, c)
	}
	if u.most != 1 || u.vain != 0 || u.added != 0 {
		t.Errorf("after %d in vain: got %+v, want one place", mostInVain, *u)
	}
}

// A rate that was refused before anything was accepted is forgotten when the first message
// of another connection is accepted before it was probed in vain for long. Not by one that
// was begun before, and not where a level is known or something was accepted.
func TestRatesThatAreForgiven(t *testing.T) {
	for name, tt := range map[string]struct {
		change   func(g *Grant[string], r *learnedRate)
		forgives bool
	}{
		"soon":               {func(*Grant[string], *learnedRate) {}, true},
		"nearly too late":    {func(_ *Grant[string], r *learnedRate) { r.outage.last = r.outage.began.Add(vainProbing - 1) }, true},
		"too late":           {func(_ *Grant[string], r *learnedRate) { r.outage.last = r.outage.began.Add(vainProbing) }, false},
		"a second message":   {func(g *Grant[string], _ *learnedRate) { g.ordinal = 2 }, false},
		"begun before":       {func(g *Grant[string], r *learnedRate) { g.begun = r.outage.began }, false},
		"a level is known":   {func(_ *Grant[string], r *learnedRate) { r.level = 1 }, false},
		"some was accepted":  {func(_ *Grant[string], r *learnedRate) { r.rateEstimate.accepted = 1 }, false},
		"the outage is over": {func(_ *Grant[string], r *learnedRate) { r.outage = outage{} }, false},
		"it is inferred":     {func(g *Grant[string], _ *learnedRate) { g.d.inferring(g.begun).phase = onTrial }, false},
	} {
		r := newRig(t, wide())
		r.push("d", "1")
		g := r.grant(r.open("relay"), "1")
		s := &r.destination("d").scope
		s.learning(r.now, r.s.newGeneration())
		rate := s.learnRate(r.now, learnedMessagesKind, 0, r.now, r.s.newGeneration())
		rate.outage.begin(r.now, time.Second, 1)
		rate.outage.last = r.now
		g.begun = r.now.Add(1)
		tt.change(g, rate)
		if g.forgives(); (s.rate(learnedMessagesKind) == nil) != tt.forgives {
			t.Errorf("%s: the rate is forgotten: %v", name, !tt.forgives)
		}
	}
}
