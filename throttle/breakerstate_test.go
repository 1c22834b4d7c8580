package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// blameOf returns a refusal at MAIL of one recipient, at noon.
func blameOf(message uint64) blame {
	return blame{begun: noon, message: message, recipients: 1, sender: "s", early: true, to: "d", reason: errDenied}
}

// TestTheRunThatOpensDependsOnTheShareAccepted: where a part is refused all the
// time, a longer run says that something has changed. Where next to nothing is accepted, a
// short one of further tries is enough.
func TestTheRunThatOpensDependsOnTheShareAccepted(t *testing.T) {
	for _, test := range []struct {
		share   float64
		counted int
		again   bool
		want    int
	}{
		{1, 64, true, 10}, {0.8, 64, true, 14}, {0.5, 64, true, 26}, {0.1, 64, true, 74}, {0.05, 64, true, 30}, {0, 64, true, 10},
		{0, 44, true, 20}, {0.1, 64, false, 154}, {0.05, 64, false, 200}, {0, 64, false, 200},
	} {
		b := breaker[string]{share: test.share, counted: test.counted}
		opens := 0
		for i := 1; opens == 0 && i <= 300; i++ {
			l := blameOf(uint64(i))
			l.again = test.again
			if b.refused(l) {
				opens = i
			}
		}
		if opens != test.want {
			t.Errorf("%.0f %% of %d accepted, further tries: %v: it opens after %d, want %d", 100*test.share, test.counted, test.again, opens, test.want)
		}
	}
	var b breaker[string]
	s := newRig(t, wide()).s
	for i := range breakAfter {
		if got := b.refused(blameOf(s.numberOf(0))); got != (i == breakAfter-1) { // messages of which nothing is known
			t.Errorf("unknown messages, refusal %d: it opens: %v", i+1, got)
		}
	}
}

// TestARunIsOfThreeMessages at least.
func TestARunIsOfThreeMessages(t *testing.T) {
	var b breaker[string]
	for i := range 50 {
		if b.refused(blameOf(uint64(1 + i%2))) {
			t.Fatal("two messages open it")
		}
	}
	if !b.refused(blameOf(3)) {
		t.Error("the third does not")
	}
	b.since = noon
	if b.refused(blameOf(4)) {
		t.Error("it opens while it is open")
	}
}

// TestUnansweredDotsOpenItThoughSomeAreAccepted, and when it opens again soon its gaps
// go on.
func TestUnansweredDotsOpenItThoughSomeAreAccepted(t *testing.T) {
	lost := func(message uint64, at time.Time) blame {
		l := blameOf(message)
		l.ambiguous, l.begun = true, at
		return l
	}
	var b breaker[string]
	now, opened := noon, 0
	for i := range 300 {
		now = now.Add(time.Second)
		if i%10 == 9 {
			b.accepted(now)
			continue
		}
		if b.refused(lost(uint64(i), now)) {
			opened++
			b.opens(now)
		}
	}
	if opened < 20 || now.Sub(b.since) < 4*time.Minute {
		t.Errorf("it opened %d times, and is open for %v", opened, now.Sub(b.since))
	}
	for range 3 {
		now = now.Add(time.Second)
		b.refused(lost(1, now))
		b.accepted(now)
	}
	if b.losesDots() {
		t.Errorf("%v of the dots go unanswered when half of them are", b.ambiguous)
	}
	b = breaker[string]{opened: noon, closed: noon.Add(time.Hour), ambiguous: 1}
	if b.opens(noon.Add(2 * time.Hour)); !b.since.Equal(noon.Add(2 * time.Hour)) {
		t.Errorf("an hour later it is open since %v", b.since)
	}
}

// TestTheShareAcceptedIsOfLate: 64 transactions are averaged over.
func TestTheShareAcceptedIsOfLate(t *testing.T) {
	var b breaker[string]
	if b.accepted(noon); b.share != 1 {
		t.Errorf("after one that was accepted the share is %v", b.share)
	}
	for i := range 1000 {
		b.average(float64(i % 2))
	}
	if b.share < 0.45 || b.share > 0.55 || b.counted != shareOver {
		t.Errorf("of every second the share is %v over %d", b.share, b.counted)
	}
	for range shareOver {
		b.average(1)
	}
	if b.share < 0.75 || b.share > 0.85 { // 1 - (1-1/64)^64 / 2
		t.Errorf("after 64 accepted it is %v, want about 0.82", b.share)
	}
}

// TestDoubtsBeginAtTheSixth recipient in a row, or where most are refused.
func TestDoubtsBeginAtTheSixth(t *testing.T) {
	var none *breaker[string]
	if none.doubts() {
		t.Error("what was never refused is doubted")
	}
	var b breaker[string]
	for i := 1; i <= 7; i++ {
		b.refused(blameOf(1))
		b.counted = 0 // as if most were accepted
		if got := b.doubts(); got != (i > doubtAfter) {
			t.Errorf("after %d recipients in a row: doubted %v", i, got)
		}
	}
	for _, test := range []struct {
		share   float64
		counted int
		want    bool
	}{{0.49, 6, true}, {0.5, 6, false}, {0.49, 5, false}, {0, 64, true}, {1, 64, false}} {
		b := breaker[string]{share: test.share, counted: test.counted}
		if got := b.doubts(); got != test.want {
			t.Errorf("%.0f %% of %d accepted: doubted %v", 100*test.share, test.counted, got)
		}
	}
	open := breaker[string]{since: noon}
	if !open.doubts() {
		t.Error("while it is open nothing is doubted")
	}
}

// TestWhatClosesABreaker is a transaction that began with the run or later.
func TestWhatClosesABreaker(t *testing.T) {
	var none *breaker[string]
	if none.accepted(noon) {
		t.Error("none is closed")
	}
	for _, test := range []struct {
		begun time.Time
		quiet bool
		want  bool
		ends  bool
	}{
		{noon.Add(-time.Nanosecond), false, false, false}, {noon, false, true, true}, {noon.Add(time.Hour), false, true, true}, {noon, true, false, true},
	} {
		b := breaker[string]{share: 0.5, counted: 10, quiet: test.quiet}
		b.refused(blameOf(1))
		b.since = noon
		if got := b.accepted(test.begun); got != test.want || b.open() == test.ends || (b.run == 0) != test.ends {
			t.Errorf("%+v: told %v, open %v, run %d", test, got, b.open(), b.run)
		}
		if b.counted != 12 {
			t.Errorf("%+v: the share is over %d, want 12", test, b.counted)
		}
	}
	closed := breaker[string]{}
	closed.refused(blameOf(1))
	if closed.accepted(noon) {
		t.Error("one that was not open is told to be closed")
	}
}

// TestWhoARunConcerns: three refusals up to MAIL or three destinations concern the
// endpoint; a run of one sender is that sender's.
func TestWhoARunConcerns(t *testing.T) {
	var none *breaker[string]
	if none.only() != "" || none.blamed() || none.open() || none.holds(noon) {
		t.Error("what was never refused has a run")
	}
	for _, test := range []struct {
		early        int
		destinations int
		again        int // refusals of the last destination once more
		want         bool
	}{{2, 0, 0, false}, {3, 0, 0, true}, {2, 2, 9, false}, {0, 3, 0, true}, {0, 1, 9, false}} {
		var b breaker[string]
		for range test.early {
			b.refused(blameOf(1))
		}
		for i := range test.destinations + test.again {
			l := blameOf(1)
			l.early, l.to = false, fmt.Sprint("d", min(i, test.destinations-1))
			b.refused(l)
		}
		if got := b.concernsAll(); got != test.want {
			t.Errorf("%+v: concerns all: %v", test, got)
		}
		if b.only() != "s" || !b.blamed() {
			t.Errorf("%+v: the sender is %q", test, b.only())
		}
		l := blameOf(2)
		l.sender = "other"
		if b.refused(l); b.only() != "" {
			t.Errorf("%+v: of two senders, only %q", test, b.only())
		}
	}
}

// TestGapsBetweenProbes are an eighth of the time since it opened, from a second to
// half an hour, up to a fifth longer, and not shorter than what the reply asks for.
func TestGapsBetweenProbes(t *testing.T) {
	s := newRig(t, wide()).s
	for _, test := range []struct{ open, hint, want time.Duration }{
		{0, 0, time.Second}, {8 * time.Second, 0, time.Second}, {80 * time.Second, 0, 10 * time.Second}, {4 * time.Hour, 0, 30 * time.Minute},
		{100 * time.Hour, 0, 30 * time.Minute}, {0, time.Minute, time.Minute}, {0, 5 * time.Hour, 30 * time.Minute}, {80 * time.Second, time.Second, 10 * time.Second},
	} {
		for range 50 {
			b := breaker[string]{since: noon}
			now := noon.Add(test.open)
			s.restLocked(now, &b, test.hint)
			if gap := b.until.Sub(now); gap < test.want || gap > test.want*12/10 {
				t.Errorf("open for %v, hint %v: the gap is %v, want %v to a fifth more", test.open, test.hint, gap, test.want)
			}
			if !b.holds(b.until.Add(-time.Nanosecond)) || b.holds(b.until) || !b.nextProbe().Equal(b.until) {
				t.Error("it does not hold until then")
			}
			b.probing = true
			if !b.holds(b.until) || !b.nextProbe().IsZero() {
				t.Error("there are two probes at a time")
			}
		}
	}
}

// TestAProbeThatSaysNothingIsFollowedByAnother, a second later: its message was
// refused for what it is.
func TestAProbeThatSaysNothingIsFollowedByAnother(t *testing.T) {
	for name, o := range map[string]Outcome{
		"a mailbox":    {Stage: classify.StageRcpt, Verdict: classify.Verdict{Class: classify.ClassBadMailbox}, Err: errRefused},
		"nothing said": {},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, wide())
			c := r.open("relay")
			r.blames(c, breakAfter, classify.StageMail, "s", "d")
			r.pass(time.Hour)
			r.job(Job[string]{Destination: "d", Value: "m", Sender: "s"})
			r.job(Job[string]{Destination: "d", Value: "m", Sender: "s"})
			g := r.grant(c, "m")
			g.Wrote(r.now)
			g.Done(r.now, o)
			if !r.endpoint("relay").breaker.open() {
				t.Fatal("it is closed")
			}
			r.none(c, firstGap)
			r.pass(firstGap)
			r.exchange(c, "m")
		})
	}
}

// TestLostConnectionsAreOpenedOneAtATime: after three that were gone at their next
// message, only one is opened until one that began later has carried a message.
func TestLostConnectionsAreOpenedOneAtATime(t *testing.T) {
	r := newRig(t, wide())
	for range 10 {
		r.push("d", "m")
	}
	c := r.open("relay")
	e := r.endpoint("relay")
	widen(20, &e.scope, &r.destination("d").scope)
	old := r.grant(c, "m") // began before the first was lost
	for range 4 {
		r.open("relay")
	}
	other := r.open("relay")
	for i := range breakKinds {
		r.pass(time.Millisecond)
		r.opening("relay").Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
		g := r.grant(other, "m")
		g.Wrote(r.now)
		g.Done(r.now, Outcome{}) // nothing was judged
		first := r.opening("relay")
		second, _ := r.s.Open(r.now, "relay")
		if enough := second == nil; enough != (i == breakKinds-1) {
			t.Errorf("after %d were lost a second is opened: %v", i+1, !enough)
		}
		for _, c := range []*Conn[string]{first, second} {
			if c != nil {
				c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
			}
		}
	}
	r.accepted(old)
	if e.lost == 0 {
		t.Error("a message that began before counts")
	}
	r.exchange(other, "m")
	if r.opening("relay"); e.lost != 0 {
		t.Error("a message that was accepted does not count")
	}
	r.opening("relay")
}

// TestSuspicionGrowsToAll: an endpoint that suspects some destinations rests for
// all when three messages are refused at MAIL.
func TestSuspicionGrowsToAll(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.blames(c, breakAfter, classify.StageRcpt, "s", "d%d")
	e := r.endpoint("relay")
	for i := range breakKinds {
		if !e.suspects() || e.rests() {
			t.Fatalf("after %d refused at MAIL it suspects %v, rests %v", i, e.suspects(), e.rests())
		}
		r.pass(time.Hour)
		r.job(Job[string]{Destination: fmt.Sprint("new", i), Value: "m", Sender: "s"})
		r.blame(r.grant(c, "m"), classify.StageMail)
	}
	if e.suspects() || !e.rests() {
		t.Errorf("it suspects %v, rests %v; want rest for all", e.suspects(), e.rests())
	}
}

// TestNewcomersComeOneAtATime while an endpoint suspects others, a second apart.
func TestNewcomersComeOneAtATime(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.blames(c, breakAfter, classify.StageRcpt, "s", "d%d")
	widen(5, &r.endpoint("relay").scope)
	other := r.open("relay")
	for i := range 3 {
		r.job(Job[string]{Destination: fmt.Sprint("new", i), Value: "new", Sender: "s"})
	}
	r.ready("relay", 1, 0)
	g := r.grant(c, "new")
	if second, _ := askNext(other, r.now); second != nil {
		t.Fatal("two go at a time")
	}
	g.Wrote(r.now)
	g.Done(r.now, Outcome{Stage: classify.StageRcpt, Verdict: classify.Verdict{Class: classify.ClassBadMailbox}, Err: errRefused})
	r.none(other, firstGap)
	r.pass(firstGap)
	r.grant(other, "new").Return(r.now)
	r.pass(firstGap)
	r.exchange(c, "new")
	if r.endpoint("relay").breaker.open() {
		t.Error("it suspects others though it accepts mail")
	}
}

// TestASenderIsKeptApartNoLonger than its breaker is open, at each endpoint.
func TestASenderIsKeptApartNoLonger(t *testing.T) {
	r := newRig(t, wide())
	conns := map[string]*Conn[string]{}
	for _, name := range []string{"a", "b"} {
		path := Through(name)
		conns[name] = r.open(name)
		r.job(Job[string]{Destination: "d", Path: path, Value: "good", Sender: "good"})
		for range breakAfter + 1 {
			r.job(Job[string]{Destination: "d", Path: path, Value: "bad", Sender: "bad"})
		}
		for refused := 0; refused < breakAfter; r.pass(time.Millisecond) {
			r.job(Job[string]{Destination: "d", Path: path, Value: "good", Sender: "good"})
			g, _ := askNext(conns[name], r.now)
			if g == nil || g.Value() == "good" {
				r.accepted(g)
				continue
			}
			r.blame(g, classify.StageMail)
			refused++
		}
	}
	if got := r.s.split["bad"]; got != 2 {
		t.Fatalf("%d endpoints keep it apart, want 2", got)
	}
	for i, name := range []string{"a", "b"} {
		r.pass(2 * longestGap)
		bad := false
		for range breakAfter + 1 {
			if g, _ := askNext(conns[name], r.now); g != nil {
				bad = bad || g.Value() == "bad"
				r.accepted(g)
			}
		}
		if !bad || r.s.split["bad"] != 1-i {
			t.Errorf("%s accepts it: sent %v, %d keep it apart, want %d", name, bad, r.s.split["bad"], 1-i)
		}
	}
	if len(r.s.split) > 0 {
		t.Errorf("%v is kept", r.s.split)
	}
}

// TestForgettingASenderClosesItsBreaker: its mail goes with all other again.
func TestForgettingASenderClosesItsBreaker(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.job(Job[string]{Destination: "d", Value: "good", Sender: "good"})
	for range breakAfter {
		r.job(Job[string]{Destination: "d", Value: "bad", Sender: "bad"})
	}
	r.exchange(c, "good")
	for range breakAfter {
		r.job(Job[string]{Destination: "d", Value: "good", Sender: "good"})
		r.blame(r.grant(c, "bad"), classify.StageMail)
	}
	if len(r.s.split) != 1 {
		t.Fatal("it is not kept apart")
	}
	r.s.Forget(r.now, "relay")
	if len(r.s.split) != 0 || r.endpoint("relay").bySender != nil {
		t.Errorf("after Forget %v is kept apart", r.s.split)
	}
}

// TestAnotherEndpointOfTheLevelTriesFirst what one has refused for a reason that is
// not the message's; the second refusal ends that.
func TestAnotherEndpointOfTheLevelTriesFirst(t *testing.T) {
	for _, test := range []struct {
		name  string
		set   func(r *rig)
		twice bool
		want  string // the endpoint that may take it
	}{
		{"both serve", func(*rig) {}, false, "b"},
		{"refused twice", func(*rig) {}, true, "a"},
		{"the other rests", func(r *rig) {
			r.failed(r.opening("b"), classify.StageConnect, classify.Verdict{})
		}, false, "a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			path, err := NewPath(OverflowDown, []Hop{{Endpoint: "a"}, {Endpoint: "b"}})
			if err != nil {
				t.Fatal(err)
			}
			r.job(Job[string]{Destination: "x", Path: path, Value: "first"})
			a := r.open("a")
			r.exchange(a, "first")
			test.set(r)
			r.job(Job[string]{Destination: "d", Path: path, Value: "m", RefusedBy: "a", RefusedTwice: test.twice, NotBefore: r.now.Add(time.Hour)})
			c, wait := a, time.Hour
			if test.want == "b" { // at once, for b has not refused it
				r.none(a, 0)
				c, wait = r.open("b"), firstGap
			}
			r.none(c, wait)
			r.pass(wait)
			r.exchange(c, "m")
		})
	}
}

// TestWhatTheRunPutOffWaitsForTheBreakerAlone: messages that opened it, and were to
// be tried again in hours, go as soon as it is closed. One that was refused before
// the last acceptance is no part of the run.
func TestWhatTheRunPutOffWaitsForTheBreakerAlone(t *testing.T) {
	for stage, destinations := range map[classify.Stage][]string{classify.StageMail: {"d", "e"}, classify.StageRcpt: {"d"}} {
		t.Run(stage.String(), func(t *testing.T) { testPutOff(t, stage, destinations) })
	}
}

func testPutOff(t *testing.T, stage classify.Stage, destinations []string) {
	r := newRig(t, wide())
	c := r.open("relay")
	turns := 0
	refused := func(value string) {
		turns++
		to := destinations[(turns-1)%len(destinations)]
		r.pass(time.Millisecond)
		r.job(Job[string]{Destination: to, Value: "m", Sender: "s"})
		r.blame(r.grant(c, "m"), stage)
		if value == "before" {
			r.push(to, "fine")
			r.exchange(c, "fine")
		}
		r.job(Job[string]{Destination: to, Value: value, Sender: "s", NotBefore: r.now.Add(10 * time.Hour), RefusedBy: "relay"})
	}
	refused("before")
	run := 0
	for ; !r.endpoint("relay").breaker.open() && !r.destination("d").bars.of("relay").open(); run++ {
		refused("run")
	}
	r.pass(2 * firstGap)
	for range run {
		r.exchange(c, "run")
	}
	if g, _ := askNext(c, r.now); g != nil {
		t.Errorf("got %q, whose time has not come", g.Value())
	}
	r.pass(10 * time.Hour)
	r.exchange(c, "before")
}

// TestFewComeAfterABlock: the concurrency of an endpoint begins anew when its breaker
// opens, and another endpoint that waits is woken for the mail.
func TestFewComeAfterABlock(t *testing.T) {
	r := newRig(t, wide())
	path := Through("relay", "other")
	r.job(Job[string]{Destination: "d", Path: path, Value: "m", Sender: "s"})
	c := r.open("relay")
	widen(5, &r.endpoint("relay").scope, &r.destination("d").scope)
	waits := r.open("other")
	if g, _ := waits.Next(r.now); g != nil {
		t.Fatal("the second endpoint serves while the first does")
	}
	r.blame(r.grant(c, "m"), classify.StageMail)
	for !r.endpoint("relay").breaker.open() {
		r.settled()
		r.pass(time.Millisecond)
		r.job(Job[string]{Destination: "d", Path: path, Value: "m", Sender: "s"})
		r.job(Job[string]{Destination: "e", Path: path, Value: "m", Sender: "s"})
		r.settled()
		r.blame(r.grant(c, "m"), classify.StageMail)
	}
	if n := r.endpoint("relay").concurrency; n != 1 {
		t.Errorf("the concurrency is %d after a block", n)
	}
	if h := r.driven(); len(h.woken) != 1 || h.woken[0] != waits {
		t.Errorf("%+v: want the connection to the other endpoint woken", h)
	}
}

// TestOneSenderOpensNoBreakerOfADestination: where there are several, mail of the
// others for the destination goes on, though one is refused there from RCPT on. That one
// is probed there, and its mail for other destinations goes on.
func TestOneSenderOpensNoBreakerOfADestination(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.job(Job[string]{Destination: "other", Value: "good", Sender: "good"})
	r.exchange(c, "good")
	narrow := func() *breaker[string] { return r.destination("d").bars.ofSender("relay", "bad") }
	for n := 0; n == 0 || !narrow().open(); n++ {
		if n == 3*breakAfter {
			t.Fatalf("nothing has opened after %d refusals", n)
		}
		r.job(Job[string]{Destination: "other", Value: "waits", Sender: "good", NotBefore: r.now.Add(time.Hour)})
		r.pass(time.Millisecond)
		r.job(Job[string]{Destination: "d", Value: "bad", Sender: "bad"})
		r.blame(r.grant(c, "bad"), classify.StageRcpt)
	}
	for range breakAfter {
		r.job(Job[string]{Destination: "d", Value: "bad", Sender: "bad"})
	}
	for range breakAfter {
		r.job(Job[string]{Destination: "d", Value: "good", Sender: "good"})
		r.exchange(c, "good")
		r.job(Job[string]{Destination: "other", Value: "its mail elsewhere", Sender: "bad"})
		r.exchange(c, "its mail elsewhere")
	}
	if r.destination("d").bars.of("relay").open() || r.endpoint("relay").bySender["bad"].open() || r.s.split["bad"] != 1 {
		t.Errorf("the destination's or the sender's breaker is open, %d for the sender", r.s.split["bad"])
	}
	r.pass(2 * firstGap)
	r.exchange(c, "bad")
	if narrow().open() || len(r.s.split) > 0 {
		t.Error("it is open after a probe was accepted")
	}
	for range breakAfter - 1 {
		r.exchange(c, "bad")
	}
}

// TestForgottenDestinationsKeepNoSenderApart: with the breakers of a destination goes
// what they have kept apart.
func TestForgottenDestinationsKeepNoSenderApart(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.job(Job[string]{Destination: "other", Value: "waits", Sender: "good", NotBefore: r.now.Add(time.Hour)})
	for range breakAfter {
		r.blames(c, 1, classify.StageRcpt, "bad", "d")
	}
	if !r.destination("d").bars.ofSender("relay", "bad").open() || r.s.split["bad"] != 1 {
		t.Fatal("it is not open")
	}
	r.s.Forget(r.now, "d")
	if r.destination("d").bars.ofSender("relay", "bad").open() || len(r.s.split) > 0 {
		t.Errorf("it is kept apart still: %v", r.s.split)
	}
}

// TestWhatIsRefusedAtTimesIsRemembered: a destination or a sender of which every
// second message is refused needs a longer run, though others were accepted between.
func TestWhatIsRefusedAtTimesIsRemembered(t *testing.T) {
	for _, test := range []struct {
		name  string
		stage classify.Stage
		open  func(r *rig) bool
	}{
		{"a destination", classify.StageRcpt, func(r *rig) bool { return r.destination("d").bars.of("relay").open() }},
		{"a sender", classify.StageMail, func(r *rig) bool { return r.endpoint("relay").bySender["s"].open() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			c := r.open("relay")
			if test.name == "a sender" { // where there are several
				r.job(Job[string]{Destination: "other", Value: "waits", Sender: "other", NotBefore: r.now.Add(10 * time.Hour)})
			}
			for i := range 60 {
				r.pass(time.Millisecond)
				r.job(Job[string]{Destination: "d", Value: "m", Sender: "s"})
				if g := r.grant(c, "m"); i%2 == 0 {
					r.blame(g, test.stage)
				} else {
					r.accepted(g)
				}
			}
			run := 0
			for ; !test.open(r) && run < 100; run++ {
				r.blames(c, 1, test.stage, "s", "d")
			}
			if run < breakAfter+breakFactor/2 || run > breakAfter+2*breakFactor {
				t.Errorf("it opens after %d in a row, want about %d", run, breakAfter+breakFactor)
			}
		})
	}
}
