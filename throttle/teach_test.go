package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestALimitOfTheAccountIsRefusedByTheEndpoint at any stage: a probe that is refused at RCPT
// or the dot ends no outage of the endpoint's rate. One that a destination refuses does.
func TestALimitOfTheAccountIsRefusedByTheEndpoint(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt, classify.StageDot} {
		r := newRig(t, wide())
		c := r.open("relay")
		refuse := func(scope classify.Scope) {
			r.push("d", "x")
			if retires(c) {
				c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
				c = r.open("relay")
			}
			for range 100 { // whatever is waited for
				if g, again := askNext(c, r.now); g != nil {
					v := throttled(classify.LimitMessageRate, 0)
					v.Scope = scope
					g.Wrote(r.now)
					g.Asked(r.now)
					r.pass(time.Millisecond)
					g.Done(r.now, Outcome{Stage: stage, Verdict: v, Err: errRefused})
					return
				} else if again.After(r.now) {
					r.now = again
				}
			}
			t.Fatalf("%v: nothing goes", stage)
		}
		for range 5 {
			refuse(classify.ScopeAccount)
		}
		rate := r.endpoint("relay").rate(learnedMessagesKind)
		if rate == nil || rate.outage.probes != 4 {
			t.Fatalf("%v: after 5 refusals the endpoint's rate is %+v, want 4 refused probes", stage, rate)
		}
		if stage > classify.StageMail {
			if refuse(classify.ScopeDestination); rate.outage.lasts() {
				t.Errorf("%v: what the destination refuses ends no outage of the endpoint", stage)
			}
		}
	}
}
