package throttle

import (
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

// A rate that refuses as much as before is taken back, and Drive looks at what it held up.
func TestARateThatIsVainIsTakenBackAtOnce(t *testing.T) {
	for _, vain := range []bool{true, false} {
		r := newRig(t, wide())
		r.push("d", "x")
		c := r.open("relay")
		r.pass(time.Second)
		g := r.grant(c, "x")
		sc := &r.destination("d").scope
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
		if (i.phase == calm) != vain || vain && (len(changes) > 0 || !c.e.stirred) {
			t.Errorf("vain is %v: got the phase %d and %v, Drive looks: %v", vain, i.phase, changes, c.e.stirred)
		}
		if i.during.refused != 1 {
			t.Errorf("vain is %v: %v refusals count", vain, i.during.refused)
		}
	}
}
