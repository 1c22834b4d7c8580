package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestAHotMailboxIsFoundFromRCPTToTheDot, where the receiver knows the address; a
// refusal at MAIL is not for it.
func TestAHotMailboxIsFoundFromRCPTToTheDot(t *testing.T) {
	for stage, hot := range map[classify.Stage]bool{
		classify.StageMail: false, classify.StageRcpt: true, classify.StageData: true, classify.StageDot: true,
	} {
		t.Run(stage.String(), func(t *testing.T) {
			r := newRig(t, wide())
			c := r.open("relay")
			taken := classify.LimitNone
			for range hotRefusals {
				r.pass(time.Second)
				r.pushTo("hot@d", "hot")
				g := r.grant(c, "hot")
				g.Wrote(r.now)
				g.Asked(r.now)
				_, taken = g.Done(r.now, Outcome{Stage: stage, Verdict: classify.Verdict{Recipient: classify.RecipientLater}, Err: errRefused, Recipients: 1})
				for range hotOthers {
					r.push("d", "other")
					r.exchange(c, "other")
				}
			}
			if got := taken == classify.LimitMailboxRate; got != hot || r.destination("d").boxes.has("hot@d") != hot {
				t.Errorf("the last refusal is taken for one of %v", taken)
			}
		})
	}
}

// TestASuspicionWithoutAReplyHasAReason: the change says that the connection ended.
func TestASuspicionWithoutAReplyHasAReason(t *testing.T) {
	for _, err := range []error{nil, errRefused} {
		r := newRig(t, wide())
		r.push("d", "m")
		d := r.destination("d")
		d.inferring(r.now)
		changes := d.probe(r.now, Outcome{Err: err}, learnedMessagesKind, 1)
		want := err
		if err == nil {
			want = errEndless
		}
		if len(changes) != 1 || changes[0].Reason != want || changes[0].Name != "d" || r.s.Explain(r.now, "d").LastRefusal != want.Error() {
			t.Errorf("got %+v, want the reason %v", changes, want)
		}
	}
}

// TestAnEndTellsSomethingOnlyOfAConnectionInUse: a connection that rested for more than 3 s
// was closed for its rest.
func TestAnEndTellsSomethingOnlyOfAConnectionInUse(t *testing.T) {
	for _, tt := range []struct {
		rest    time.Duration // since a message was accepted
		tooSoon bool
		want    bool
	}{
		{0, false, true}, {3 * time.Second, false, true}, {3*time.Second + 1, false, false}, {time.Hour, false, false}, {0, true, false},
	} {
		r := newRig(t, wide())
		r.push("d", "x")
		g := r.grant(r.open("relay"), "x")
		g.c.took, g.begun = noon, noon.Add(tt.rest)
		if got := g.wordless(&Outcome{TooSoon: tt.tooSoon}); got != tt.want {
			t.Errorf("after %v, too soon %v: got %v, want %v", tt.rest, tt.tooSoon, got, tt.want)
		}
	}
}

// TestWhomARefusalWithoutWordsTeaches: the endpoint up to MAIL and between messages, the
// destination from RCPT to the dot.
func TestWhomARefusalWithoutWordsTeaches(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	g := r.grant(r.open("relay"), "x")
	e, d := &r.endpoint("relay").scope, &r.destination("d").scope
	for stage, want := range map[classify.Stage]*scope{
		classify.StageBanner: e, classify.StageEHLO: e, classify.StageAuth: e, classify.StageMail: e,
		classify.StageRcpt: d, classify.StageData: d, classify.StageBody: d, classify.StageDot: d,
		classify.StageRset: e, classify.StageQuit: e, classify.StageIdle: e,
	} {
		if got := g.inferredScope(Outcome{Stage: stage}); got != want {
			t.Errorf("at %v it teaches %v %q", stage, got.kind, got.name)
		}
	}
}

// underway returns a rig with a transaction of some recipients, a second after its start, and
// the scope of its destination.
func underway(t *testing.T, recipients int) (*rig, *Grant[string], *scope) {
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Value: "x", Recipients: recipients, Fresh: true})
	c := r.open("relay")
	r.pass(time.Second)
	return r, r.grant(c, "x"), &r.destination("d").scope
}

// A rate that refuses as much as before is taken back, and Drive looks at what it held up.
func TestARateThatIsVainIsTakenBackAtOnce(t *testing.T) {
	for _, vain := range []bool{true, false} {
		r, g, sc := underway(t, 1)
		sc.learning(r.now, r.s.newGeneration())
		i := &inference{phase: onTrial, kind: learnedMessagesKind, found: noon}
		i.rate = sc.learnRate(r.now, learnedMessagesKind, 10, noon, r.s.newGeneration())
		if vain {
			i.trialTest = trialTest{basis: 0.2, from: noon, warm: warmTries, odds: decided}
		}
		sc.state.inferred = i
		r.settled()
		r.s.mu.Lock()
		changes := g.attributeLocked(r.now, wordlessly(classify.StageMail), sc)
		r.s.mu.Unlock()
		if (i.phase == calm) != vain || vain && (len(changes) > 0 || !g.c.e.stirred) {
			t.Errorf("vain is %v: got the phase %d and %v, Drive looks: %v", vain, i.phase, changes, g.c.e.stirred)
		}
		if i.during.refused != 1 {
			t.Errorf("vain is %v: %v refusals count", vain, i.during.refused)
		}
	}
}

// TestRefusalsWithoutWordsTellWhoseLimitItIs: those of always the same destinations behind an
// endpoint end the belief that a limit is the endpoint's, though they are too few to teach its
// rate. Those at MAIL are the endpoint's in any case.
func TestRefusalsWithoutWordsTellWhoseLimitItIs(t *testing.T) {
	for _, tt := range []struct {
		stage classify.Stage
		ends  bool
	}{{classify.StageMail, false}, {classify.StageRcpt, true}, {classify.StageDot, true}} {
		r := newRig(t, wide())
		c := r.open("relay")
		e := r.endpoint("relay")
		e.shared.by = map[classify.Limit]*allAlike{classify.LimitMessageRate: {theirs: []string{"d0", "d1", "d2"}, accepted: 100, part: 15}}
		for i := range 6 {
			d := fmt.Sprint("d", i%3)
			r.push(d, "x")
			g := r.grant(c, "x")
			g.Wrote(r.now)
			g.Asked(r.now)
			r.pass(time.Second)
			g.Done(r.now, wordlessly(tt.stage))
			r.push("other", "y")
			r.accepted(r.grant(c, "y"))
		}
		if e.shared.is(classify.LimitMessageRate) == tt.ends {
			t.Errorf("refused at %v: it is taken for the endpoint's: %v", tt.stage, !tt.ends)
		}
	}
}

// TestADelayWithoutWordsIsTheMessages until a limit is proven: nobody else waits for it. A
// server may ask for a minute at one refusal of twenty that it makes at random.
func TestADelayWithoutWordsIsTheMessages(t *testing.T) {
	for _, phase := range []inferencePhase{calm, onTrial, proven} {
		r, g, sc := underway(t, 1)
		o := wordlessly(classify.StageRcpt)
		o.Verdict.RetryAfter = time.Hour
		r.s.mu.Lock()
		i := sc.inferring(r.now)
		if i.kind = learnedMessagesKind; phase == calm {
			sc.probe(r.now, o, i.kind, r.s.newGeneration())
		} else {
			sc.learning(r.now, r.s.newGeneration())
			i.phase, i.found, i.rate = phase, noon, sc.learnRate(r.now, i.kind, 10, noon, r.s.newGeneration())
			g.attributeLocked(r.now, o, sc)
		}
		until := sc.pausedUntil(r.now).Sub(r.now)
		r.s.mu.Unlock()
		if (until >= time.Hour) != (phase == proven) {
			t.Errorf("in phase %d all waits for %v", phase, until)
		}
	}
}
