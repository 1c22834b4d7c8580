package throttle

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestSpellsThatAreAlike show a limit of connections over time: three in a row, of about
// as many connections, that come at about the same intervals.
func TestSpellsThatAreAlike(t *testing.T) {
	type spell struct {
		n        int           // connections let in, one every 100 ms
		turned   int           // refused after these
		shut     time.Duration // from the first refusal to the last
		interval time.Duration // from the first connection to that of the next spell
	}
	six := spell{6, 4, 40 * time.Second, time.Minute}
	with := func(change func(s *spell)) spell {
		s := six
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name   string
		spells []spell
		want   Quota
	}{
		{"three alike", []spell{six, six, six}, Quota{Count: 6, Per: time.Minute}},
		{"two alike", []spell{six, six}, Quota{}},
		{"the second is longer", []spell{six, six, with(func(s *spell) { s.interval = 61 * time.Second })}, Quota{Count: 6, Per: time.Minute}},
		{"the second is shorter", []spell{six, six, with(func(s *spell) { s.interval = 59 * time.Second })}, Quota{Count: 6, Per: 59 * time.Second}},
		{"far longer", []spell{six, six, with(func(s *spell) { s.interval = 103 * time.Second })}, Quota{}},
		{"far shorter", []spell{six, six, with(func(s *spell) { s.shut = 20 * time.Second; s.interval = 35 * time.Second })}, Quota{}},
		{"another number", []spell{six, six, with(func(s *spell) { s.n = 7 })}, Quota{}},
		{"of eight, one more", []spell{with(func(s *spell) { s.n = 8 }), with(func(s *spell) { s.n = 8 }), with(func(s *spell) { s.n = 9 })}, Quota{Count: 9, Per: time.Minute}},
		{"single connections", []spell{with(func(s *spell) { s.n = 1 }), with(func(s *spell) { s.n = 1 }), with(func(s *spell) { s.n = 1 }), with(func(s *spell) { s.n = 1 })}, Quota{}},
		{"shut for a moment only", []spell{with(func(s *spell) { s.shut = 17 * time.Second }), with(func(s *spell) { s.shut = 17 * time.Second }), with(func(s *spell) { s.shut = 17 * time.Second })}, Quota{}},
		{"shut for three tenths", []spell{with(func(s *spell) { s.shut = 18 * time.Second }), with(func(s *spell) { s.shut = 18 * time.Second }), with(func(s *spell) { s.shut = 18 * time.Second })}, Quota{Count: 6, Per: time.Minute}},
		{"one and one is no spell", []spell{with(func(s *spell) { s.turned = 3 }), with(func(s *spell) { s.turned = 3 }), with(func(s *spell) { s.turned = 3 })}, Quota{}},
		{"alike after one that was not", []spell{six, with(func(s *spell) { s.n = 20 }), six, six, six}, Quota{Count: 6, Per: time.Minute}},
	} {
		var o openings
		var found Quota
		now := noon
		for _, s := range tt.spells {
			for i := range s.n {
				at := now.Add(time.Duration(i) * 100 * time.Millisecond)
				o.opened(at, at.Add(-time.Millisecond))
			}
			first := now.Add(10 * time.Second)
			o.shut, o.missed, o.failed = first, first.Add(s.shut), s.turned
			late := o
			if late.opened(first.Add(s.shut), first); late.failed != s.turned {
				t.Errorf("%s: one that began before the last refusal has ended the spell", tt.name)
			}
			now = now.Add(s.interval)
			next := o // the first of the next spell
			found = next.opened(now, now.Add(-time.Millisecond))
			o.alike, o.lastN, o.last = next.alike, next.lastN, next.last
			o.n, o.failed = next.n-1, 0
		}
		if found != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, found, tt.want)
		}
	}
}

// TestConnectionsThatAreNotLetIn beside the same number: six in a row show that it is
// the reason, and three where the next number is the cap that is being tested.
func TestConnectionsThatAreNotLetIn(t *testing.T) {
	tested := &capProof{tested: true}
	for _, tt := range []struct {
		name  string
		known connectionCap
		want  int
	}{
		{"nothing is known", connectionCap{}, sameCrowd},
		{"the cap is tested", connectionCap{failed: 5, proof: tested}, sameAgain},
		{"another cap is tested", connectionCap{failed: 4, proof: tested}, sameCrowd},
		{"a higher cap is tested", connectionCap{failed: 6, proof: tested}, sameCrowd},
		{"the cap is not tested", connectionCap{failed: 5, proof: &capProof{}}, sameCrowd},
	} {
		var u unopened
		n := 1
		for ; n < 20 && !u.failed(3, &tt.known); n++ {
			u.raised(3) // as many are nothing new
		}
		if n != tt.want {
			t.Errorf("%s: the reason after %d, want %d", tt.name, n, tt.want)
		}
		u = unopened{}
		for range sameAgain - 1 {
			u.failed(3, &tt.known)
		}
		if u.raised(4); u.fails != 0 {
			t.Errorf("%s: one more was let in, and %d count", tt.name, u.fails)
		}
	}
}

// TestWarmUpBeforeAndAfter: nothing goes before the first day, and after the last there
// is no ceiling.
func TestWarmUpBeforeAndAfter(t *testing.T) {
	w := &warmUpMeter{plan: &WarmUp{Start: noon, Table: []int{24, 48}, Hours: 24}}
	for _, tt := range []struct {
		after time.Duration
		n     int
		want  time.Duration // after noon
		left  int
	}{
		{-time.Hour, 1, 0, 0},
		{-1, 1, 0, 0},
		{0, 1, 0, 24},
		{0, 2, time.Hour, 24}, // one an hour
		{day - time.Hour, 1, day - time.Hour, 24},
		{day, 2, day, 48},
		{day, 3, day + time.Hour, 48},
		{2 * day, 1000, 2 * day, math.MaxInt},
	} {
		fresh := *w
		if got := fresh.at(noon.Add(tt.after), tt.n).Sub(noon); got != tt.want {
			t.Errorf("%d after %v: may go after %v, want %v", tt.n, tt.after, got, tt.want)
		}
		if got := fresh.left(noon.Add(tt.after)); got != tt.left {
			t.Errorf("after %v: %d are left, want %d", tt.after, got, tt.left)
		}
	}
}

// TestQuotaSurvivesARestart: what was written counts as long as it would have, what is
// on its way counts from the snapshot, and a log in use is left alone.
func TestQuotaSurvivesARestart(t *testing.T) {
	quota := Quota{Count: 10, Per: time.Hour}
	w := newQuotaLog(quota)
	w.enter(noon.Add(-50*time.Minute), 3)
	w.enter(noon.Add(-20*time.Minute), 4)
	w.take(noon, 2)
	kept, any := w.record(noon)
	if !any || len(kept.Slots) != 3 {
		t.Fatalf("got %+v", kept)
	}
	restored := newQuotaLog(quota)
	restored.restore(noon, kept, 5*time.Minute)
	for _, tt := range []struct {
		n    int
		want time.Duration
	}{{1, 0}, {2, 5 * time.Minute}, {4, 5 * time.Minute}, {5, 35 * time.Minute}, {8, 35 * time.Minute}, {9, 55 * time.Minute}} {
		if got := restored.at(noon, tt.n).Sub(noon); got != tt.want {
			t.Errorf("%d may go in %v, want %v", tt.n, got, tt.want)
		}
	}
	restored.restore(noon, kept, 0)
	if restored.sum != 9 {
		t.Errorf("restored twice, %d count", restored.sum)
	}
	reserved := newQuotaLog(quota)
	reserved.take(noon, 1)
	if reserved.restore(noon, kept, 0); reserved.sum != 0 {
		t.Errorf("one that is in use has taken over %d", reserved.sum)
	}
	old := newQuotaLog(quota)
	if old.restore(noon, kept, 40*time.Minute); old.sum != 2 {
		t.Errorf("40 minutes later %d count, want the 2 that were on their way", old.sum)
	}
	old.advance(noon.Add(20 * time.Minute))
	if _, any := old.record(noon.Add(20 * time.Minute)); any || !old.asNew(noon.Add(20*time.Minute)) {
		t.Error("an empty log is recorded")
	}
}

// TestEvidenceIsBounded: 240 bytes of a reply are kept.
func TestEvidenceIsBounded(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, longestEvidence: longestEvidence, longestEvidence + 1: longestEvidence, 5000: longestEvidence} {
		if got := evidence(errors.New(strings.Repeat("x", n))); len(got) != want {
			t.Errorf("of %d bytes %d are kept, want %d", n, len(got), want)
		}
	}
	if got := evidence(nil); got != "" {
		t.Errorf("of no error %q is kept", got)
	}
}

// TestHoldersAreBounded: where too many are refused, the one that was refused least makes
// room.
func TestHoldersAreBounded(t *testing.T) {
	h := &holders{accepted: 7}
	for i := range mostHolders {
		h.enter(0, fmt.Sprint(i)).refused = float64(10 + i%50)
	}
	h.of[0]["33"].refused = 2
	if x := h.enter(0, "new"); len(h.of[0]) != mostHolders || h.of[0]["33"] != nil || h.of[0]["new"] != x || x.before != 7 {
		t.Errorf("%d are kept, the least refused is %v", len(h.of[0]), h.of[0]["33"])
	}
	if h.enter(1, "of another kind"); len(h.of[0]) != mostHolders || len(h.of[1]) != 1 {
		t.Error("another kind takes room")
	}
}

// TestTheNextBreakerIsTold: of several at a destination the one that is probed first.
func TestTheNextBreakerIsTold(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	d := r.destination("d")
	if p := d.pace(r.now); p.Breaker != "" || p.PausedUntil != nil {
		t.Errorf("without one: got %q until %v", p.Breaker, p.PausedUntil)
	}
	d.bars = &bars[string]{at: map[barKey]*breaker[string]{
		{endpoint: "closed"}: {until: r.now.Add(time.Second), reason: "closed"},
		{endpoint: "a"}:      {since: r.now, until: r.now.Add(3 * time.Minute), reason: "last"},
		{endpoint: "b"}:      {since: r.now, until: r.now.Add(time.Minute), reason: "first"},
		{endpoint: "c"}:      {since: r.now, until: r.now.Add(2 * time.Minute), reason: "second"},
	}}
	if p := d.pace(r.now); p.Breaker != "first" || p.PausedUntil == nil || !p.PausedUntil.Equal(r.now.Add(time.Minute)) {
		t.Errorf("got %q until %v", p.Breaker, p.PausedUntil)
	}
}

// TestExplainOfWhatIsNotThere: a destination without mail has no limits but its pause.
func TestExplainOfWhatIsNotThere(t *testing.T) {
	r := newRig(t, wide())
	if x := r.s.Explain(r.now, "d"); x.Known || x.Bind != (Binding{}) || x.Destination != "d" {
		t.Errorf("got %+v", x)
	}
	r.s.Pause(r.now, "d")
	if x := r.s.Explain(r.now, "d"); x.Known || x.Bind != (Binding{Scope: "destination", Name: "d", Limit: "pause"}) {
		t.Errorf("paused: got %+v", x)
	}
	if x := r.s.Explain(r.now, "other"); x.Bind != (Binding{}) {
		t.Errorf("another: got %+v", x)
	}
}

// TestStatsAreSorted: scopes by kind and name, endpoints and destinations by name.
func TestStatsAreSorted(t *testing.T) {
	r := newRig(t, wide())
	for _, name := range []string{"c", "a", "b"} {
		scopes := []Scope{{ScopeTenant, name}, {ScopeSender, name}}
		for _, of := range scopes {
			if err := r.s.SetLimits(r.now, of, Limits{Connections: 5}); err != nil {
				t.Fatal(err)
			}
		}
		r.job(Job[string]{Destination: name, Value: name, Path: Through("to " + name), Scopes: scopeList(t, scopes...)})
		r.grant(r.open("to "+name), name) // which makes the scopes
	}
	st := r.s.Stats(r.now)
	var got []string
	for _, s := range st.Scopes {
		got = append(got, s.Kind+" "+s.Name)
	}
	for _, e := range st.Endpoints {
		got = append(got, e.Name)
	}
	for _, d := range st.Destinations {
		got = append(got, d.Name)
	}
	want := "sender a, sender b, sender c, tenant a, tenant b, tenant c, to a, to b, to c, a, b, c"
	if got := strings.Join(got, ", "); got != want {
		t.Errorf("got %s", got)
	}
}

// TestUselessConnections count as ones that could not be opened: those that are not
// established, and those that fail within a second before their first MAIL.
func TestUselessConnections(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	c := r.opening("relay")
	if !c.Useless(r.now.Add(time.Hour), classify.StageMail) {
		t.Error("one that is not established is of use")
	}
	c.Established(r.now)
	for _, tt := range []struct {
		after time.Duration
		stage classify.Stage
		want  bool
	}{
		{0, classify.StageEHLO, true}, {uselessFor, classify.StageEHLO, true}, {uselessFor + 1, classify.StageEHLO, false},
		{0, classify.StageIdle, true}, {uselessFor + 1, classify.StageIdle, false},
		{0, classify.StageMail, false}, {0, classify.StageDot, false},
	} {
		if got := c.Useless(r.now.Add(tt.after), tt.stage); got != tt.want {
			t.Errorf("after %v at %v: got %v", tt.after, tt.stage, got)
		}
	}
	r.exchange(c, "x")
	if c.Useless(r.now, classify.StageIdle) {
		t.Error("one that has carried a message is useless")
	}
}

// TestLimitsThatAreSetTwice: they stay what they are, and an endpoint that has some is
// kept without work.
func TestLimitsThatAreSetTwice(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits Limits
		kept   bool
	}{
		{"its own", Limits{Connections: 3}, true},
		{"those of all", wide().Endpoint, false},
		{"none", Limits{}, false},
	} {
		r := newRig(t, wide())
		it := r.push("d", "x")
		for range 2 {
			if err := r.s.SetEndpoint(r.now, "relay", tt.limits); err != nil {
				t.Fatal(err)
			}
		}
		want := tt.limits.or(r.s.cfg.Endpoint)
		if got := *r.endpoint("relay").limits; got != want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, want)
		}
		r.s.Remove(r.now, it)
		for range 3 {
			r.pass(keepUnused)
			r.s.Sweep(r.now)
		}
		if kept := r.s.endpoints.n == 1; kept != tt.kept {
			t.Errorf("%s: kept is %v, want %v", tt.name, kept, tt.kept)
		}
	}
}

// TestDestinationsBeginAsTheyAreSet: one with a number of connections of its own begins
// with eight of them at most, and any other with one.
func TestDestinationsBeginAsTheyAreSet(t *testing.T) {
	for _, tt := range []struct {
		connections int // of the destination; 0 leaves it to the others
		want        int32
	}{{0, 1}, {wide().Destination.Connections, 1}, {3, 3}, {mostAtFirst, mostAtFirst}, {mostAtFirst + 1, mostAtFirst}} {
		cfg := wide()
		cfg.Destinations = map[string]Limits{"d": {Connections: tt.connections}}
		r := newRig(t, cfg)
		r.push("d", "x")
		if got := r.destination("d").concurrency; got != tt.want {
			t.Errorf("%d connections: begins with %d, want %d", tt.connections, got, tt.want)
		}
	}
}

// TestAQuotaOfConnections that is refused without a hint suspends the endpoint for an
// hour, and one with a hint for so long.
func TestAQuotaOfConnections(t *testing.T) {
	for hint, want := range map[time.Duration]time.Duration{0: suspension, 5 * time.Minute: 5 * time.Minute, 2 * time.Hour: 2 * time.Hour} {
		r := newRig(t, wide())
		r.push("d", "x")
		c := r.opening("relay")
		c.Closed(r.now, classify.StageBanner, throttled(classify.LimitQuota, hint), errRefused)
		_, again := r.s.Open(r.now, "relay")
		if got := again.Sub(r.now); got < want || got > want+want/4 {
			t.Errorf("with the hint %v: asked again in %v, want %v", hint, got, want)
		}
	}
}

// TestRecipientsAtOnce: while a rate of recipients is not known any number goes, one
// while it probes, and otherwise three seconds of it.
func TestRecipientsAtOnce(t *testing.T) {
	cfg := wide()
	cfg.Destination.RecipientsPerMessage = 1000
	r := newRig(t, cfg)
	r.push("d", "x")
	d := r.destination("d")
	rate := d.learnRate(r.now, learnedRecipientsKind, 0, r.now, 1)
	if rate.outage.lasts() || rate.known() {
		t.Fatal("it is known from the first")
	}
	if got := rate.recipientsAtOnce(); got != math.MaxInt {
		t.Errorf("not known: %d", got)
	}
	rate.level, rate.reach, rate.estimates = 5, 1, wellKnown
	for _, tt := range []struct {
		most float64
		want int
	}{{0, int(secondsAtOnce * rate.rate())}, {4, 4}, {0.5, 1}, {1e6, int(secondsAtOnce * rate.rate())}} {
		rate.atOnce.most = tt.most
		if got := rate.recipientsAtOnce(); got != tt.want {
			t.Errorf("where the receiver takes %v: got %d, want %d", tt.most, got, tt.want)
		}
	}
}

// TestHoldersOfASnapshotAgeWithTheirLessons, and go with them.
func TestHoldersOfASnapshotAgeWithTheirLessons(t *testing.T) {
	of := &holderRecord{}
	r := scopeRecord{Holder: of, Lessons: &lessonRecord{Limit: classify.LimitConnections.String(), Connections: 3}}
	if got := r.aged(noon, "x", time.Minute); got.Lessons == nil || got.Holder != of {
		t.Errorf("a minute later: %+v", got)
	}
	if got := r.aged(noon, "x", 1000*day); got.Lessons != nil || got.Holder != nil {
		t.Errorf("long after: %+v", got)
	}
}

// TestConnectionsRefusedFromTheFirst: where the first is refused for their number and
// none is established, one at a time is tried.
func TestConnectionsRefusedFromTheFirst(t *testing.T) {
	r := newRig(t, wide())
	if err := r.s.SetEndpoint(r.now, "relay", Limits{Connections: 6}); err != nil {
		t.Fatal(err)
	}
	r.push("d", "x")
	r.push("d", "y")
	if got := r.endpoint("relay").concurrency; got != 6 {
		t.Fatalf("it begins with %d", got)
	}
	first, second := r.opening("relay"), r.opening("relay")
	first.Closed(r.now, classify.StageBanner, throttled(classify.LimitConnections, 0), errRefused)
	if got := r.endpoint("relay").concurrency; got != 1 {
		t.Errorf("none is established: the concurrency is %d, want 1", got)
	}
	second.Established(r.now)
}

// TestARateOnTrialIsNotConfirmed in a snapshot, so that it is tested soon after a restart.
// That it is on trial says nothing of other rates.
func TestARateOnTrialIsNotConfirmed(t *testing.T) {
	for phase, want := range map[inferencePhase]int{calm: wellKnown, probing: wellKnown, onTrial: 0, proven: wellKnown} {
		r := newRig(t, wide())
		r.push("d", "x")
		d := r.destination("d")
		d.learning(r.now, 1).note(r.now, classify.LimitMessageRate, errRefused)
		i := d.inferring(r.now)
		for _, kind := range []*meterKind{learnedMessagesKind, learnedRecipientsKind} {
			rate := d.learnRate(r.now, kind, 0, r.now, 1)
			rate.level, rate.reach, rate.estimates = 5, 100, wellKnown
		}
		i.phase, i.rate = phase, d.rate(learnedMessagesKind)
		kept := d.record(r.now)
		messages, recipients := kept.Meters[learnedMessagesKind.name].Rate, kept.Meters[learnedRecipientsKind.name].Rate
		if messages == nil || recipients == nil {
			t.Fatalf("phase %v: the rates are not kept: %+v", phase, kept)
		}
		if messages.Confirmed != want || recipients.Confirmed != wellKnown {
			t.Errorf("phase %v: confirmed %d and the other %d times, want %d and %d", phase, messages.Confirmed, recipients.Confirmed, want, wellKnown)
		}
	}
}

// TestABreakerOfOneSenderIsItsOwn once another sends through the same endpoint: that of the
// destination is dropped. One that has seen several senders stays, and so does that of the
// same sender.
func TestABreakerOfOneSenderIsItsOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		seen  []string
		open  bool
		kept  bool
		among string // who sends now
	}{
		"another":       {[]string{"a@x.example"}, true, false, "b@x.example"},
		"the same":      {[]string{"a@x.example"}, true, true, "a@x.example"},
		"of several":    {[]string{"a@x.example", "c@x.example"}, true, true, "b@x.example"},
		"of nobody":     {nil, true, true, "b@x.example"},
		"closed":        {[]string{"a@x.example"}, false, true, "b@x.example"},
		"nobody's mail": {[]string{"a@x.example"}, true, true, ""},
	} {
		r := newRig(t, wide())
		r.push("d", "x")
		d := r.destination("d")
		b := &breaker[string]{}
		for _, sender := range tt.seen {
			b.senders.add(sender)
		}
		if tt.open {
			b.since = r.now
		}
		d.bars = &bars[string]{at: map[barKey]*breaker[string]{{endpoint: "relay"}: b}}
		r.s.anotherSenderLocked(r.now, d.path(), d, tt.among)
		if kept := d.bars.at[barKey{endpoint: "relay"}] == b; kept != tt.kept {
			t.Errorf("%s: kept is %v, want %v", name, kept, tt.kept)
		}
	}
}
