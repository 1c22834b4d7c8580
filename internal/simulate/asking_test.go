package simulate

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestARefusalAsksForTheRest: what a limit asks for is over when it says, and no second
// before; where it asks for nothing the reply is plain.
func TestARefusalAsksForTheRest(t *testing.T) {
	for name, m := range map[string]Model{
		"bucket": Bucket{1, time.Minute, 1}, "fixed": FixedWindow{1, time.Minute}, "sliding": SlidingWindow{1, time.Minute},
	} {
		g := m.gate(rand.New(rand.NewPCG(1, 2)))
		g.admit(query{now: time.Second})
		now := 2 * time.Second
		if g.admit(query{now: now}) {
			t.Errorf("%s: admits two", name)
			continue
		}
		a := Rule{At: classify.StageMail, Model: m, Reply: tooMuch, Asks: theRest}.answers(g)(now)
		asked := a.verdict.RetryAfter
		if asked < time.Second || g.admit(query{now: now + asked - time.Second - time.Millisecond}) || !g.admit(query{now: now + asked}) {
			t.Errorf("%s: asks for %v, which is not the time for which it refuses", name, asked)
		}
	}
	a := Rule{At: classify.StageMail, Model: Outage{}, Reply: tooMuch, Asks: always(0)}.answers(Outage{})(0)
	if a.verdict.RetryAfter != 0 || a.verdict.Limit != classify.LimitMessageRate {
		t.Errorf("one that asks for no delay: %+v", a.verdict)
	}
}
