package throttle

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// storm is a receiver that gives one answer for ever, and a sender that pushes
// what is left of a delivery again at once.
type storm struct {
	recipients int
	stage      classify.Stage
	verdict    classify.Verdict
	fresh      bool // every try has a connection of its own
	conns      int

	begun []time.Time // of all tries
}

// answer ends a grant with the answer of the receiver and pushes its recipients
// again, and those that it left.
func (st *storm) answer(r *rig, g *Grant[string], tries *Tries, left int) *Tries {
	n := g.Recipients()
	o := Outcome{Stage: st.stage, Verdict: st.verdict, Err: errRefused}
	if st.stage >= classify.StageData {
		o.Recipients = n
	}
	g.Wrote(r.now)
	g.Asked(r.now)
	r.now = r.now.Add(10 * time.Millisecond)
	g.Done(r.now, o)
	if tries == nil {
		tries = NewTries(r.now, n+left)
	}
	for _, part := range []int{n, left} {
		if part > 0 {
			r.s.Push(r.now, Job[string]{Destination: "d", Path: Through("relay"), Value: fmt.Sprint(part), Recipients: part, Tries: tries})
		}
	}
	return tries
}

// rage sends one delivery for a virtual hour and notes every try.
func (st *storm) rage(t *testing.T) {
	r := newRig(t, wide())
	end := r.now.Add(time.Hour)
	r.s.Push(r.now, Job[string]{Destination: "d", Path: Through("relay"), Value: fmt.Sprint(st.recipients), Recipients: st.recipients, Fresh: true})
	var conns []*Conn[string]
	var tries *Tries
	for r.now.Before(end) {
		if c, _ := r.askOpen("relay"); c != nil && len(conns) < st.conns {
			c.Established(r.now)
			conns = append(conns, c)
		}
		again := r.now.Add(time.Second)
		for i := 0; i < len(conns); i++ {
			c := conns[i]
			g, at := askNext(c, r.now)
			if g != nil {
				size := 0
				fmt.Sscan(g.Value(), &size)
				st.begun = append(st.begun, r.now)
				tries = st.answer(r, g, tries, size-g.Recipients())
				again = r.now
			} else if !at.IsZero() && at.Before(again) {
				again = at
			}
			if g != nil && (st.fresh || st.verdict.Connection >= classify.ConnQuit) || retires(c) {
				c.Closed(r.now, 0, classify.Verdict{}, nil)
				conns = append(conns[:i], conns[i+1:]...)
				i--
			}
		}
		if !again.After(r.now) {
			again = r.now.Add(time.Microsecond)
		}
		r.now = again
	}
}

// check holds the bound: tries without a wait, and all of an hour.
func (st *storm) check(t *testing.T) {
	t.Helper()
	st.rage(t)
	allowed, hasty := 8+bits.Len(uint(st.recipients))-1, 0
	for i, at := range st.begun {
		if i == 0 || at.Sub(st.begun[i-1]) < time.Second {
			hasty++
		}
	}
	most := allowed + 66 // the probes of an outage, or a gap that doubles to a minute
	least := 2
	if st.verdict.Limit == classify.LimitQuota { // stops for the hour
		least = 1
	}
	if hasty > allowed || len(st.begun) > most || len(st.begun) < least {
		t.Errorf("%d recipients, refused at %v with %+v, fresh %v, %d connections: %d tries without a wait, %d in an hour; want at most %d and from %d to %d",
			st.recipients, st.stage, st.verdict, st.fresh, st.conns, hasty, len(st.begun), allowed, least, most)
	}
}

// stormStages are the stages at which a recipient can be refused.
var stormStages = []classify.Stage{classify.StageMail, classify.StageRcpt, classify.StageData, classify.StageDot}

// TestInvariant7NoTryAtTheSpeedOfTheWire refuses a delivery for an hour in every
// way. What pushes it again never waits on its own account.
func TestInvariant7NoTryAtTheSpeedOfTheWire(t *testing.T) {
	for limit := range classify.Limit(classify.Limits) {
		for _, stage := range stormStages {
			for _, conn := range []classify.Connection{classify.ConnKeep, classify.ConnQuit, classify.ConnDrop} {
				for _, n := range []int{1, 2, 5, 100} {
					st := storm{recipients: n, stage: stage, fresh: n == 2, conns: 1 + n%3}
					st.verdict = classify.Verdict{Class: classify.ClassUnknown, Limit: limit, Connection: conn}
					st.check(t)
				}
			}
		}
	}
}

// FuzzInvariant7 refuses a delivery for an hour with any verdict at any stage.
func FuzzInvariant7(f *testing.F) {
	f.Add(uint8(0), uint8(7), uint8(0), uint8(0), uint8(3), uint8(100), false, uint8(0))
	f.Add(uint8(27), uint8(0), uint8(3), uint8(3), uint8(3), uint8(1), true, uint8(3))
	f.Fuzz(func(t *testing.T, class, limit, fate, conn, stage, recipients uint8, fresh bool, stated uint8) {
		st := storm{
			recipients: max(int(recipients), 1), stage: stormStages[int(stage)%len(stormStages)], fresh: fresh, conns: 1 + int(conn)%4,
			verdict: classify.Verdict{
				Class: classify.Class(int(class) % classify.Classes), Limit: classify.Limit(int(limit) % classify.Limits),
				Recipient: classify.Recipient(fate % 4), Connection: classify.Connection(conn % 4), Stated: classify.Stated{Limit: classify.Limit(int(limit) % classify.Limits), Count: int64(stated), Per: time.Hour},
			},
		}
		if st.verdict.Recipient == classify.RecipientDelivered {
			st.verdict.Recipient = classify.RecipientLater
		}
		st.check(t)
	})
}

// A grant that is returned is no try, and a recipient that was accepted makes the
// next one no repetition.
func TestTriesThatDoNotCount(t *testing.T) {
	now := noon
	tries := NewTries(now, 1)
	for range 100 {
		now = now.Add(time.Millisecond)
		tries.returned(now, tries.begins(now, 0))
	}
	if !tries.at(0).IsZero() {
		t.Errorf("returned grants count as tries: the next is at %v", tries.at(0))
	}
	for range 100 {
		tries.begins(now, 0)
		tries.ended(now, 1)
	}
	if !tries.at(0).IsZero() {
		t.Errorf("accepted recipients do not clear the record: the next is at %v", tries.at(0))
	}
	for range 100 { // each after a wait of its own
		now = now.Add(time.Second)
		tries.begins(now, 0)
		tries.ended(now, 0)
	}
	for range 100 { // at the same time, of recipients who have waited
		tries.begins(now, time.Second)
		tries.ended(now, 0)
	}
	if !tries.at(0).IsZero() {
		t.Errorf("tries that have waited count as hasty: the next is at %v", tries.at(0))
	}
}

// Once the hasty tries are used up, a job that has waited by itself for at least
// the gap is not held back, and one that has waited less is, ever longer.
func TestSpentTriesHoldBackOnlyTheHasty(t *testing.T) {
	now := noon
	tries := NewTries(now, 1)
	var gaps []time.Duration
	for range 12 {
		at := tries.at(0)
		if at.IsZero() {
			at = now
		}
		gaps = append(gaps, at.Sub(now))
		now = at
		tries.begins(now, 0)
		tries.ended(now, 0)
	}
	want := append(make([]time.Duration, 7), time.Second, 2*time.Second, 4*time.Second, 8*time.Second, 16*time.Second)
	if !slices.Equal(gaps, want) {
		t.Errorf("gaps of %v, want %v", gaps, want)
	}
	for _, test := range []struct {
		wait time.Duration
		free bool
	}{{0, false}, {time.Second, false}, {32*time.Second - 1, false}, {32 * time.Second, true}, {time.Hour, true}} {
		if at := tries.at(test.wait); at.IsZero() != test.free {
			t.Errorf("a job that was pushed with a wait of %v may go at %v, want free %v", test.wait, at, test.free)
		}
	}
}

// A refusal of too many recipients to DATA or the dot halves the next transaction
// or obeys the number that it states; at one recipient it teaches nothing that
// would split the mail of others.
func TestTooManyRecipientsAtTheDotSplits(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageData, classify.StageDot} {
		for _, test := range []struct{ stated, want int }{{0, 50}, {30, 30}, {100, 50}, {200, 50}} {
			r := newRig(t, wide())
			r.job(Job[string]{Destination: "d", Value: "x", Recipients: 100, Fresh: true})
			c := r.open("relay")
			g := r.grant(c, "x")
			g.Wrote(r.now)
			g.Asked(r.now)
			g.Done(r.now, Outcome{Stage: stage, Recipients: 100, Verdict: classify.Verdict{Limit: classify.LimitRecipientsPerMessage, Stated: classify.Stated{Limit: classify.LimitRecipientsPerMessage, Count: int64(test.stated)}}, Err: errRefused})
			r.job(Job[string]{Destination: "d", Value: "x", Recipients: 100})
			if g = r.grant(c, "x"); g.Recipients() != test.want {
				t.Errorf("%d stated at %v: %d recipients go next, want %d", test.stated, stage, g.Recipients(), test.want)
			}
			g.Done(r.now, Outcome{Stage: stage, Recipients: 1, Verdict: classify.Verdict{Limit: classify.LimitRecipientsPerMessage}, Err: errRefused})
			r.job(Job[string]{Destination: "d", Value: "y", Recipients: 100})
			if g = r.grant(c, "y"); g.Recipients() != 100 {
				t.Errorf("%v, after one recipient was too many: %d recipients go next, want 100", stage, g.Recipients())
			}
		}
	}
}

// TestGapsBetweenTries double from a second to half an hour, or to a part of that for each
// recipient that is a minute or more.
func TestGapsBetweenTries(t *testing.T) {
	for recipients, want := range map[int]time.Duration{0: 30 * time.Minute, 1: 30 * time.Minute, 2: 15 * time.Minute, 29: 30 * time.Minute / 29, 30: time.Minute, 31: time.Minute, 1000: time.Minute} {
		now := noon
		tries := NewTries(now, recipients)
		var gaps []time.Duration
		for range 40 {
			at := tries.at(0)
			if !at.IsZero() {
				gaps = append(gaps, at.Sub(now))
				now = at
			}
			tries.begins(now, 0)
			tries.ended(now, 0)
		}
		hasty := hastyTries + bits.Len(uint(max(recipients, 1))) - 1 // the first among them
		if got := 40 - len(gaps) + 1; got != hasty {
			t.Errorf("%d recipients: %d hasty tries, want %d", recipients, got, hasty)
		}
		for i, gap := range gaps {
			if wait := min(time.Second<<min(i, 20), want); gap != wait {
				t.Errorf("%d recipients: gap %d is %v, want %v", recipients, i, gap, wait)
			}
		}
	}
}

// TestTriesOfAJobThatHasWaited are not held back when it has waited for the gap.
func TestTriesOfAJobThatHasWaited(t *testing.T) {
	spent := Tries{recipients: 1, hasty: hastyTries, last: noon, gap: 4 * time.Second}
	for _, tt := range []struct {
		tries *Tries
		wait  time.Duration
		want  time.Time
	}{
		{nil, 0, time.Time{}},
		{&Tries{recipients: 1, hasty: hastyTries - 1, last: noon}, 0, time.Time{}},
		{&Tries{recipients: 1, hasty: hastyTries, last: noon}, 0, noon.Add(time.Second)},
		{&spent, 4*time.Second - 1, noon.Add(4 * time.Second)},
		{&spent, 4 * time.Second, time.Time{}},
	} {
		if got := tt.tries.at(tt.wait); !got.Equal(tt.want) {
			t.Errorf("%+v after a wait of %v: at %v, want %v", tt.tries, tt.wait, got, tt.want)
		}
	}
	for waited, want := range map[time.Duration]bool{0: true, time.Second - 1: true, time.Second: false, time.Hour: false} {
		tries := NewTries(noon, 1)
		if got := tries.begins(noon.Add(waited), 0); got != want || tries.hasty != 1+map[bool]int{true: 1}[want] {
			t.Errorf("a try %v after the one before is hasty: %v, and %d are", waited, got, tries.hasty)
		}
		tries = NewTries(noon, 1)
		if got := tries.begins(noon, waited); got != want {
			t.Errorf("a try that was pushed with a wait of %v is hasty: %v", waited, got)
		}
	}
}
