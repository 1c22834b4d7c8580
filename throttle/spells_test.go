package throttle

import (
	"strconv"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestSpellsOfMessages: a spell shows the limit of a receiver when as many were let in as in
// the one before, in about the same time, and much of that time was shut.
func TestSpellsOfMessages(t *testing.T) {
	type spell struct {
		n           int
		shut, until time.Duration // from its beginning: of the first refusal, and of the next spell
	}
	minute := spell{5, 10 * time.Second, time.Minute}
	for _, test := range []struct {
		name   string
		spells []spell
		alike  int
		want   Quota
	}{
		{"one", []spell{minute}, 1, Quota{}},
		{"two alike", []spell{minute, minute}, 2, Quota{Count: 5, Per: time.Minute}},
		{"a longer one", []spell{minute, {5, 10 * time.Second, 77 * time.Second}}, 2, Quota{Count: 5, Per: time.Minute}},
		{"a shorter one", []spell{minute, {5, 10 * time.Second, 47 * time.Second}}, 2, Quota{Count: 5, Per: 47 * time.Second}},
		{"far longer", []spell{minute, {5, 10 * time.Second, 79 * time.Second}}, 1, Quota{}},
		{"far shorter", []spell{minute, {5, 10 * time.Second, 45 * time.Second}}, 1, Quota{}},
		{"one more", []spell{minute, {6, 10 * time.Second, time.Minute}}, 1, Quota{}},
		{"one more of many", []spell{{8, 10 * time.Second, time.Minute}, {9, 10 * time.Second, time.Minute}}, 2, Quota{Count: 9, Per: time.Minute}},
		{"one fewer of many", []spell{{9, 10 * time.Second, time.Minute}, {8, 10 * time.Second, time.Minute}}, 2, Quota{Count: 9, Per: time.Minute}},
		{"hardly shut", []spell{minute, {5, 44 * time.Second, time.Minute}}, 1, Quota{}},
		{"shut for a third", []spell{minute, {5, 40 * time.Second, time.Minute}}, 2, Quota{Count: 5, Per: time.Minute}},
		{"short", []spell{{5, 100 * time.Millisecond, 900 * time.Millisecond}, {5, 100 * time.Millisecond, 900 * time.Millisecond}}, 1, Quota{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s spells
			var got Quota
			now := noon
			for _, sp := range test.spells {
				for range sp.n {
					s.letIn(now, now, regularly)
				}
				for at := range endsSpell { // evenly, the last just before the next spell
					s.refused(now.Add(sp.shut + time.Duration(at)*(sp.until-sp.shut-time.Millisecond)/(endsSpell-1)))
				}
				now = now.Add(sp.until)
				got = s.letIn(now, now, regularly)
				s.n-- // it is the first of the next
			}
			if got != test.want || s.alike != test.alike {
				t.Errorf("got %+v behind %d alike, want %+v behind %d", got, s.alike, test.want, test.alike)
			}
		})
	}
}

// TestStuckMailboxesAreNoRhythm: each minute some mail is accepted, and then mailboxes that
// were refused before are refused again, all for a while. That is no limit of the others.
func TestStuckMailboxesAreNoRhythm(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.job(Job[string]{Destination: "d", Value: "later", NotBefore: r.now.Add(time.Hour)}) // so that it is not forgotten
	later := Outcome{Stage: classify.StageRcpt, Err: errRefused, Verdict: classify.Verdict{Recipient: classify.RecipientLater}}
	for range 8 {
		for i := range 5 {
			r.pushTo("good"+strconv.Itoa(i), "new")
			r.exchange(c, "new")
		}
		r.pass(10 * time.Second)
		for i := range 8 {
			r.job(Job[string]{Destination: "d", Mailbox: "stuck" + strconv.Itoa(i), Value: "old"})
			g := r.grant(c, "old")
			g.Wrote(r.now)
			g.Asked(r.now)
			g.Done(r.now, later)
			r.pass(5 * time.Second)
		}
		r.pass(10 * time.Second)
	}
	if i := r.destination("d").inferred(); i == nil || i.rhythm.alike >= leastRegular {
		t.Errorf("%+v", i)
	}
}
