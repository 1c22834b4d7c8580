package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// crowd has n connections with a grant each, for one destination.
func crowd(t *testing.T, n int) (r *rig, conns []*Conn[string], grants []*Grant[string]) {
	r = newRig(t, wide())
	for range 100 {
		r.push("d", "x")
	}
	widen(n, &r.endpoint("relay").scope, &r.destination("d").scope)
	for i := range n {
		conns = append(conns, r.open("relay"))
		grants = append(grants, r.grant(conns[i], "x"))
	}
	return r, conns, grants
}

func TestWhoseLimitItIs(t *testing.T) {
	for _, test := range []struct {
		stage classify.Stage
		scope string
	}{
		{classify.StageMail, "endpoint"},
		{classify.StageRcpt, "destination"},
		{classify.StageData, "destination"},
		{classify.StageDot, "destination"},
	} {
		t.Run(test.stage.String(), func(t *testing.T) {
			r := newRig(t, wide())
			r.push("d", "x")
			r.push("d", "x")
			r.push("e", "other")
			c := r.open("relay")
			changes := r.refused(r.grant(c, "x"), test.stage, classify.LimitMessageRate, 0)
			if len(changes) != 1 || changes[0].Scope != test.scope || changes[0].Reason != errRefused || !changes[0].Until.Equal(r.now.Add(blindWait)) {
				t.Fatalf("the lesson is %+v, want one for the %s", changes, test.scope)
			}
			if test.scope == "endpoint" {
				r.none(c, blindWait)
				r.pass(blindWait)
			}
			r.exchange(c, "other")
		})
	}
}

func TestMailboxRateOfAnUnknownAddressTeachesNothing(t *testing.T) {
	r, conns, grants := crowd(t, 1)
	if changes := r.refused(grants[0], classify.StageRcpt, classify.LimitMailboxRate, time.Hour); len(changes) > 0 {
		t.Errorf("it teaches %+v", changes)
	}
	r.exchange(conns[0], "x")
}

func TestConcurrencyGrowsByOneForEachSuccess(t *testing.T) {
	r := newRig(t, Config{Endpoint: Limits{Connections: 4}, Destination: Limits{Connections: 3}})
	for range 100 {
		r.push("d", "x")
	}
	r.endpoint("relay").concurrency, r.endpoint("relay").first, r.destination("d").concurrency = 1, 1, 1 // as if nothing was set
	var conns []*Conn[string]
	for want := 1; want <= 6; want++ {
		for {
			c, _ := r.askOpen("relay")
			if c == nil {
				break
			}
			c.Established(r.now)
			conns = append(conns, c)
		}
		if len(conns) != min(want, 4) {
			t.Fatalf("after %d successes %d connections are open, want %d", want-1, len(conns), min(want, 4))
		}
		var grants []*Grant[string]
		for _, c := range conns {
			if g, _ := c.Next(r.now); g != nil {
				grants = append(grants, g)
			}
		}
		if len(grants) != min(want, 3) {
			t.Fatalf("after %d successes %d transactions run, want %d", want-1, len(grants), min(want, 3))
		}
		r.accepted(grants[0])
		for _, g := range grants[1:] {
			g.Return(r.now)
		}
	}
}

func TestOneEventCutsOnce(t *testing.T) {
	for _, test := range []struct {
		stage classify.Stage
		limit classify.Limit
	}{
		{classify.StageMail, classify.LimitMessageRate},
		{classify.StageRcpt, classify.LimitMessageRate},
		{classify.StageMail, classify.LimitConnections},
		{classify.StageRcpt, classify.LimitConnections},
		{classify.StageRcpt, classify.LimitRecipientRate},
	} {
		t.Run(fmt.Sprintf("%v at %v", test.limit, test.stage), func(t *testing.T) {
			r, conns, grants := crowd(t, 5)
			lessons := func() int { return int(r.endpoint("relay").lessons + r.destination("d").lessons) }
			for _, g := range grants {
				r.refused(g, test.stage, test.limit, 0)
			}
			if lessons() != 1 {
				t.Errorf("5 refusals at the same time teach %d lessons, want 1", lessons())
			}
			r.pass(blindWait)
			r.exchange(conns[0], "x")
			r.pass(time.Second)
			r.refused(r.grant(conns[0], "x"), test.stage, test.limit, 0)
			if lessons() != 2 {
				t.Errorf("with the next refusal it is %d lessons, want 2", lessons())
			}
		})
	}
}

func TestRefusedConnectionsAtATransaction(t *testing.T) {
	r, conns, grants := crowd(t, 4)
	changes := r.refused(grants[3], classify.StageRcpt, classify.LimitConnections, 0)
	if len(changes) != 1 || changes[0].From != 4 || changes[0].To != 3 {
		t.Errorf("the lesson is %+v, want 3 instead of 4", changes)
	}
	r.none(conns[3], 0) // three are under way
	r.accepted(grants[0])
	r.grant(conns[0], "x")
	r.none(conns[3], 0)
}

// TestProbesGoOneAtATimeWithGrowingGaps while nothing is accepted: no gap is
// longer than the outage so far, but for the first few, and none is
// shorter than the one before.
func TestProbesGoOneAtATimeWithGrowingGaps(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt} {
		t.Run(stage.String(), func(t *testing.T) {
			r, conns, grants := crowd(t, 2)
			r.accepted(grants[1])
			g, began, last, probes := grants[0], r.now, time.Duration(0), 0
			for r.now.Sub(began) < time.Hour {
				r.refused(g, stage, classify.LimitMessageRate, 0)
				if conns[0].last { // it was refused twice at RCPT
					conns[0].Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
					conns[0] = r.open("relay")
				}
				next, again := askNext(conns[0], r.now)
				gap := again.Sub(r.now)
				if next != nil || gap < last || gap > max(r.now.Sub(began), blindGaps[1], blindWait) && gap != blindGaps[2] {
					t.Fatalf("%v into the outage the next probe goes after %v, the last gap was %v", r.now.Sub(began), gap, last)
				}
				r.pass(gap)
				g = r.grant(conns[0], "x")
				r.none(conns[1], longProbe) // one at a time, unless it takes long
				last = gap
				probes++
			}
			if probes > 15 {
				t.Errorf("%d probes in an hour", probes)
			}
			r.accepted(g)
			s := &r.endpoint("relay").scope
			if stage == classify.StageRcpt {
				s = &r.destination("d").scope
			}
			if p := s.rate(learnedMessagesKind).rateEstimate; p.outage.lasts() || !p.known() {
				t.Errorf("after something was accepted: %+v", p)
			}
		})
	}
}

func TestHintsAreObeyed(t *testing.T) {
	for _, test := range []struct {
		limit      classify.Limit
		hint, want time.Duration
	}{
		{classify.LimitMessageRate, 0, blindWait},
		{classify.LimitMessageRate, 5 * time.Minute, 5 * time.Minute},
		{classify.LimitMessageRate, 300 * time.Hour, day},
		{classify.LimitQuota, 0, time.Hour},
		{classify.LimitQuota, 10 * time.Second, 10 * time.Second},
		{classify.LimitRecipientsPerMessage, 20 * time.Second, 20 * time.Second}, // at the first recipient
	} {
		t.Run(fmt.Sprintf("%v, %v", test.limit, test.hint), func(t *testing.T) {
			r, conns, grants := crowd(t, 3)
			r.refused(grants[0], classify.StageRcpt, test.limit, test.hint)
			grants[1].Return(r.now)
			r.refused(grants[2], classify.StageRcpt, test.limit, test.hint/2) // the later one counts
			r.none(conns[0], test.want)
			r.ready("relay", 0, test.want)
			r.pass(test.want)
			r.exchange(conns[0], "x")
		})
	}
}

// A delay that is asked for beyond a cap is for what was refused. What the cap allows goes
// on, and no further connection is opened before.
func TestADelayBeyondACapHoldsUpNoOther(t *testing.T) {
	for _, test := range []struct {
		limit   classify.Limit
		outcome Outcome
		ordinal int
	}{
		{limit: classify.LimitConnections},
		{limit: classify.LimitMessagesPerConnection, ordinal: 3},
		{limit: classify.LimitRecipientsPerMessage, outcome: Outcome{Accepted: 1, Recipients: 4}},
	} {
		t.Run(test.limit.String(), func(t *testing.T) {
			r, conns, grants := crowd(t, 3)
			for range test.ordinal {
				r.accepted(grants[0])
				grants[0] = r.grant(conns[0], "x")
			}
			o := test.outcome
			o.Stage, o.Verdict, o.Err = classify.StageRcpt, throttled(test.limit, time.Minute), errRefused
			grants[0].Wrote(r.now)
			grants[0].Done(r.now, o)
			r.accepted(grants[1])
			r.exchange(conns[1], "x")
			if l := r.destination("d").learned(); l.pause.until.After(r.now) {
				t.Errorf("nothing may go until %v", l.pause.until)
			}
			if c := r.destination("d").learned().connections; test.limit == classify.LimitConnections && c.test.Sub(r.now) < time.Minute {
				t.Errorf("the number that was refused is tried again in %v, want a minute", c.test.Sub(r.now))
			}
		})
	}
}

func TestRateIsLearnedFromWhatWasAccepted(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt} {
		t.Run(stage.String(), func(t *testing.T) {
			r, conns, grants := crowd(t, 1)
			r.accepted(grants[0])
			for range 39 {
				r.pass(100 * time.Millisecond)
				r.exchange(conns[0], "x")
			}
			r.pass(100 * time.Millisecond)
			r.refused(r.grant(conns[0], "x"), stage, classify.LimitMessageRate, 0)
			r.pass(blindWait)
			g := r.grant(conns[0], "x")
			g.Wrote(r.now)
			changes, _ := g.Done(r.now, Outcome{Accepted: 1})
			if len(changes) != 1 || !about(changes[0].To, 10) || changes[0].From != 0 {
				t.Fatalf("the lesson is %+v, want 10 a second", changes)
			}
			at := r.now
			g, again := askNext(conns[0], r.now)
			for g == nil {
				r.now = again
				g, again = askNext(conns[0], r.now)
			}
			g.Return(r.now)
			r.exchange(conns[0], "x") // at once: nothing was sent
			if took := r.now.Sub(at); took < 90*time.Millisecond || took > 210*time.Millisecond {
				t.Errorf("the next goes %v later, want a tenth to a fifth of a second", took)
			}
		})
	}
}

func TestLearnedCaps(t *testing.T) {
	t.Run("messages per connection", func(t *testing.T) {
		r, conns, grants := crowd(t, 1)
		r.accepted(grants[0])
		r.exchange(conns[0], "x")
		r.exchange(conns[0], "x")
		changes := r.refused(r.grant(conns[0], "x"), classify.StageMail, classify.LimitMessagesPerConnection, 0)
		if len(changes) != 1 || changes[0].To != 3 {
			t.Fatalf("the lesson is %+v, want 3", changes)
		}
		if !retires(conns[0]) {
			t.Error("the connection that was refused goes on")
		}
		c := r.open("relay")
		for i := range 3 {
			g := r.grant(c, "x")
			if g.last != (i == 2) {
				t.Errorf("message %d is the last: %v", i+1, g.last)
			}
			r.accepted(g)
		}
		if !retires(c) {
			t.Error("the connection goes on after 3")
		}
		r.none(c, 0)
	})
	t.Run("a lower cap is not forgotten for a higher", func(t *testing.T) {
		r, conns, grants := crowd(t, 2)
		for _, g := range grants {
			r.accepted(g)
		}
		for range 3 {
			r.exchange(conns[0], "x")
		}
		r.refused(r.grant(conns[1], "x"), classify.StageMail, classify.LimitMessagesPerConnection, 0)
		r.refused(r.grant(conns[0], "x"), classify.StageMail, classify.LimitMessagesPerConnection, 0)
		if got := r.endpoint("relay").messagesAtMost(); got != 1 {
			t.Errorf("a connection may carry %d, want 1", got)
		}
	})
	t.Run("not even one message", func(t *testing.T) {
		r, conns, grants := crowd(t, 1)
		r.refused(grants[0], classify.StageMail, classify.LimitMessagesPerConnection, 0)
		r.none(conns[0], 0) // it retires all the same
		conns[0].Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
		r.none(r.open("relay"), blindWait)
	})
	t.Run("recipients per message", func(t *testing.T) {
		r := newRig(t, wide())
		for range 6 {
			r.job(Job[string]{Destination: "d", Value: "x", Recipients: 10})
		}
		c := r.open("relay")
		for _, test := range []struct {
			limit                  classify.Limit
			may, accepted, learned int
		}{
			{classify.LimitRecipientsPerMessage, 10, 9, 9}, {classify.LimitRecipientsPerMessage, 9, 6, 6},
			// No limit of connections refuses a recipient behind others.
			{classify.LimitConnections, 6, 4, 4}, {classify.LimitConnectionRate, 4, 3, 3}, {classify.LimitMessagesPerConnection, 3, 2, 2},
		} {
			g := r.grant(c, "x")
			if g.Recipients() != test.may {
				t.Fatalf("%d recipients may go, want %d", g.Recipients(), test.may)
			}
			g.Wrote(r.now)
			changes, _ := g.Done(r.now, Outcome{
				Accepted: test.accepted, Recipients: test.accepted, Stage: classify.StageRcpt,
				Verdict: throttled(test.limit, 0), Err: errRefused,
			})
			if len(changes) != 1 || changes[0].To != float64(test.learned) || changes[0].Limit != classify.LimitRecipientsPerMessage {
				t.Fatalf("the lesson of %v is %+v, want %d", test.limit, changes, test.learned)
			}
		}
		if g := r.grant(r.open("relay"), "x"); g.Recipients() != 2 {
			t.Errorf("%d recipients may go, want 2", g.Recipients())
		}
	})
	t.Run("not even one recipient", func(t *testing.T) {
		r, conns, grants := crowd(t, 1)
		r.refused(grants[0], classify.StageRcpt, classify.LimitRecipientsPerMessage, 0)
		r.none(conns[0], blindWait)
	})
}

func TestLessonsAgeOut(t *testing.T) {
	r, conns, grants := crowd(t, 3)
	r.refused(grants[2], classify.StageRcpt, classify.LimitConnections, 0)
	for _, g := range grants[:2] {
		r.accepted(g)
	}
	d := r.destination("d")
	if d.concurrency != 2 || d.learned() == nil {
		t.Fatalf("the concurrency is %d, want 2", d.concurrency)
	}
	r.pass(lessonLife + time.Second)
	r.grant(conns[0], "x")
	r.exchange(conns[1], "x")
	if d.learned() != nil || d.concurrency != 3 {
		t.Errorf("after its time it is still remembered; the concurrency is %d, want 3", d.concurrency)
	}
}

// TestLessonsStayWhileTheirRateBinds: that nothing is refused for long tells nothing while
// mail keeps to a learned rate, which has found the limit.
func TestLessonsStayWhileTheirRateBinds(t *testing.T) {
	r, conns, grants := crowd(t, 2)
	r.refused(grants[1], classify.StageRcpt, classify.LimitMessageRate, 0)
	r.accepted(grants[0])
	d := r.destination("d")
	send := func() {
		t.Helper()
		g, _ := conns[0].Next(r.now)
		for latest := r.now.Add(time.Minute); g == nil; g, _ = conns[0].Next(r.now) {
			if r.pass(time.Millisecond); r.now.After(latest) {
				t.Fatal("for a minute nothing goes")
			}
		}
		r.accepted(g)
	}
	for range 5 {
		r.push("d", "x")
		send()
	}
	d.learned().last = r.now.Add(-lessonLife - time.Second)
	r.push("d", "x")
	send()
	if d.rate(learnedMessagesKind) == nil {
		t.Fatal("the rate is forgotten although a message has just waited for it")
	}
	r.pass(lessonLife)
	r.push("d", "x")
	send()
	if d.rate(learnedMessagesKind) != nil {
		t.Error("the rate is still remembered although nothing has waited for it in its time")
	}
}

// TestUnaskedRecipientsCountOnceMailWasWritten ends a transaction in between.
func TestUnaskedRecipientsCountOnceMailWasWritten(t *testing.T) {
	cfg := wide()
	cfg.Destination.RecipientRate = Rate{Count: 1, Per: time.Second, Burst: 2}
	r := newRig(t, cfg)
	r.job(Job[string]{Destination: "d", Value: "1", Recipients: 2})
	r.job(Job[string]{Destination: "d", Value: "2", Recipients: 2})
	c := r.open("relay")
	g := r.grant(c, "1")
	g.Wrote(r.now)
	g.Done(r.now, Outcome{})
	r.pass(1999 * time.Millisecond)
	r.none(c, time.Millisecond)
	r.pass(time.Millisecond)
	r.grant(c, "2")
}

func TestNextBehindPassesThePlaceOn(t *testing.T) {
	r, conns, grants := crowd(t, 1)
	widen(2, &r.endpoint("relay").scope)
	other := r.open("relay")
	r.none(conns[0], 0)
	behind, _ := grants[0].Next(r.now)
	if behind == nil || behind.Value() != "x" {
		t.Fatalf("behind the only transaction that may run: %v, want x", behind)
	}
	r.none(other, 0)
	grants[0].Wrote(r.now)
	grants[0].Done(r.now, Outcome{}) // no success, so that the concurrency stays
	r.none(other, 0)
	behind.Return(r.now)
	r.exchange(other, "x")
}

func TestNextBehindGivesThePlaceBack(t *testing.T) {
	r, _, grants := crowd(t, 1)
	widen(2, &r.endpoint("relay").scope)
	other := r.open("relay")
	behind, _ := grants[0].Next(r.now)
	behind.Return(r.now)
	r.none(other, 0)
	if again, _ := grants[0].Next(r.now); again == nil {
		t.Error("the place cannot be passed on again")
	}
}

func TestNextBehindKeepsTheTurnsOfDestinations(t *testing.T) {
	r, conns, grants := crowd(t, 1)
	widen(2, &r.endpoint("relay").scope)
	r.push("e", "e1")
	behind, _ := grants[0].Next(r.now)
	if behind == nil || behind.Value() != "e1" {
		t.Fatalf("got %v, want e1", behind)
	}
	r.none(r.open("relay"), 0)
	if next, _ := behind.Next(r.now); next != nil {
		t.Errorf("%q may go, while another transaction of the same destination runs", next.Value())
	}
	grants[0].Return(r.now)
	behind.Return(r.now)
	r.exchange(conns[0], "x")
}

// TestTooManyConnectionsInOldCompany has a receiver say "too many connections"
// on one of several: to one that was served since the last of them came it
// speaks of the rate, to a newcomer of their number.
func TestTooManyConnectionsInOldCompany(t *testing.T) {
	for _, test := range []struct {
		name        string
		before      func(r *rig, conns []*Conn[string])
		concurrency int32
	}{
		{"served in the company of all", func(*rig, []*Conn[string]) {}, 3},
		{"another came since", func(r *rig, _ []*Conn[string]) {
			r.pass(time.Second)
			widen(4, &r.endpoint("relay").scope)
			r.open("relay")
		}, 3},
		{"never served", func(r *rig, conns []*Conn[string]) { conns[0].took = time.Time{} }, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, conns, grants := crowd(t, 3)
			r.pass(time.Second)
			for _, g := range grants {
				r.accepted(g)
			}
			widen(3, &r.endpoint("relay").scope)
			test.before(r, conns)
			changes := r.refused(r.grant(conns[0], "x"), classify.StageMail, classify.LimitConnections, 0)
			if got := r.endpoint("relay").concurrency; got != test.concurrency {
				t.Errorf("the concurrency is %d, want %d; learned %+v", got, test.concurrency, changes)
			}
			if rate := r.endpoint("relay").rate(learnedMessagesKind) != nil; rate != (test.name == "served in the company of all") {
				t.Errorf("a message rate was learned: %t", rate)
			}
		})
	}
}
