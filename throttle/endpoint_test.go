package throttle

import (
	"errors"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

var errDial = errors.New("connection refused")

func (r *rig) failed(c *Conn[string], stage classify.Stage, v classify.Verdict) []Change {
	changes := c.Closed(r.now, stage, v, errDial)
	checkPlaces(r.T, r.s, r.now)
	return changes
}

func (r *rig) mayOpen(endpoint string) *Conn[string] {
	r.Helper()
	c, again := r.askOpen(endpoint)
	if c == nil {
		r.Fatalf("no connection to %s may be opened; ask again at %v", endpoint, again)
	}
	return c
}

func (r *rig) mayNotOpen(endpoint string, wait time.Duration) {
	r.Helper()
	c, again := r.askOpen(endpoint)
	if c != nil {
		r.Fatalf("a connection to %s may be opened", endpoint)
	}
	r.soon(again, wait)
}

// openings begins n connections, while there are as many that end then: alone
// they would not be begun at once.
func (r *rig) openings(n int, endpoint string) (begun []*Conn[string]) {
	r.Helper()
	e := r.endpoint(endpoint)
	concurrency := e.concurrency
	widen(2*n, &e.scope)
	var old []*Conn[string]
	for range n {
		old = append(old, r.open(endpoint))
	}
	for range n {
		begun = append(begun, r.opening(endpoint))
	}
	for _, c := range old {
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	}
	widen(max(int(concurrency), n), &e.scope)
	return begun
}

// rests returns the time for which an endpoint that is down is left alone.
func (r *rig) rests(endpoint string) time.Duration {
	r.Helper()
	e := r.endpoint(endpoint)
	if !e.down {
		r.Fatalf("%s does not rest", endpoint)
	}
	return e.until.Sub(r.now)
}

// TestAServerThatAnswersIsTriedSoonAfterItTakesMail: one that refuses all connections for
// a while is late by an eighth of that, and gets few probes.
func TestAServerThatAnswersIsTriedSoonAfterItTakesMail(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	probes, began := 0, r.now
	later := classify.Verdict{Class: classify.ClassServerBusy, Recipient: classify.RecipientLater, Connection: classify.ConnDrop}
	for r.now.Sub(began) < 10*time.Minute {
		c := r.mayOpen("relay")
		probes++
		c.Closed(r.now, classify.StageBanner, later, errRefused)
		r.pass(r.rests("relay"))
	}
	if late := r.now.Sub(began) - 10*time.Minute; late > 2*time.Minute || probes > 30 {
		t.Errorf("after 10 min it is tried %v late, after %d probes", late, probes)
	}
}

// TestABannerThatRefusesInAnOutageIsAProbe: whoever is banned for a rate may not even come
// in. So the outage lasts, and the endpoint does not rest beside.
func TestABannerThatRefusesInAnOutageIsAProbe(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	e := r.endpoint("relay")
	rate := e.learnRate(r.now, learnedMessagesKind, 300, r.now.Add(-time.Minute), r.s.newGeneration())
	rate.refuse(r.now, r.now, 1)
	r.pass(rate.outage.gap)
	later := classify.Verdict{Class: classify.ClassServerBusy, Recipient: classify.RecipientLater, Connection: classify.ConnDrop}
	for range 5 {
		c := r.mayOpen("relay")
		r.pass(time.Millisecond)
		c.Closed(r.now, classify.StageBanner, later, errRefused)
		if e.down {
			t.Fatal("the endpoint rests")
		}
		r.ready("relay", 0, rate.outage.gap)
		r.pass(rate.outage.gap)
	}
	if got := rate.outage.probes; got != 5 {
		t.Errorf("%d probes, want 5", got)
	}
}

// TestAServerThatIsAwayInAnOutageIsTriedSoonAfterItTakesMail: a banner that refuses may well
// be of a server that is away, and no ban. So it is tried again after an eighth of the outage,
// or when the server says. An endpoint that rested is reachable again.
func TestAServerThatIsAwayInAnOutageIsTriedSoonAfterItTakesMail(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	e := r.endpoint("relay")
	rate := e.learnRate(r.now, learnedMessagesKind, 300, r.now.Add(-time.Minute), r.s.newGeneration())
	rate.level, rate.reach = 50, 1000
	rate.refuse(r.now, r.now, 1)
	r.pass(20 * time.Minute)
	e.down, e.until = true, r.now
	c := r.mayOpen("relay")
	r.pass(time.Millisecond)
	later := classify.Verdict{Class: classify.ClassServerBusy, Recipient: classify.RecipientLater, Connection: classify.ConnDrop}
	if changes := c.Closed(r.now, classify.StageBanner, later, errRefused); len(changes) != 1 || changes[0].Name != "relay" || !changes[0].Until.IsZero() {
		t.Errorf("got %+v, want the end of the rest", changes)
	}
	r.ready("relay", 0, rate.outage.length()/gapPart)
	r.pass(rate.outage.length() / gapPart)
	c = r.mayOpen("relay")
	r.pass(time.Millisecond)
	later.RetryAfter = time.Hour
	if changes := c.Closed(r.now, classify.StageBanner, later, errRefused); len(changes) > 0 {
		t.Errorf("got %+v", changes)
	}
	r.ready("relay", 0, time.Hour)
}

func TestUnreachableEndpointRestsEverLonger(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	want := firstRest
	for range 12 {
		r.failed(r.mayOpen("relay"), classify.StageConnect, classify.Verdict{})
		rest := r.rests("relay")
		if rest < want || rest > want+want/5 {
			t.Fatalf("it rests for %v, want %v to a fifth more", rest, want)
		}
		r.ready("relay", 0, rest)
		r.mayNotOpen("relay", rest)
		r.pass(rest)
		r.ready("relay", 1, 0)
		want = min(2*want, longestRest)
	}
	probe := r.mayOpen("relay")
	r.mayNotOpen("relay", 0) // one at a time
	r.ready("relay", 0, 0)
	if changes := probe.Established(r.now); len(changes) != 1 || changes[0].Reason != nil {
		t.Errorf("its return is reported as %+v", changes)
	}
	r.exchange(probe, "x")
	r.push("d", "y")
	probe.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	r.failed(r.mayOpen("relay"), classify.StageConnect, classify.Verdict{})
	if rest := r.rests("relay"); rest > 2*firstRest {
		t.Errorf("after it was back it rests for %v at first", rest)
	}
}

func TestEndpointIsNotProbedWithoutMail(t *testing.T) {
	r := newRig(t, wide())
	it := r.push("d", "x")
	r.failed(r.mayOpen("relay"), classify.StageConnect, classify.Verdict{})
	r.s.Remove(r.now, it)
	r.pass(time.Minute)
	r.ready("relay", 0, 0)
	r.mayNotOpen("relay", 0)
	r.job(Job[string]{Destination: "d", NotBefore: r.now.Add(time.Second)})
	r.ready("relay", 0, time.Second)
}

// TestOneOutageRestsOnce has several connections fail that were begun together.
func TestOneOutageRestsOnce(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	for i, c := range r.openings(5, "relay") {
		if changes := r.failed(c, classify.StageConnect, classify.Verdict{}); len(changes) > 0 != (i == 0) {
			t.Errorf("failure %d is reported as %+v", i, changes)
		}
	}
	if rest := r.rests("relay"); rest > 2*firstRest {
		t.Errorf("it rests for %v, want about %v", rest, firstRest)
	}
}

func TestSecondEndpointServesWhileTheFirstRests(t *testing.T) {
	r := newRig(t, wide())
	job := Job[string]{Destination: "d", Path: Through("a", "b"), Value: "x"}
	r.job(job)
	r.job(job)
	r.ready("b", 0, 0)
	r.mayNotOpen("b", 0)
	r.failed(r.mayOpen("a"), classify.StageBanner, classify.Verdict{})
	r.ready("b", 1, 0)
	b := r.mayOpen("b")
	b.Established(r.now)
	r.exchange(b, "x")
	r.pass(time.Minute)
	a := r.mayOpen("a") // the probe
	r.exchange(b, "x")  // and b serves until that succeeds
	r.job(job)
	a.Established(r.now)
	r.none(b, 0)
	r.exchange(a, "x")
}

func TestAllEndpointsRestAndTheFirstThatIsBackServes(t *testing.T) {
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Path: Through("a", "b"), Value: "x"})
	r.failed(r.mayOpen("a"), classify.StageConnect, classify.Verdict{RetryAfter: time.Hour})
	r.failed(r.mayOpen("b"), classify.StageConnect, classify.Verdict{})
	r.ready("a", 0, time.Hour)
	r.pass(r.rests("b"))
	b := r.mayOpen("b")
	b.Established(r.now)
	r.exchange(b, "x")
}

func TestRefusedLoginIsTriedOnceMore(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	login := classify.Verdict{Class: classify.ClassSMTPAuth}
	for _, c := range r.openings(2, "relay") {
		r.failed(c, classify.StageAuth, login) // with the same credentials
	}
	r.failed(r.mayOpen("relay"), classify.StageAuth, login)
	r.pass(r.rests("relay"))
	r.failed(r.mayOpen("relay"), classify.StageAuth, login) // and not at once again: it was no token that had expired
	if rest := r.rests("relay"); rest < 2*firstRest {
		t.Errorf("it rests for %v, want longer than before", rest)
	}
	if got := len(r.s.Stats(r.now).Endpoints); got != 1 {
		t.Errorf("%d endpoints, want 1", got)
	}
}

func TestRefusedConnectionTellsTheCap(t *testing.T) {
	r := newRig(t, wide())
	for range 1000 {
		r.push("d", "x")
	}
	e := r.endpoint("relay")
	conns := r.openings(8, "relay")
	widen(10, &e.scope)
	// The first refusal overtakes two of those that are let in.
	conns[0].Established(r.now)
	tooMany := throttled(classify.LimitConnections, 0)
	if changes := r.failed(conns[7], classify.StageBanner, tooMany); len(changes) != 1 ||
		changes[0].Limit != classify.LimitConnections || changes[0].From != 10 || changes[0].To != 1 {
		t.Errorf("the lesson is %+v", changes)
	}
	conns[1].Established(r.now)
	conns[2].Established(r.now)
	for _, c := range conns[3:7] {
		r.failed(c, classify.StageBanner, tooMany)
	}
	if e.concurrency != 3 {
		t.Errorf("the concurrency is %d, want the 3 that were let in", e.concurrency)
	}
	r.mayNotOpen("relay", 0)
	// Below it, it grows by one when a test is due and it is used.
	for range 50 {
		for _, c := range conns[:3] {
			r.exchange(c, "x")
		}
	}
	r.mayNotOpen("relay", 0)
	r.pass(firstTest)
	r.exchange(conns[0], "x")
	r.mayOpen("relay").Established(r.now)
	// The test has passed, so that nothing holds it back.
	r.exchange(conns[0], "x")
	r.failed(r.mayOpen("relay"), classify.StageBanner, tooMany)
	r.mayNotOpen("relay", 0)
}

func TestRefusedConnectionPausesWhenThereIsNone(t *testing.T) {
	for _, test := range []struct {
		name    string
		verdict classify.Verdict
		pauses  []time.Duration
	}{
		{"connections", throttled(classify.LimitConnections, 0), []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 60e9, 60e9}},
		{"connection rate", throttled(classify.LimitConnectionRate, 0), []time.Duration{blindWait, blindGaps[0], blindGaps[1], blindGaps[2]}},
		{"quota", throttled(classify.LimitQuota, 0), []time.Duration{time.Hour}},
		{"hint", throttled(classify.LimitConnectionRate, 5*time.Minute), []time.Duration{5 * time.Minute}},
		{"absurd hint", throttled(classify.LimitConnectionRate, 900*time.Hour), []time.Duration{day}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			r.push("d", "x")
			for i, pause := range test.pauses {
				conns := []*Conn[string]{nil}
				if i > 0 {
					conns[0] = r.mayOpen("relay")
				} else {
					conns = r.openings(2, "relay")
				}
				for _, c := range conns {
					r.failed(c, classify.StageBanner, test.verdict) // one event
				}
				r.mayNotOpen("relay", pause)
				r.pass(pause)
			}
			r.mayOpen("relay")
		})
	}
}

// TestPauseOfOpeningsEndsWithAConnection has messages accepted meanwhile: that
// does not say that another connection would be.
func TestPauseOfOpeningsEndsWithAConnection(t *testing.T) {
	r := newRig(t, wide())
	for range 10 {
		r.push("d", "x")
	}
	c := r.open("relay")
	widen(5, &r.endpoint("relay").scope, &r.destination("d").scope)
	for _, pause := range []time.Duration{1e9, 2e9, 4e9} {
		r.failed(r.mayOpen("relay"), classify.StageConnect, classify.Verdict{})
		r.exchange(c, "x")
		r.mayNotOpen("relay", pause)
		r.pass(pause)
	}
	r.mayOpen("relay").Established(r.now)
	r.failed(r.mayOpen("relay"), classify.StageConnect, classify.Verdict{})
	r.mayNotOpen("relay", firstPause)
}

// TestHintOfTooManyConnectionsHoldsOnlyMore has a receiver that allows three connections
// and asks for five minutes before another: connections in the place of those that end
// are none more.
func TestHintOfTooManyConnectionsHoldsOnlyMore(t *testing.T) {
	r := newRig(t, wide())
	for range 10_000 {
		r.push("d", "x")
	}
	e := r.endpoint("relay")
	widen(10, &e.scope)
	conns := r.openings(4, "relay")
	for _, c := range conns[:3] {
		c.Established(r.now)
	}
	tooMany := throttled(classify.LimitConnections, 5*time.Minute)
	r.failed(conns[3], classify.StageBanner, tooMany)
	for range 5 { // a test of one more would be due after firstTest
		for _, c := range conns[:3] {
			r.exchange(c, "x")
		}
		r.mayNotOpen("relay", 0)
		conns[0].Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
		conns[0] = r.mayOpen("relay")
		conns[0].Established(r.now)
		r.pass(firstTest)
	}
	// Where as few are refused as were accepted, the delay is obeyed.
	conns[0].Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	r.failed(r.mayOpen("relay"), classify.StageBanner, tooMany)
	r.mayNotOpen("relay", 5*time.Minute)
	r.pass(5 * time.Minute)
	r.mayOpen("relay").Established(r.now)
	r.exchange(conns[1], "x")
	r.mayOpen("relay")
}

// TestAConnectionRateCountsWhatWasOpenedBefore: the first estimate counts the connections
// that were opened before the first was refused, those included that have carried all that
// they may.
func TestAConnectionRateCountsWhatWasOpenedBefore(t *testing.T) {
	for _, tt := range []struct {
		name         string
		each         int // messages on a connection
		ended, open  int
		least, most  float64
		knownPerConn int32
	}{
		{"ended ones", 30, 9, 1, 10, 15, 30},
		{"open ones", 3, 0, 10, 10, 15, 0},
		{"ended for another reason", 3, 9, 1, 1, 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, wide())
			for range 1000 {
				r.push("d", "x")
			}
			e := r.endpoint("relay")
			l := e.learning(r.now, 1)
			l.note(r.now, classify.LimitMessagesPerConnection, nil)
			l.perConnection.most = tt.knownPerConn
			widen(20, &e.scope, &r.destination("d").scope)
			for i := range tt.ended + tt.open {
				c := r.open("relay")
				for range tt.each {
					r.exchange(c, "x")
				}
				r.pass(50 * time.Millisecond)
				if i < tt.ended {
					c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
				}
			}
			limited := throttled(classify.LimitConnectionRate, 0)
			r.failed(r.opening("relay"), classify.StageBanner, limited)
			r.pass(blindWait)
			for _, gap := range blindGaps {
				r.failed(r.opening("relay"), classify.StageBanner, limited)
				r.pass(gap)
			}
			r.opening("relay").Established(r.now)
			got := e.rate(learnedOpeningsKind).level * 60
			if got < tt.least*0.9 || got > tt.most*1.1 {
				t.Errorf("%.2f connections a minute, want %g to %g", got, tt.least, tt.most)
			}
		})
	}
}

// TestTheLongestHintOfTooManyConnectionsHolds has two connections refused that were begun
// together beside three: the delay that the second reply asks for holds as well, and so
// does that of a reply behind a failure without words.
func TestTheLongestHintOfTooManyConnectionsHolds(t *testing.T) {
	for _, first := range []classify.Verdict{throttled(classify.LimitConnections, time.Second), {}} {
		r := newRig(t, wide())
		for range 10_000 {
			r.push("d", "x")
		}
		widen(10, &r.endpoint("relay").scope)
		conns := r.openings(5, "relay")
		for _, c := range conns[:3] {
			c.Established(r.now)
		}
		r.failed(conns[3], classify.StageBanner, first)
		r.failed(conns[4], classify.StageBanner, throttled(classify.LimitConnections, 5*time.Minute))
		for end := r.now.Add(5*time.Minute - time.Second); r.now.Before(end); r.pass(time.Second) {
			for _, c := range conns[:3] {
				r.exchange(c, "x")
			}
			if c, _ := r.s.Open(r.now, "relay"); c != nil {
				t.Fatalf("behind %v: another connection is opened %v before the end of the delay", first, end.Sub(r.now))
			}
		}
	}
}

// When an endpoint that let in no connection is back, few come at first, whatever the
// limit was that it named.
func TestFewComeAfterConnectionsWereRefused(t *testing.T) {
	for _, l := range []classify.Limit{classify.LimitConnections, classify.LimitQuota} {
		r := newRig(t, wide())
		r.push("d", "x")
		c := r.mayOpen("relay")
		widen(8, &r.endpoint("relay").scope)
		r.failed(c, classify.StageBanner, throttled(l, 0))
		if got := r.endpoint("relay").concurrency; got != 1 {
			t.Errorf("%v: %d connections may be opened when it is back, want 1", l, got)
		}
	}
}
