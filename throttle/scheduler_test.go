package throttle

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestNewReportsAllMistakes(t *testing.T) {
	_, err := New[int](Config{
		Process: Limits{Connections: -2}, Destinations: map[string]Limits{"example.com": {MessageRate: Rate{Count: 1}}}, MaxHeld: -1,
	})
	for _, want := range []string{"limits of the process", `destination "example.com"`, "MaxHeld"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want it to name %s", err, want)
		}
	}
}

func TestSingleGetsNineOfTenTurns(t *testing.T) {
	for _, destinations := range []int{1, 7} {
		t.Run(fmt.Sprintf("%d destinations", destinations), func(t *testing.T) {
			r := newRig(t, wide())
			for i := range 1000 {
				to := fmt.Sprintf("d%d", i%destinations)
				r.s.Push(r.now, Job[string]{Destination: to, Path: Through("relay"), Value: "single", Lane: Single, Fresh: true})
				r.s.Push(r.now, Job[string]{Destination: to, Path: Through("relay"), Value: "bulk", Fresh: true})
			}
			c, bulk := r.open("relay"), 0
			for range 1000 {
				g, _ := c.Next(r.now)
				if g.Value() == "bulk" {
					bulk++
				}
				r.accepted(g)
			}
			if bulk != 100 {
				t.Errorf("%d of 1000 turns were bulk, want 100", bulk)
			}
		})
	}
}

func TestSingleGoesNextBehindManyBulk(t *testing.T) {
	r := newRig(t, wide())
	for range 100_000 {
		r.s.Push(r.now, Job[string]{Destination: "d", Path: Through("relay"), Value: "bulk", Fresh: true})
	}
	c := r.open("relay")
	r.exchange(c, "bulk")
	r.job(Job[string]{Destination: "d", Value: "single", Lane: Single, Fresh: true})
	r.exchange(c, "single")
	r.exchange(c, "bulk")
}

func TestDestinationsTakeTurns(t *testing.T) {
	r := newRig(t, wide())
	for i := range 9 {
		r.push("busy", fmt.Sprint("busy ", i))
	}
	r.job(Job[string]{Destination: "busy", Value: "busy again"})
	r.push("x", "x 0")
	r.push("x", "x 1")
	r.push("y", "y 0")
	c := r.open("relay")
	for _, want := range []string{"busy again", "x 0", "y 0", "busy 0", "x 1", "busy 1", "busy 2"} {
		r.exchange(c, want)
	}
}

func TestDestinationsTakeTurnsWhetherTriedOrNot(t *testing.T) {
	r := newRig(t, wide())
	for i := range 6 {
		r.job(Job[string]{Destination: fmt.Sprint("d", i), Value: fmt.Sprint(i), Fresh: i%2 > 0})
	}
	c := r.open("relay")
	for i := range 6 {
		r.exchange(c, fmt.Sprint(i))
	}
}

func TestTriedAndUntriedTakeTurns(t *testing.T) {
	r := newRig(t, wide())
	for i := range 3 {
		r.push("d", fmt.Sprint("new ", i))
		r.job(Job[string]{Destination: "d", Value: fmt.Sprint("old ", i)})
	}
	c := r.open("relay")
	for i := range 3 {
		r.exchange(c, fmt.Sprint("old ", i))
		r.exchange(c, fmt.Sprint("new ", i))
	}
}

func TestPathsOfAnEndpointTakeTurns(t *testing.T) {
	r := newRig(t, wide())
	for range 3 {
		r.job(Job[string]{Destination: "d", Path: Through("relay"), Value: "first"})
		r.job(Job[string]{Destination: "e", Path: Through("relay", "other"), Value: "second"})
	}
	c := r.open("relay")
	for range 3 {
		r.exchange(c, "first")
		r.exchange(c, "second")
	}
}

func TestOneBlockedDestinationHoldsUpNoOther(t *testing.T) {
	r := newRig(t, wide())
	for range 100_000 {
		r.s.Push(r.now, Job[string]{Destination: "blocked", Path: Through("relay"), Value: "blocked"})
	}
	c := r.open("relay")
	r.refused(r.grant(c, "blocked"), classify.StageRcpt, classify.LimitMessageRate, time.Hour)
	for i := range 1000 {
		r.s.Push(r.now, Job[string]{Destination: fmt.Sprint("d", i%10), Path: Through("relay"), Value: "ok"})
	}
	for range 1000 {
		g, _ := c.Next(r.now)
		if g == nil || g.Value() != "ok" {
			t.Fatalf("got %+v, want an item of another destination", g)
		}
		g.Wrote(r.now)
		g.Done(r.now, Outcome{Accepted: 1})
	}
	r.none(c, time.Hour)
	r.ready("relay", 0, time.Hour)
	r.pass(time.Hour)
	r.exchange(c, "blocked")
}

// TestRemove removes an item in every state that it can be in.
func TestRemove(t *testing.T) {
	type state struct {
		name string
		in   func(r *rig) *Item[string]
		want bool
	}
	ready := func(r *rig) *Item[string] { return r.push("d", "x") }
	for _, s := range []state{
		{"ready", ready, true},
		{"delayed", func(r *rig) *Item[string] {
			return r.job(Job[string]{Destination: "d", NotBefore: r.now.Add(time.Hour)})
		}, true},
		{"matured", func(r *rig) *Item[string] {
			it := r.job(Job[string]{Destination: "d", NotBefore: r.now.Add(time.Second)})
			r.pass(time.Minute)
			r.askReady("relay")
			return it
		}, true},
		{"of a paused destination", func(r *rig) *Item[string] {
			r.push("d", "first")
			c := r.open("relay")
			r.refused(r.grant(c, "first"), classify.StageRcpt, classify.LimitMessageRate, time.Minute)
			return r.push("d", "x")
		}, true},
		{"behind the held bound", func(r *rig) *Item[string] {
			r.push("other", "first")
			r.grant(r.open("relay"), "first").Wrote(r.now)
			r.s.Hold(r.now, "other", Bulk, 1)
			return r.push("d", "x")
		}, true},
		{"granted", func(r *rig) *Item[string] {
			it := r.push("d", "x")
			r.grant(r.open("relay"), "x")
			return it
		}, false},
		{"removed", func(r *rig) *Item[string] {
			it := r.push("d", "x")
			r.s.Remove(r.now, it)
			return it
		}, false},
	} {
		t.Run(s.name, func(t *testing.T) {
			cfg := wide()
			cfg.MaxHeld = 1
			r := newRig(t, cfg)
			it := s.in(r)
			queued := r.s.Stats(r.now).Queued
			if got := r.s.Remove(r.now, it); got != s.want {
				t.Errorf("Remove says %v, want %v", got, s.want)
			}
			if s.want {
				queued--
			}
			if got := r.s.Stats(r.now).Queued; got != queued {
				t.Errorf("%d items are queued, want %d", got, queued)
			}
			checkPlaces(t, r.s, r.now)
		})
	}
}

func TestRemoveFromTheMiddleKeepsTheOrder(t *testing.T) {
	r := newRig(t, wide())
	var items []*Item[string]
	for i := range 5 {
		items = append(items, r.push("d", fmt.Sprint(i)))
	}
	for _, i := range []int{2, 0, 4} {
		r.s.Remove(r.now, items[i])
	}
	c := r.open("relay")
	r.exchange(c, "1")
	r.exchange(c, "3")
	r.none(c, 0)
}

func TestDelayedItemsComeInTheirOrder(t *testing.T) {
	r := newRig(t, wide())
	for _, s := range []int{5, 1, 3} {
		r.job(Job[string]{Destination: "d", Value: fmt.Sprint(s), NotBefore: r.now.Add(time.Duration(s) * time.Second)})
	}
	c := r.open("relay")
	r.none(c, time.Second)
	r.ready("relay", 0, time.Second)
	r.pass(time.Second)
	r.ready("relay", 1, 0)
	r.exchange(c, "1")
	r.none(c, 2*time.Second)
	r.pass(10 * time.Second)
	r.exchange(c, "3")
	r.exchange(c, "5")
}

func TestDelayedSingleItemOvertakesBulkWhenDue(t *testing.T) {
	r := newRig(t, wide())
	for range 3 {
		r.push("d", "bulk")
	}
	r.job(Job[string]{Destination: "d", Value: "single", Lane: Single, NotBefore: r.now.Add(time.Second)})
	c := r.open("relay")
	r.exchange(c, "bulk")
	r.pass(time.Second)
	r.exchange(c, "single")
}

// TestADestinationStandsInSeveralPaths has one destination whose mail goes
// through two endpoints: each gets its own, and the destination's limits bind
// both together.
func TestADestinationStandsInSeveralPaths(t *testing.T) {
	cfg := wide()
	cfg.Destination.MessageRate = Rate{Count: 1, Per: time.Minute}
	r := newRig(t, cfg)
	r.push("d", "first")
	r.push("d", "second")
	c := r.open("relay")
	r.exchange(c, "first")
	r.none(c, time.Minute)
	r.job(Job[string]{Destination: "d", Path: Through("other"), Value: "third"})
	r.ready("relay", 0, time.Minute)
	r.ready("other", 0, time.Minute)
	o := r.open("other")
	r.none(o, time.Minute)
	r.pass(time.Minute)
	r.exchange(o, "third")
	r.none(c, time.Minute)
	r.pass(time.Minute)
	r.exchange(c, "second")
}

// TestADestinationThatMovesLeavesItsPath pushes through another endpoint once
// nothing waits for the first any more.
func TestADestinationThatMovesLeavesItsPath(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "first")
	r.exchange(r.open("relay"), "first")
	r.job(Job[string]{Destination: "d", Path: Through("other"), Value: "second"})
	if n := r.s.paths.n; n != 1 {
		t.Errorf("%d paths are left, want 1", n)
	}
	r.exchange(r.open("other"), "second")
}

func TestPathNamesAnEndpointTwice(t *testing.T) {
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Path: Through("relay", "relay"), Value: "x"})
	r.ready("relay", 1, 0)
	r.exchange(r.open("relay"), "x")
}

// TestInvariant7WaitingCostsNothing has an item wait for our own limits and for
// learned ones: it goes as soon as they allow, and nothing counts its waits.
func TestInvariant7WaitingCostsNothing(t *testing.T) {
	cfg := wide()
	cfg.Process.MessageRate = Rate{Count: 1, Per: time.Second}
	cfg.Endpoint.MessageRate = Rate{Count: 1, Per: 2 * time.Second}
	cfg.Destination.MessageRate = Rate{Count: 1, Per: 3 * time.Second}
	r := newRig(t, cfg)
	for _, v := range []string{"1", "2", "3"} {
		r.push("d", v)
	}
	r.push("e", "other")
	c := r.open("relay")
	r.exchange(c, "1")
	for range 5 {
		r.none(c, 2*time.Second) // the endpoint's, before all
		r.ready("relay", 0, 2*time.Second)
	}
	r.pass(2 * time.Second)
	r.exchange(c, "other")
	r.pass(time.Second)
	r.none(c, time.Second)
	r.pass(time.Second)
	g := r.grant(c, "2")
	r.refused(g, classify.StageRcpt, classify.LimitMessageRate, 0)
	r.job(Job[string]{Destination: "d", Value: "2"})
	r.pass(3 * time.Second) // the pause of 1 s is over before
	r.exchange(c, "2")
}

func TestReturnGivesEverythingBack(t *testing.T) {
	cfg := wide()
	day := Limits{Connections: 1, MessageRate: Rate{Count: 1, Per: time.Hour}, RecipientRate: Rate{Count: 3, Per: time.Hour, Burst: 3}, Quota: Quota{Count: 1, Per: day}}
	cfg.Process, cfg.Endpoint, cfg.Destination = day, day, day
	r := newRig(t, cfg)
	for _, v := range []string{"1", "2"} {
		r.job(Job[string]{Destination: "d", Value: v, Recipients: 3})
	}
	c := r.open("relay")
	g := r.grant(c, "1")
	r.none(c, 0) // until that one is written or returned
	r.pass(time.Second)
	g.Return(r.now)
	if g = r.grant(c, "2"); g.Recipients() != 3 {
		t.Errorf("%d recipients may go, want 3", g.Recipients())
	}
}

// TestManyRecipientsWaitForTheirTokens has an item that needs more tokens than
// are there: those behind it do not take them away.
func TestManyRecipientsWaitForTheirTokens(t *testing.T) {
	cfg := wide()
	cfg.Destination.RecipientRate = Rate{Count: 1, Per: time.Second, Burst: 10}
	r := newRig(t, cfg)
	r.job(Job[string]{Destination: "d", Value: "ten", Recipients: 30})
	r.job(Job[string]{Destination: "d", Value: "ten more", Recipients: 10})
	c := r.open("relay")
	g := r.grant(c, "ten")
	if g.Recipients() != 10 {
		t.Fatalf("%d recipients may go, want the burst of 10", g.Recipients())
	}
	r.accepted(g)
	for range 9 {
		r.pass(time.Second)
		r.none(c, 10*time.Second-r.now.Sub(noon))
		r.job(Job[string]{Destination: "d", Value: "one", Lane: Single})
	}
	r.pass(time.Second)
	r.exchange(c, "ten more")
	r.pass(time.Second)
	r.exchange(c, "one")
}

func TestSetEndpointIsKept(t *testing.T) {
	r := newRig(t, Config{})
	if err := r.s.SetEndpoint(r.now, "relay", Limits{Connections: -5}); err == nil {
		t.Error("SetEndpoint takes limits that are wrong")
	}
	if err := r.s.SetEndpoint(r.now, "relay", Limits{Connections: 3}); err != nil {
		t.Fatal(err)
	}
	if err := r.s.SetEndpoint(r.now, "plain", Limits{}); err != nil {
		t.Fatal(err)
	}
	r.push("d", "x")
	r.exchange(r.open("relay"), "x")
	for range 5 {
		r.pass(time.Hour)
		r.s.Sweep(r.now)
	}
	if got := r.endpoint("relay").limits.Connections; got != 3 {
		t.Errorf("the endpoint may have %d connections, want 3", got)
	}
	if err := r.s.SetEndpoint(r.now, "relay", Limits{Connections: 9}); err != nil {
		t.Fatal(err)
	}
	if got := r.endpoint("relay").limits.Connections; got != 9 {
		t.Errorf("the endpoint may have %d connections, want 9", got)
	}
}

func TestForgetEndpointLetsItBeForgotten(t *testing.T) {
	r := newRig(t, Config{Endpoints: map[string]Limits{"configured": {Connections: 2}}})
	for _, name := range []string{"relay", "configured"} {
		if err := r.s.SetEndpoint(r.now, name, Limits{Connections: 3}); err != nil {
			t.Fatal(err)
		}
	}
	r.pass(time.Hour)
	r.s.Sweep(r.now)
	if n := len(r.s.Stats(r.now).Endpoints); n != 2 {
		t.Errorf("%d endpoints, want both", n)
	}
	r.s.ForgetEndpoint(r.now, "relay")
	r.s.ForgetEndpoint(r.now, "configured")
	r.pass(time.Hour)
	r.s.Sweep(r.now)
	if got := r.s.Stats(r.now).Endpoints; len(got) != 1 || got[0].Name != "configured" {
		t.Errorf("endpoints that are left: %+v, want the configured one", got)
	}
}

// TestLimitsOutlastTheirEndpoint sets limits for a relay that is forgotten and made again,
// at once or much later, with and without limits of its own.
func TestLimitsOutlastTheirEndpoint(t *testing.T) {
	set, usual := Limits{Connections: 7}, defaultEndpointConnections
	for _, tt := range []struct {
		name        string
		own, again  Limits
		after       time.Duration
		want, freed int // connections; the latter after the limits were taken back
	}{
		{"none of its own, at once", Limits{}, Limits{}, 0, 7, usual},
		{"none of its own, later", Limits{}, Limits{}, time.Hour, 7, usual},
		{"its own, at once", Limits{Connections: 3}, Limits{Connections: 3}, 0, 7, 3},
		{"its own, later", Limits{Connections: 3}, Limits{Connections: 3}, time.Hour, 7, 3},
		{"others than before", Limits{Connections: 3}, Limits{Connections: 9}, 0, 7, 9},
		{"others later", Limits{}, Limits{Connections: 9}, time.Hour, 7, 9},
		{"none any more", Limits{Connections: 3}, Limits{}, 0, 7, usual},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Config{})
			made := func(l Limits) {
				if err := r.s.SetEndpoint(r.now, "relay", l); err != nil {
					t.Fatal(err)
				}
				r.push("d", "x")
				c := r.open("relay")
				r.exchange(c, "x")
				c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
			}
			limited := func(want int) {
				t.Helper()
				if got := r.endpoint("relay").limits.Connections; got != want {
					t.Errorf("the relay may have %d connections, want %d", got, want)
				}
			}
			made(tt.own)
			if err := r.s.SetLimits(r.now, Scope{ScopeEndpoint, "relay"}, set); err != nil {
				t.Fatal(err)
			}
			limited(7)
			r.s.ForgetEndpoint(r.now, "relay")
			for range 2 { // the destination first
				r.pass(tt.after)
				r.s.Sweep(r.now)
			}
			if _, known := r.s.endpoints.get("relay"); known != (tt.after == 0) {
				t.Fatalf("the relay is known: %v", known)
			}
			made(tt.again)
			limited(tt.want)
			if err := r.s.SetLimits(r.now, Scope{ScopeEndpoint, "relay"}, Limits{}); err != nil {
				t.Fatal(err)
			}
			limited(tt.freed)
			if len(r.s.cfg.Endpoints) > 0 {
				t.Errorf("%v is kept", r.s.cfg.Endpoints)
			}
			r.s.ForgetEndpoint(r.now, "relay")
			r.pass(time.Hour)
			r.s.Sweep(r.now)
			r.pass(time.Hour)
			r.s.Sweep(r.now)
			if _, known := r.s.endpoints.get("relay"); known {
				t.Error("the relay is never forgotten")
			}
		})
	}
}

// TestReturnedGrantIsNotCarried returns the only grant that a connection may have.
func TestReturnedGrantIsNotCarried(t *testing.T) {
	r := newRig(t, Config{Endpoint: Limits{MessagesPerConnection: 1}})
	r.push("d", "one")
	r.push("d", "two")
	c := r.open("relay")
	g, last := c.Next(r.now)
	if g == nil || !last {
		t.Fatal("no grant, or it is not the last")
	}
	g.Return(r.now)
	r.job(Job[string]{Destination: "d", Value: "again", Front: true})
	g, last = c.Next(r.now)
	if g == nil || g.Value() != "again" || !last {
		t.Fatalf("no further grant, or not that of the front: %v", g)
	}
	g.Wrote(r.now)
	g.Done(r.now, Outcome{Accepted: 1})
	if g, last := c.Next(r.now); g != nil || !last {
		t.Error("the connection carries a second message")
	}
}

// TestManyThatAreDueAtOnce are looked at a few at a time, so that the lock is not
// held for long, and all go.
func TestManyThatAreDueAtOnce(t *testing.T) {
	for _, test := range []struct {
		name         string
		dests, items int
	}{{"items of one destination", 1, 20 * maturesAtOnce}, {"destinations", 20 * maturesAtOnce, 1}} {
		t.Run(test.name, func(t *testing.T) {
			s, err := New[int](wide())
			if err != nil {
				t.Fatal(err)
			}
			c, _ := s.Open(noon, "relay")
			c.Established(noon)
			later := noon.Add(time.Hour)
			for range test.items {
				for i := range test.dests {
					s.Push(noon, Job[int]{Destination: "d" + strconv.Itoa(i), Path: benchPath, NotBefore: later})
				}
			}
			due := func() (n int) {
				s.dests.each(func(d *destination[int]) bool {
					if d.first.delayed != nil {
						n += len(*d.first.delayed)
					}
					return true
				})
				return n
			}
			for left := test.dests * test.items; left > 0; left-- {
				before := due()
				if !step(c, later) {
					t.Fatalf("nothing goes while %d are left", left)
				}
				if looked := before - due(); looked > 4*maturesAtOnce {
					t.Fatalf("%d are queued for one message", looked)
				}
			}
		})
	}
}

// TestDriveLooksAtFewEndpointsAtOnce: the lock is given up between batches of
// endpoints, and all are looked at.
func TestDriveLooksAtFewEndpointsAtOnce(t *testing.T) {
	s, err := New[int](wide())
	if err != nil {
		t.Fatal(err)
	}
	const n = 3*driveLooks + 1
	for i := range n {
		s.stirLocked(s.endpointLocked("relay" + strconv.Itoa(i)))
	}
	var first plan[int]
	s.planLocked(noon, &first)
	if left := len(s.stir); left != n-driveLooks || !first.full() {
		t.Errorf("%d of %d endpoints are left after the first batch, want %d", left, n, n-driveLooks)
	}
	if s.Drive(noon, nil); len(s.stir) > 0 {
		t.Errorf("%d endpoints are left in the end", len(s.stir))
	}
}
