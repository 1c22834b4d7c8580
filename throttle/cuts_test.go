package throttle

import (
	"math"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// cutShort plays transactions of n recipients, each of which ends without words behind
// some of them. It returns the number that may go next.
func cutShort(t *testing.T, n int, behind []int, known bool, of func(some int) Outcome) int {
	r := newRig(t, wide())
	var grants []*Grant[string]
	for range behind {
		r.job(Job[string]{Destination: "d", Value: "x", Recipients: n, Fresh: true})
		widen(len(behind), &r.endpoint("relay").scope, &r.destination("d").scope)
		g := r.grant(r.open("relay"), "x")
		g.Wrote(r.now)
		g.Asked(r.now)
		grants = append(grants, g)
	}
	d := r.destination("d")
	if known {
		rate := d.learnRate(r.now, learnedRecipientsKind, 0, r.now, 1)
		rate.level, rate.reach, rate.estimates = 1000, leastReach, wellKnown
	}
	for k, some := range behind {
		r.pass(time.Millisecond)
		o := of(some)
		o.Recipients, o.Verdict, o.Err = some, classify.Verdict{Recipient: classify.RecipientLater}, errRefused
		grants[k].Done(r.now, o)
	}
	return d.recipientsAtOnce()
}

// TestACapOfRecipientsWithoutWords: fewer recipients go at once behind the first transaction
// of which the end was refused. Where only the last is, it takes three; where others behind
// the first are accepted, or a rate of recipients is known, it tells nothing of a cap.
func TestACapOfRecipientsWithoutWords(t *testing.T) {
	accepted := func(some int) Outcome { return Outcome{Accepted: some, Stage: classify.StageRcpt} }
	lost := func(int) Outcome { return Outcome{Stage: classify.StageRcpt} }
	atDot := func(int) Outcome { return Outcome{Stage: classify.StageDot} }
	random := func(some int) Outcome { return Outcome{Accepted: some, Behind: 1, Stage: classify.StageRcpt} }
	for _, tt := range []struct {
		name   string
		n      int
		behind []int
		known  bool
		of     func(int) Outcome
		want   int
	}{
		{"half is refused", 20, []int{10}, false, accepted, 10},
		{"half is refused, and then less", 20, []int{10, 4}, false, accepted, 4},
		{"all are lost", 20, []int{10}, false, lost, 10},
		{"the last is refused twice", 11, []int{10, 10}, false, accepted, math.MaxInt},
		{"the last is refused three times", 11, []int{10, 10, 10}, false, accepted, 10},
		{"others behind are accepted", 20, []int{10, 10, 10}, false, random, math.MaxInt},
		{"a recipient is refused for good, and the others at the dot", 2, []int{1, 1, 1}, false, atDot, math.MaxInt},
		{"a rate explains it", 11, []int{10, 10, 10}, true, accepted, math.MaxInt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := cutShort(t, tt.n, tt.behind, tt.known, tt.of); got != tt.want {
				t.Errorf("%d recipients at once, want %d", got, tt.want)
			}
		})
	}
}

// TestACapOfRecipientsToldAsARate is found by refusals behind the same number; those behind
// others are for the rate.
func TestACapOfRecipientsToldAsARate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		behind []int
		cap    int
	}{
		{"the same number", []int{3, 3, 3}, 3},
		{"two numbers", []int{3, 2, 3, 2, 3}, 0},
	} {
		r := newRig(t, wide())
		c := r.open("relay")
		for range tt.behind {
			r.job(Job[string]{Destination: "d", Value: "x", Recipients: 4})
		}
		for _, some := range tt.behind {
			g := r.grant(c, "x")
			g.Wrote(r.now)
			g.Asked(r.now)
			g.Done(r.now, Outcome{
				Accepted: some, Recipients: some, Stage: classify.StageRcpt, Verdict: throttled(classify.LimitMessageRate, 0), Err: errRefused,
			})
			if rate := r.destination("d").rate(learnedRecipientsKind); rate != nil {
				rate.outage, rate.atOnce = outage{}, atOnce{} // so that each goes whole
			}
			r.destination("d").inferred().atOnce = atOnce{}
			r.pass(time.Second)
		}
		if got := r.destination("d").learned().perMessage.cap(); got != tt.cap {
			t.Errorf("refused behind %s: the cap is %d, want %d", tt.name, got, tt.cap)
		}
	}
}

// TestAWholeTransactionContradictsACap: the number that seemed to be one counts anew.
func TestAWholeTransactionContradictsACap(t *testing.T) {
	var c cuts
	for range 5 * sameCuts {
		if c.cut(noon, 11, 10) {
			t.Fatal("it is a cap")
		}
		c.whole(noon, 11)
	}
}

// TestACapOfRecipientsIsTriedAgain after so many recipients, and after an hour at any rate.
// A number that passes then ends it.
func TestACapOfRecipientsIsTriedAgain(t *testing.T) {
	var a atOnce
	a.refused(noon, 20, 1, true)
	for range 3 {
		a.wait *= 1000
		a.refused(a.at.Add(time.Minute), 2, 1, true)
	}
	if a.accepted(a.at.Add(longestTest-time.Second), 1); a.bound(20) != 1 || a.cap() != 1 {
		t.Errorf("%d at once before the hour, a cap of %d; want 1", a.bound(20), a.cap())
	}
	if a.accepted(a.at.Add(longestTest), 1); a.bound(20) != 2 || a.cap() != 1 {
		t.Errorf("%d at once after the hour, a cap of %d; want 2 for a test of 1", a.bound(20), a.cap())
	}
	if a.accepted(a.at.Add(longestTest), 2); a.bound(20) != 3 || a.cap() != 0 {
		t.Errorf("%d at once after the test, a cap of %d; want 3 and none", a.bound(20), a.cap())
	}
}

// TestATestOfACapAfterAllRecipientsKeepsTheCap: a refusal of one more than the cap at the
// dot does not halve what was accepted meanwhile; a refusal of the cap itself does.
func TestATestOfACapAfterAllRecipientsKeepsTheCap(t *testing.T) {
	var l learned
	for _, test := range []struct{ refused, want int }{{100, 50}, {51, 50}, {60, 50}, {50, 25}, {26, 25}} {
		var c Change
		o := Outcome{Stage: classify.StageDot, Recipients: test.refused}
		if l.splits(noon, o, &c); l.perMessage.bound(100) != test.want || c.To != float64(test.want) {
			t.Errorf("%d may go after %d were refused, %v is told; want %d", l.perMessage.bound(100), test.refused, c.To, test.want)
		}
	}
}
