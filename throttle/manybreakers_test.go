package throttle

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"github.com/smtpace/smtpace/classify"
)

// TestManySendersCostNoMemory has mail of 3,000 sender domains refused here and there
// while other mail is accepted: at the relay, and at one destination behind it.
func TestManySendersCostNoMemory(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt} {
		r := newRig(t, wide())
		c := r.open("relay")
		for i := range 3_000 {
			r.pass(time.Second)
			sender := fmt.Sprintf("s%d.example", i)
			r.s.Push(r.now, Job[string]{Destination: "d", Path: Through("relay"), Value: "m", Sender: sender})
			r.s.Push(r.now, Job[string]{Destination: "d", Path: Through("relay"), Value: "m", Sender: "good"})
			for range 2 {
				g, _ := askNext(c, r.now)
				if g == nil {
					t.Fatalf("%v, sender %d: nothing may go", stage, i)
				}
				g.Wrote(r.now)
				o := Outcome{Accepted: 1, Recipients: 1}
				if g.item.job.Sender != "good" {
					o = Outcome{Stage: stage, Verdict: classify.Verdict{Class: classify.ClassRelayDenied}, Err: errDenied}
				}
				g.Done(r.now, o)
			}
		}
		if n := len(r.endpoint("relay").bySender); n > 256 {
			t.Errorf("%v: the relay keeps %d breakers of senders, want %d at most", stage, n, mostBreakers)
		}
		if b := r.destination("d").bars; b != nil && len(b.at) > 2*256 {
			t.Errorf("%v: the destination keeps %d breakers, want %d at most", stage, len(b.at), 2*mostBreakers)
		}
		r.blames(c, breakAfter, stage, "bad", "d")
		if !r.endpoint("relay").bySender["bad"].open() && !r.destination("d").bars.ofSender("relay", "bad").open() {
			t.Errorf("%v: the breaker of a sender that is blocked does not open in the crowd", stage)
		}
	}
}

// TestManyBlockedSendersMakeRoom blocks more senders than there are breakers for. Those
// that are open stay, until nothing has probed them for long.
func TestManyBlockedSendersMakeRoom(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	block := func(sender string) {
		r.job(Job[string]{Destination: "d", Value: "m", Sender: "good"})
		r.exchange(c, "m")
		r.blames(c, breakAfter, classify.StageMail, sender, "d")
	}
	name := func(i int) string { return fmt.Sprintf("s%d.example", i) }
	for i := range 256 + 10 {
		block(name(i))
	}
	e := r.endpoint("relay")
	if n := len(e.bySender); n != mostBreakers || len(r.s.split) != n || !e.bySender[name(0)].open() || e.bySender[name(mostBreakers)].open() {
		t.Errorf("%d breakers, %d senders kept apart, want the first %d", n, len(r.s.split), mostBreakers)
	}
	if e.breaker.open() {
		t.Error("the relay rests, though it takes mail of others")
	}
	r.pass(3 * longestGap)
	block("late")
	if n := len(e.bySender); n != mostBreakers || len(r.s.split) != n || !e.bySender["late"].open() {
		t.Errorf("%d breakers, %d senders kept apart; that of the last is open: %v", n, len(r.s.split), e.bySender["late"].open())
	}
	for i := range mostBreakers { // whether it is known or not
		r.job(Job[string]{Destination: "d", Value: name(i), Sender: name(i)})
		r.exchange(c, name(i))
	}
	if len(r.s.split) != 1 {
		t.Errorf("%d senders are kept apart, want the last alone", len(r.s.split))
	}
}

// TestManyRelaysCostADestinationNoMemory has one destination refused through ever other
// relays, as those of a Router.
func TestManyRelaysCostADestinationNoMemory(t *testing.T) {
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Path: Through("stays"), Value: "waits", NotBefore: r.now.Add(365 * day)})
	for i := range 2000 {
		r.pass(10 * time.Second)
		relay := fmt.Sprintf("relay%d", i)
		r.job(Job[string]{Destination: "d", Path: Through(relay), Value: "m", Sender: "s"})
		c := r.open(relay)
		r.blame(r.grant(c, "m"), classify.StageRcpt)
		c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	}
	if n := len(r.destination("d").bars.at); n > 256 {
		t.Errorf("%d breakers, want %d at most", n, mostBreakers)
	}
}

// TestAConnectionCountsFewDestinations ends one that carries mail of ever other
// destinations which limit the messages of a connection.
func TestAConnectionCountsFewDestinations(t *testing.T) {
	cfg := wide()
	cfg.Destination.MessagesPerConnection = 10
	r := newRig(t, cfg)
	c := r.open("relay")
	for i := range mostCountedTo {
		if c.last {
			t.Fatalf("it takes nothing more after %d destinations", i)
		}
		r.s.Push(r.now, Job[string]{Destination: fmt.Sprintf("d%d.example", i), Path: Through("relay"), Value: "m"})
		g, _ := askNext(c, r.now)
		g.Wrote(r.now)
		g.Done(r.now, Outcome{Accepted: 1, Recipients: 1})
	}
	if !c.last || len(c.by) != mostCountedTo {
		t.Errorf("it goes on, and counts %d destinations", len(c.by))
	}
}

// TestABreakerKeepsNothingThatHasEnded has the mail of a sender refused a few times, tried
// again and withdrawn. The sender has no more, while others go on.
func TestABreakerKeepsNothingThatHasEnded(t *testing.T) {
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt} {
		r := newRig(t, wide())
		c := r.open("relay")
		other := func() {
			r.job(Job[string]{Destination: "other", Value: "other", Sender: "good"})
			r.exchange(c, "other")
		}
		other()
		r.blames(c, 3, stage, "bad", "d")
		var ended []weak.Pointer[Item[string]]
		for range 5 {
			it := r.job(Job[string]{Destination: "d", Value: "again", Sender: "bad", RefusedBy: "relay", NotBefore: r.now.Add(time.Hour)})
			ended = append(ended, weak.Make(it))
			r.s.Remove(r.now, it)
		}
		if n := len(r.endpoint("relay").breaker.putOff); n != len(ended) {
			t.Fatalf("%v: %d items are put off, want %d", stage, n, len(ended))
		}
		other()
		runtime.GC()
		for i, it := range ended {
			if it.Value() != nil {
				t.Errorf("%v: item %d has ended and is kept", stage, i)
			}
		}
		opens := func(c Change) bool { return c.Breaker }
		for n := 1; !slices.ContainsFunc(r.blames(c, 1, stage, "bad", "d"), opens); n++ {
			if n == 20 {
				t.Fatalf("%v: no breaker opens where what it has put off has ended", stage)
			}
		}
		runtime.KeepAlive(r)
	}
}

// barsOf returns breakers of a destination: one that is open for each key of open, and one
// that is closed for each of closed.
func barsOf(open map[barKey]time.Time, closed ...barKey) *bars[string] {
	b := &bars[string]{at: map[barKey]*breaker[string]{}}
	for k, until := range open {
		b.at[k] = &breaker[string]{since: noon, until: until}
	}
	for _, k := range closed {
		b.at[k] = &breaker[string]{}
	}
	return b
}

// A flow goes as a probe through an endpoint whose breaker is open, for all mail or for its
// sender's.
func TestWhatGoesAsAProbe(t *testing.T) {
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Value: "x", Path: Through("one", "two"), Fresh: true})
	f := &r.destination("d").first
	for name, tt := range map[string]struct {
		b    *bars[string]
		want bool
	}{
		"no breakers":       {nil, false},
		"closed ones":       {barsOf(nil, barKey{"one", ""}, barKey{"two", ""}), false},
		"the second":        {barsOf(map[barKey]time.Time{{"two", ""}: noon}, barKey{"one", ""}), true},
		"of another":        {barsOf(map[barKey]time.Time{{"three", ""}: noon}), false},
		"of its sender":     {barsOf(map[barKey]time.Time{{"one", "s"}: noon}), true},
		"of another sender": {barsOf(map[barKey]time.Time{{"one", "other"}: noon}), false},
	} {
		f.path.sender = "s"
		if got := tt.b.probed(f); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// Breakers need not be remembered when all are closed, or have been probed by nobody for
// the life of a lesson.
func TestBreakersThatAreStale(t *testing.T) {
	first, second := barKey{"one", ""}, barKey{"two", ""}
	for name, tt := range map[string]struct {
		b     *bars[string]
		stale bool
		first string // the endpoint that is probed first
	}{
		"none":     {nil, true, ""},
		"closed":   {barsOf(nil, first, second), true, ""},
		"young":    {barsOf(map[barKey]time.Time{first: noon.Add(1 - lessonLife)}, second), false, "one"},
		"as old":   {barsOf(map[barKey]time.Time{first: noon.Add(-lessonLife)}, second), true, "one"},
		"one is":   {barsOf(map[barKey]time.Time{first: noon.Add(-lessonLife), second: noon}), false, "one"},
		"the next": {barsOf(map[barKey]time.Time{first: noon.Add(1), second: noon}), false, "two"},
	} {
		if got := tt.b.stale(noon); got != tt.stale {
			t.Errorf("%s: stale is %v", name, got)
		}
		var want *breaker[string]
		if tt.first != "" {
			want = tt.b.of(tt.first)
		}
		if got := tt.b.soonest(); got != want {
			t.Errorf("%s: got %+v first, want that of %q", name, got, tt.first)
		}
	}
}

// What waits for an open breaker is looked at again when that is probed. Where nothing
// waits, or the operator has paused the destination, there is no such time.
func TestOnlyWhatWaitsIsLookedAtForABreaker(t *testing.T) {
	for name, tt := range map[string]struct {
		waits, paused bool
		want          time.Duration
	}{"it waits": {true, false, time.Minute}, "nothing waits": {false, false, 0}, "it is paused": {true, true, 0}} {
		r := newRig(t, wide())
		it := r.push("d", "1")
		d := r.destination("d")
		d.bars = barsOf(map[barKey]time.Time{{"relay", ""}: r.now.Add(time.Minute)})
		if !tt.waits {
			r.s.Remove(r.now, it)
		}
		if tt.paused {
			r.s.Pause(r.now, "d")
		}
		r.s.mu.Lock()
		r.s.rescheduleFlowLocked(r.now, &d.first)
		r.s.mu.Unlock()
		var got time.Duration
		if at := d.first.until; !at.IsZero() {
			got = at.Sub(r.now)
		}
		if got != tt.want {
			t.Errorf("%s: it is looked at again in %v, want %v", name, got, tt.want)
		}
	}
}

// Mail that goes another way goes beside that of other senders, of which one may be refused
// for what the others have no part in.
func TestSendersThatMeetOnAnotherWay(t *testing.T) {
	path, err := NewPath(OverflowDown, []Hop{{Endpoint: "a"}, {Endpoint: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	for sender, mixed := range map[string]bool{"x.example": true, "y.example": false} {
		r := newRig(t, wide())
		r.job(Job[string]{Destination: "d", Value: "1", Sender: sender, Path: path})
		r.job(Job[string]{Destination: "other", Value: "2", Sender: "y.example", Path: Through("b")})
		r.s.mu.Lock()
		r.s.moveLocked(r.now, &r.destination("d").first, Through("b"), false)
		got := r.endpoint("b").mixed()
		r.s.mu.Unlock()
		if got != mixed {
			t.Errorf("%s and y.example: mail of several senders is %v, want %v", sender, got, mixed)
		}
	}
}

// Mail that goes another way while a breaker is open comes back to its own when it is not.
func TestMailComesBackToItsOwnWay(t *testing.T) {
	path, err := NewPath(OverflowDown, []Hop{{Endpoint: "a"}, {Endpoint: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Value: "1", Path: path})
	d := r.destination("d")
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	d.bars = barsOf(map[barKey]time.Time{{"a", ""}: r.now.Add(time.Minute)})
	r.s.rescheduleFlowLocked(r.now, &d.first)
	if by, home := d.first.path.of.Key(), d.home(&d.first).Key(); by != Through("b").Key() || home != path.Key() {
		t.Errorf("while one of two is closed it goes by %q, with its own way %q", by, home)
	}
	d.bars.at = nil
	r.s.rescheduleFlowLocked(r.now, &d.first)
	if by := d.first.path.of.Key(); by != path.Key() {
		t.Errorf("when none is closed it goes by %q, want %q", by, path.Key())
	}
}

// TestOpenBreakersThatAreForgotten: those whose probe has been due for as long as the
// longest gap, and is not under way. A closed one goes first.
func TestOpenBreakersThatAreForgotten(t *testing.T) {
	due := func(d time.Duration) *breaker[string] {
		return &breaker[string]{since: noon.Add(-24 * time.Hour), until: noon.Add(-d)}
	}
	probing := due(9 * longestGap)
	probing.probing = true
	for name, tt := range map[string]struct {
		all  map[string]*breaker[string]
		want string
	}{
		"none":                {nil, ""},
		"not due for so long": {map[string]*breaker[string]{"a": due(longestGap - 1)}, ""},
		"due for so long":     {map[string]*breaker[string]{"a": due(longestGap)}, "a"},
		"the longest":         {map[string]*breaker[string]{"a": due(longestGap), "b": due(2 * longestGap), "c": due(longestGap + 1)}, "b"},
		"a probe under way":   {map[string]*breaker[string]{"a": probing, "b": due(longestGap)}, "b"},
		"a closed one":        {map[string]*breaker[string]{"a": due(2 * longestGap), "b": {run: 9, first: noon}}, "b"},
	} {
		if key, b := dispensable(noon, maps.All(tt.all)); key != tt.want || b != tt.all[tt.want] {
			t.Errorf("%s: got %q, want %q", name, key, tt.want)
		}
	}
}
