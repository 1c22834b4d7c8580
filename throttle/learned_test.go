package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestOneLimitIsUnlearned with its rate, and with the pause if that was for it. What was
// learned of others stays.
func TestOneLimitIsUnlearned(t *testing.T) {
	for _, lesson := range []classify.Limit{classify.LimitMessageRate, classify.LimitConnectionRate} {
		r := newRig(t, wide())
		r.push("d", "x")
		e := r.endpoint("relay")
		e.unlearn(classify.LimitMessageRate) // nothing was learned
		l := e.learning(r.now, r.s.newGeneration())
		e.learnRate(r.now, learnedMessagesKind, 1, r.now, r.s.newGeneration())
		e.learnRate(r.now, learnedOpeningsKind, 1, r.now, r.s.newGeneration())
		l.note(r.now, lesson, nil)
		l.pause.hint(r.now, time.Minute)
		e.unlearn(classify.LimitMessageRate)
		if e.rate(learnedMessagesKind) != nil || e.rate(learnedOpeningsKind) == nil || e.learned() != l {
			t.Errorf("%v: the rates are %v of messages and %v of connections", lesson, e.rate(learnedMessagesKind), e.rate(learnedOpeningsKind))
		}
		if pauses := !l.pause.until.IsZero(); pauses != (lesson != classify.LimitMessageRate) {
			t.Errorf("%v: it pauses: %v", lesson, pauses)
		}
	}
}
