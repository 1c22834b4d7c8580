package throttle

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

var errLater = errors.New("451 4.7.1 Try again later")

// wordlessly returns a temporary refusal at a stage that names no limit.
func wordlessly(stage classify.Stage) Outcome {
	return Outcome{Stage: stage, Verdict: classify.Verdict{Class: classify.ClassServerBusy, Recipient: classify.RecipientLater}, Err: errLater}
}

// bucketOf returns a receiver that allows so many messages a second, with a burst.
func bucketOf(perSecond, burst float64) func(now time.Time) bool {
	tokens, last := burst, time.Time{}
	return func(now time.Time) bool {
		if !last.IsZero() {
			tokens = min(burst, tokens+perSecond*now.Sub(last).Seconds())
		}
		last = now
		if tokens < 1 {
			return false
		}
		tokens--
		return true
	}
}

// sends sends messages one after the other on one connection, each taking 10 ms, for
// a time. It returns how many were accepted and refused.
func (r *rig) sends(c *Conn[string], over time.Duration, admits func(now time.Time) bool) (accepted, refused int) {
	for end := r.now.Add(over); r.now.Before(end); {
		g, again := askNext(c, r.now)
		if g == nil {
			if again.IsZero() || again.After(end) {
				again = end
			}
			r.now = again
			continue
		}
		g.Wrote(r.now)
		g.Asked(r.now)
		admitted := admits(r.now)
		r.pass(10 * time.Millisecond)
		if admitted {
			accepted++
			g.Done(r.now, Outcome{Accepted: 1, Recipients: 1})
		} else {
			refused++
			g.Done(r.now, wordlessly(classify.StageRcpt))
		}
		if c.last {
			c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
			*c = *r.open("relay")
		}
	}
	return accepted, refused
}

// many queues messages.
func (r *rig) many(n int) {
	for range n {
		r.s.Push(r.now, Job[string]{Destination: "example.com", Value: "m", Fresh: true, Path: Through("relay")})
	}
}

func newInferenceRig(t *testing.T) (*rig, *Conn[string]) {
	l := Limits{MessagesPerConnection: Unlimited}
	r := newRig(t, Config{Endpoint: l, Destination: l})
	r.many(20_000)
	return r, r.open("relay")
}

// TestALimitWithoutWordsIsInferred: a rate is found that no reply names, and Explain says
// what it was inferred from.
func TestALimitWithoutWordsIsInferred(t *testing.T) {
	r, c := newInferenceRig(t)
	accepted, refused := r.sends(c, 2*time.Minute, bucketOf(20, 20))
	if want := 20 * 120; accepted < want*95/100 || refused > accepted/50 {
		t.Errorf("%d accepted and %d refused of 20 a second in two minutes", accepted, refused)
	}
	x := r.s.Explain(r.now, "example.com")
	if !strings.HasPrefix(x.Inferred, "inferred: ") || !strings.Contains(x.Inferred, " accepted in the last minute at ") || x.MessageRate == "" {
		t.Errorf("Explain says %q at %q", x.Inferred, x.MessageRate)
	}
}

// TestRefusalsAtRandomTeachNoRate: a share that is refused at any rate is no limit.
func TestRefusalsAtRandomTeachNoRate(t *testing.T) {
	for _, every := range []int{10, 20, 50} {
		r, c := newInferenceRig(t)
		n, random := 0, samples{random: 7}
		accepted, _ := r.sends(c, 2*time.Minute, func(time.Time) bool {
			n++
			return random.draw(every) > 0
		})
		most := 12_000 * (every - 1) / every
		if accepted < most*90/100 {
			t.Errorf("one of %d refused: %d accepted of %d", every, accepted, most)
		}
	}
}

// TestWhatWasRefusedAtAVainSuspicionGoesAgain when the limit is found after all: it need
// not wait for its schedule.
func TestWhatWasRefusedAtAVainSuspicionGoesAgain(t *testing.T) {
	r, c := newInferenceRig(t)
	accept := func(time.Time) bool { return true }
	r.sends(c, 20*time.Millisecond, accept)
	n := 0
	r.sends(c, 100*time.Millisecond, func(time.Time) bool { n++; return n%3 == 0 })
	later := r.s.Push(r.now, Job[string]{Destination: "example.com", Value: "later", Path: Through("relay"), NotBefore: r.now.Add(10 * time.Minute)})
	d, _ := r.s.dests.get("example.com")
	r.sends(c, time.Second, accept)
	if d.inferred().phase != calm || later.state != delayed || later.job.NotBefore.Sub(r.now) < time.Minute {
		t.Fatal("few messages are enough to find a limit")
	}
	r.sends(c, 20*time.Second, bucketOf(20, 20))
	if wait := later.job.NotBefore.Sub(r.now); later.state == delayed && wait > longestRelease {
		t.Errorf("what was refused before the limit was found waits for %v", wait)
	}
}

// TestWhatHasEndedIsNotKept: what was refused at a suspicion is forgotten once nothing
// waits, at the destination and at the endpoint.
func TestWhatHasEndedIsNotKept(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt} {
		r := newRig(t, wide())
		c := r.open("relay")
		for range 10 {
			r.exchange(c, r.push("d", "m").job.Value)
		}
		again := Job[string]{Destination: "d", Path: Through("relay"), Value: "again", NotBefore: r.now.Add(time.Minute)}
		for range 3 {
			r.push("d", "refused")
			r.grant(c, "refused").Done(r.now, wordlessly(stage))
			r.job(again)
		}
		kept := func() (n int) {
			for _, i := range []*inference{r.endpoint("relay").inferred(), r.destination("d").inferred()} {
				if i != nil {
					n += len(i.putOff)
				}
			}
			return n
		}
		if kept() == 0 {
			t.Fatalf("%v: nothing is kept of what was refused", stage)
		}
		for r.pass(2 * time.Minute); r.destination("d").queued > 0; r.pass(time.Minute) {
			r.exchange(c, "again")
		}
		if n := kept(); n > 0 {
			t.Errorf("%v: %d messages are kept that have ended", stage, n)
		}
	}
}

// TestAnOutageTeachesNoRate: what was accepted before an outage says nothing of a limit
// when it is over.
func TestAnOutageTeachesNoRate(t *testing.T) {
	r, c := newInferenceRig(t)
	from := r.now.Add(20 * time.Second)
	r.sends(c, 50*time.Second, func(now time.Time) bool { return now.Before(from) || now.After(from.Add(20*time.Second)) })
	if x := r.s.Explain(r.now, "example.com"); x.Inferred != "" || x.MessageRate != "" {
		t.Errorf("after an outage of 20 s: %q, rate %q", x.Inferred, x.MessageRate)
	}
	if accepted, _ := r.sends(c, 5*time.Second, func(time.Time) bool { return true }); accepted < 450 {
		t.Errorf("%d accepted in 5 s after an outage, want 450", accepted)
	}
}

// TestAWindowWithoutWordsIsFoundWhenItComesAgain: two outages after as many messages are
// those of a receiver that counts by the minute.
func TestAWindowWithoutWordsIsFoundWhenItComesAgain(t *testing.T) {
	r, c := newInferenceRig(t)
	minute, n := time.Time{}, 0
	window := func(now time.Time) bool {
		if m := now.Truncate(time.Minute); !m.Equal(minute) {
			minute, n = m, 0
		}
		n++
		return n <= 300
	}
	r.sends(c, 4*time.Minute, window)
	accepted, refused := r.sends(c, 6*time.Minute, window)
	if accepted < 1650 || refused > accepted/8 {
		t.Errorf("%d accepted and %d refused in 6 min of 300 each", accepted, refused)
	}
}

// TestNothingIsInferredWhereNothingWasAccepted: greylisting refuses all first tries from
// the beginning.
func TestNothingIsInferredWhereNothingWasAccepted(t *testing.T) {
	var i inference
	s := &scope{}
	for range 1000 {
		if i.suspects(noon, noon, s, firstTry) {
			t.Fatal("a limit is suspected before anything was accepted")
		}
	}
	if got := i.usual(firstTry); got < saysNothing {
		t.Errorf("the usual share is %.2f after 1000 refusals", got)
	}
}

// TestSuspicion: a few refusals in a row in a clean record are suspicious, as many where
// that many are usual are not.
func TestSuspicion(t *testing.T) {
	clean := suspicion{tries: [2]float64{100, 0}}
	usual := suspicion{tries: [2]float64{200, 0}, refusals: [2]float64{60, 0}}
	for range leastRefused {
		clean.weigh(noon, firstTry, true, true)
		usual.weigh(noon, firstTry, true, true)
	}
	if clean.evidence < suspected || usual.evidence >= suspected {
		t.Errorf("evidence %.1f in a clean record, %.1f where 30 %% are usual; want %d between", clean.evidence, usual.evidence, suspected)
	}
	for range 6 {
		clean.weigh(noon, firstTry, false, true)
	}
	if clean.evidence >= suspected {
		t.Errorf("evidence %.1f after six that were accepted", clean.evidence)
	}
}

// TestOrdinals: connections that are refused first at the same ordinal have a cap, unless
// a message was accepted there, or none between: then it is a window that ended.
func TestOrdinals(t *testing.T) {
	later := noon.Add(time.Second)
	for _, test := range []struct {
		name     string
		passed   bool // a message was accepted at a lower ordinal meanwhile
		at       []int
		exceeded bool // one was accepted at a higher ordinal
		want     bool
	}{
		{"the same", true, []int{41, 41, 41}, false, true},
		{"different", true, []int{41, 38, 41}, false, false},
		{"nothing accepted meanwhile", false, []int{41, 41, 41}, false, false},
		{"others passed", true, []int{41, 41, 41}, true, false},
		{"low", true, []int{6, 6, 6}, false, false},
		{"low, again", true, []int{6, 6, 6, 6, 6}, false, true},
		{"first messages", true, slices.Repeat([]int{2}, sameFewOrdinals-1), false, false},
		{"first messages, again and again", true, slices.Repeat([]int{2}, sameFewOrdinals), false, true},
		{"the very first", true, slices.Repeat([]int{1}, 50), false, false},
	} {
		var c ordinals
		capped := false
		for k, ordinal := range test.at {
			_, capped = c.refusedAt(noon, ordinal)
			if test.exceeded && k == 1 {
				c.acceptedAt(later, 60)
			}
			if test.passed && k < len(test.at)-1 {
				c.acceptedAt(later, 1)
			}
		}
		if capped != test.want {
			t.Errorf("%s: capped %v", test.name, capped)
		}
	}
}

// TestCrowding: connections that end beside as many others have a cap; one that is opened
// beside so many proves that there is none.
func TestUnopened(t *testing.T) {
	var c unopened
	for k := range sameCrowd {
		if got, want := c.failed(3, &connectionCap{}), k == sameCrowd-1; got != want {
			t.Errorf("after %d: %v", k+1, got)
		}
	}
	c = unopened{}
	for range 3 * sameCrowd {
		if c.failed(3, &connectionCap{}) {
			t.Error("a cap of 3 where a fourth is opened now and then")
		}
		c.raised(4)
	}
}

// TestHotMailboxes: an address that is refused while others are accepted has a rate of
// its own; one that is refused with the others has not.
func TestHotMailboxes(t *testing.T) {
	refuse := func(others int) (hot bool) {
		var m hotMailboxes
		for range hotRefusals {
			_, hot = m.refused(noon, "hot@example.com")
			for range others {
				m.accepted("other@example.com")
			}
		}
		return hot
	}
	if !refuse(hotOthers) || refuse(0) {
		t.Errorf("hot with others accepted: %v, without: %v", refuse(hotOthers), refuse(0))
	}
}

// TestTrialTest: a rate at which as much is refused as before is vain, one at which
// nothing is refused helps.
func TestTrialTest(t *testing.T) {
	var same, none trialTest
	same.begin(noon, 0.2)
	none.begin(noon, 0.2)
	for k := range 100 {
		same.test(noon, k%5 == 0)
		none.test(noon, false)
	}
	if !same.vain() || same.helps() || none.vain() || !none.helps() {
		t.Errorf("as much refused: vain %v, helps %v; nothing refused: vain %v, helps %v", same.vain(), same.helps(), none.vain(), none.helps())
	}
}

// TestSamplesAcquitThePace: where messages from elsewhere in the queue are accepted at the
// same pace, the messages are the reason.
func TestSamplesAcquitThePace(t *testing.T) {
	var bad, limit samples
	for k := range 2 * enoughSamples {
		bad.sample(k%2 == 0, k%2 != 0)
		limit.sample(k%2 == 0, k%3 != 0)
	}
	if !bad.oneSided() || limit.oneSided() {
		t.Errorf("one-sided: a bad block %v, a limit %v", bad.oneSided(), limit.oneSided())
	}
}

// Messages that are refused while a limit is suspected, and have to wait for long, are noted
// where the suspicion is; so many, and for so long.
func TestWhatIsNotedAtASuspicion(t *testing.T) {
	for name, tt := range map[string]struct {
		job     Job[string]
		change  func(r *rig, i *inference)
		noted   int // at the destination
		through int // at the endpoint
	}{
		"a retrial":         {Job[string]{NotBefore: noon.Add(longestRelease)}, nil, 1, 0},
		"that is due soon":  {Job[string]{NotBefore: noon.Add(longestRelease - 1)}, nil, 0, 0},
		"that may go":       {Job[string]{}, nil, 0, 0},
		"one that is fresh": {Job[string]{NotBefore: noon.Add(time.Hour), Fresh: true}, nil, 0, 0},
		"while all is calm": {Job[string]{NotBefore: noon.Add(time.Hour)}, func(_ *rig, i *inference) { i.evidence = 0 }, 0, 0},
		"while it probes":   {Job[string]{NotBefore: noon.Add(time.Hour)}, func(_ *rig, i *inference) { i.evidence, i.phase = 0, probing }, 1, 0},
		"beside many":       {Job[string]{NotBefore: noon.Add(time.Hour)}, func(_ *rig, i *inference) { i.putOff = make([]postponable, mostPutOff-1); i.putOffAt = noon }, mostPutOff, 0},
		"beside too many":   {Job[string]{NotBefore: noon.Add(time.Hour)}, func(_ *rig, i *inference) { i.putOff = make([]postponable, mostPutOff); i.putOffAt = noon }, mostPutOff, 0},
		"the last long ago": {Job[string]{NotBefore: noon.Add(time.Hour)}, func(_ *rig, i *inference) { i.putOff = make([]postponable, 9); i.putOffAt = noon.Add(-putOffFor - 1) }, 1, 0},
		"the last in time":  {Job[string]{NotBefore: noon.Add(time.Hour)}, func(_ *rig, i *inference) { i.putOff = make([]postponable, 9); i.putOffAt = noon.Add(-putOffFor) }, 10, 0},
		"of the endpoint": {Job[string]{NotBefore: noon.Add(time.Hour)}, func(r *rig, i *inference) {
			i.evidence = 0
			r.endpoint("relay").state.inferred = &inference{suspicion: suspicion{evidence: 1}}
		}, 0, 1},
		"of nobody suspects": {Job[string]{NotBefore: noon.Add(time.Hour)}, func(r *rig, _ *inference) { r.destination("d").state.inferred = nil }, 0, 0},
	} {
		r := newRig(t, wide())
		tt.job.Destination, tt.job.Value = "d", "x"
		it := r.job(tt.job)
		r.destination("d").state = &scopeState{inferred: &inference{suspicion: suspicion{evidence: 1}}}
		r.endpoint("relay").state = &scopeState{}
		if tt.change != nil {
			tt.change(r, r.destination("d").inferred())
		}
		r.s.suspendLocked(r.now, it)
		for s, want := range map[*scope]int{&r.destination("d").scope: tt.noted, &r.endpoint("relay").scope: tt.through} {
			n := 0
			if i := s.inferred(); i != nil {
				n = len(i.putOff)
			}
			if n != want {
				t.Errorf("%s: %d are noted at the %v, want %d", name, n, s.kind, want)
			}
		}
	}
}

// TestALowRateOnTrialRises although a minute without refusals raises nothing that rises
// already: one message in two seconds is found.
func TestALowRateOnTrialRises(t *testing.T) {
	r, c := newInferenceRig(t)
	if accepted, refused := r.sends(c, 20*time.Minute, bucketOf(0.5, 1)); accepted < 490 || refused > 130 {
		t.Errorf("%d accepted of 600, and %d refused", accepted, refused)
	}
}
