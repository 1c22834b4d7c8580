package throttle

import "time"

const (
	// testShare is the share of refusals from which on a rate must prove that it lowers
	// the share.
	testShare = 0.03
	// loweredShare is the part of that share left under the rate of a limit.
	loweredShare = 1.0 / 5
	// warmTries is the number of tries at first that do not count: what was spent before
	// is refused yet.
	warmTries = 4
	// surelyHelps is the logarithm of the odds at which a rate is known to help. To
	// believe so in vain costs more than to give up one that does.
	surelyHelps = 5.5
	// testTries is the number of refusals after which a test has ended in either way,
	// on average.
	testTries = 6
)

// trialTest compares the share of refusals at an inferred rate to the share before (a
// sequential probability ratio test, as in Wald, 1945). The zero trialTest is none.
type trialTest struct {
	basis float64   // the share before; 0 when nothing is tested
	from  time.Time // tries that began before do not count
	odds  float64   // that refusals do not depend on the rate, as a logarithm
	warm  int       // tries since then, up to warmTries
}

// begin begins a test, unless the share tells nothing.
func (t *trialTest) begin(now time.Time, share float64) {
	*t = trialTest{}
	if share >= testShare {
		t.basis, t.from = min(share, mostUsual), now
	}
}

// test counts a try that began at a time.
func (t *trialTest) test(begun time.Time, refused bool) {
	if t.basis == 0 || begun.Before(t.from) {
		return
	}
	if t.warm++; t.warm <= warmTries {
		return
	}
	t.odds += ratio(refused, t.basis, t.basis*loweredShare)
}

// helps reports whether less is refused than before.
func (t *trialTest) helps() bool { return t.basis > 0 && t.odds <= -surelyHelps }

// vain reports whether as much is refused as before.
func (t *trialTest) vain() bool { return t.basis > 0 && t.odds >= decided }
