package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func (r *rig) pushTo(mailbox, value string) *Item[string] {
	return r.job(Job[string]{Destination: "d", Mailbox: mailbox, Value: value, Fresh: true})
}

// hold has an address refuse, so that it is held for the first wait.
func (r *rig) hold(c *Conn[string], mailbox string) {
	r.Helper()
	r.pushTo(mailbox, "refused")
	r.refused(r.grant(c, "refused"), classify.StageRcpt, classify.LimitMailboxRate, 0)
}

func TestMailboxIsHeldAloneAndOthersPassIt(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "first")
	c := r.open("relay")
	r.exchange(c, "first")
	r.hold(c, "hot@d")
	hot := r.pushTo("hot@d", "hot 1")
	r.pushTo("hot@d", "hot 2")
	r.pushTo("cold@d", "cold")
	r.push("d", "nobody")
	r.exchange(c, "cold")
	r.exchange(c, "nobody")
	r.none(c, blindWait)
	r.pass(blindWait)
	g := r.grant(c, "hot 1")
	r.none(c, 0) // one probe at a time
	r.accepted(g)
	if r.s.Remove(r.now, hot) {
		t.Error("what was sent could be removed")
	}
	b := r.destination("d").boxes.by["hot@d"]
	r.none(c, b.rate.next.Sub(r.now))
	r.now = b.rate.next
	r.exchange(c, "hot 2")
}

func TestMailboxFindsItsRate(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	to := &bucketReceiver{rate: 1, burst: 5, tokens: 5}
	widen(9, &r.endpoint("relay").scope)
	for range 700 {
		r.pushTo("hot@d", "x")
	}
	widen(9, &r.destination("d").scope)
	tries, refused := 0, 0
	for r.now.Sub(noon) < 10*time.Minute {
		g, again := askNext(c, r.now)
		if g == nil {
			r.now = again
			continue
		}
		tries++
		g.Wrote(r.now)
		o := Outcome{Accepted: 1}
		if !to.admits(r.now.Sub(noon).Seconds()) {
			refused++
			o = Outcome{Stage: classify.StageRcpt, Verdict: throttled(classify.LimitMailboxRate, 0), Err: errRefused}
			r.pushTo("hot@d", "x")
		}
		r.pass(10 * time.Millisecond)
		g.Done(r.now, o)
	}
	if accepted := tries - refused; refused > tries/50 || accepted < 570 {
		t.Errorf("%d of %d tries refused, %d accepted of the 600 that were allowed", refused, tries, accepted)
	}
}

func TestMailboxHintIsObeyed(t *testing.T) {
	r := newRig(t, wide())
	r.pushTo("hot@d", "x")
	c := r.open("relay")
	r.refused(r.grant(c, "x"), classify.StageRcpt, classify.LimitMailboxRate, 5*time.Minute)
	r.pushTo("hot@d", "y")
	r.none(c, 5*time.Minute)
	r.pass(5 * time.Minute)
	r.exchange(c, "y")
}

func TestRemoveAndRenderedOfWhatStandsAside(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "first")
	c := r.open("relay")
	r.exchange(c, "first")
	r.hold(c, "hot@d")
	one, two := r.pushTo("hot@d", "1"), r.pushTo("hot@d", "2")
	r.pushTo("hot@d", "3")
	r.none(c, blindWait)
	if !r.s.Remove(r.now, one) {
		t.Error("what stands aside cannot be removed")
	}
	r.s.Rendered(r.now, two)
	r.none(c, blindWait)
	r.pass(blindWait)
	r.askReady("relay") // 2 comes back
	if !r.s.Remove(r.now, two) {
		t.Error("what has come back cannot be removed")
	}
	r.exchange(c, "3")
}

func TestMailboxGrantReturnedGoesAgain(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "first")
	c := r.open("relay")
	r.exchange(c, "first")
	r.hold(c, "hot@d")
	r.pushTo("hot@d", "1")
	r.none(c, blindWait)
	r.pass(blindWait)
	r.grant(c, "1").Return(r.now)
	r.pushTo("hot@d", "1 again")
	r.exchange(c, "1 again")
}

// TestManyMailboxesAtOnceAreTheRateOfAll when each says that it gets too much.
func TestManyMailboxesAtOnceAreTheRateOfAll(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	for i := range manyMailboxes {
		mailbox := fmt.Sprintf("box%d@d", i)
		r.pushTo(mailbox, mailbox)
		r.refused(r.grant(c, mailbox), classify.StageRcpt, classify.LimitMailboxRate, 0)
		if learned := r.destination("d").learned() != nil; learned != (i == manyMailboxes-1) {
			t.Fatalf("after %d addresses the destination has learned: %v", i+1, learned)
		}
	}
	r.pushTo("another@d", "x")
	r.none(c, blindWait)
}

func TestMailboxesAreForgotten(t *testing.T) {
	var m mailboxes[int]
	for i := range mostMailboxes {
		if m.add(noon, fmt.Sprint(i)) == nil {
			t.Fatalf("number %d is too many", i+1)
		}
	}
	if m.add(noon, "one more") != nil {
		t.Error("there is no end to them")
	}
	if m.refuse(noon, noon, "one more", 0) || !m.refuse(noon, noon, "1", 0) || m.has("one more") {
		t.Error("a refusal of one more is noted, or one of a known address is not")
	}
	if late := noon.Add(mailboxLife + 1); m.add(late, "later") == nil || len(m.by) != 1 || m.stale(late) || !m.stale(late.Add(mailboxLife+1)) {
		t.Errorf("%d are left", len(m.by))
	}
}

// TestWhoseTurnItIsAtAMailbox: that of the item that is back; without one, of anybody, if
// nobody waits there and the pace allows it.
func TestWhoseTurnItIsAtAMailbox(t *testing.T) {
	it, other := &Item[string]{}, &Item[string]{}
	for _, tt := range []struct {
		name string
		box  mailbox[string]
		want bool
	}{
		{"nobody waits", mailbox[string]{}, true},
		{"one waits", mailbox[string]{lot: lot[string]{parked: itemList[string]{n: 1}}}, false},
		{"it is back", mailbox[string]{lot: lot[string]{unparked: it, parked: itemList[string]{n: 1}}}, true},
		{"another is back", mailbox[string]{lot: lot[string]{unparked: other}}, false},
		{"not yet", mailbox[string]{rate: rateEstimate{next: noon.Add(1)}}, false},
		{"now", mailbox[string]{rate: rateEstimate{next: noon}}, true},
	} {
		if got := tt.box.mayGo(noon, it); got != tt.want {
			t.Errorf("%s: it may go: %v", tt.name, got)
		}
	}
}
