package throttle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// acme is a tenant.
var acme = Scope{ScopeTenant, "acme"}

func scopeList(t *testing.T, scopes ...Scope) *ScopeList {
	t.Helper()
	l, err := NewScopeList(scopes...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// pushOf queues an item of scopes.
func (r *rig) pushOf(destination, value string, scopes ...Scope) *Item[string] {
	r.Helper()
	return r.job(Job[string]{Destination: destination, Value: value, Fresh: true, Scopes: scopeList(r.T, scopes...)})
}

// woken advances the time to the next Tick, which must come after so long.
func (r *rig) woken(after time.Duration) {
	r.Helper()
	at := r.s.Tick(r.now, nobody{})
	r.soon(at, after)
	r.now = at
	r.s.Tick(r.now, nobody{})
}

var furtherScopes = []Scope{acme, {ScopeSender, "a@acme.example"}, {ScopeSenderDomain, "acme.example"}, {ScopeSource, "192.0.2.1"}, PairOf(acme, Scope{ScopeDestination, "d"})}

// TestAScopeOfJobsHoldsBackItsOwn for every kind: its items leave the queue, and
// whatever else is behind them goes.
func TestAScopeOfJobsHoldsBackItsOwn(t *testing.T) {
	for _, of := range furtherScopes {
		t.Run(of.Kind.String(), func(t *testing.T) {
			r := newRig(t, wide())
			r.setLimits(of, Limits{MessageRate: Rate{Count: 1, Per: time.Minute}})
			for i := range 3 {
				r.pushOf("d", fmt.Sprint("its ", i), of)
			}
			r.push("d", "other")
			r.pushOf("e", "its last", of)
			c := r.open("relay")
			r.exchange(c, "its 0")
			r.exchange(c, "other")
			r.none(c, 0)
			for _, next := range []string{"its last", "its 1", "its 2"} { // destinations take turns
				r.woken(time.Minute)
				r.exchange(c, next)
				r.none(c, 0)
			}
		})
	}
}

// TestScopesOfJobsCountTransactions with all their connections, and a message with
// its follower as one.
func TestScopesOfJobsCountTransactions(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{Connections: 1})
	for i := range 3 {
		r.pushOf(fmt.Sprint("d", i), fmt.Sprint(i), acme)
	}
	r.push("other", "other")
	a := r.open("relay")
	widen(9, &r.endpoint("relay").scope)
	b := r.open("relay")
	first := r.grant(a, "0")
	r.exchange(b, "other")
	r.none(b, 0)
	first.Wrote(r.now)
	first.Asked(r.now)
	second, _ := first.Next(r.now)
	if second == nil || second.Value() != "1" {
		t.Fatalf("behind the first message goes %v, want the second", second)
	}
	r.none(b, 0)
	first.Done(r.now, Outcome{Accepted: 1})
	if g, _ := b.Next(r.now); g != nil {
		t.Fatal("two are on the wire")
	}
	r.accepted(second)
	if h := r.driven(); len(h.woken) != 1 {
		t.Errorf("%+v: want one connection woken for the place that is free", h)
	}
	r.exchange(b, "2")
	if st := r.s.Stats(r.now).Scopes; len(st) != 1 || st[0].InFlight != 0 || st[0].Parked != 0 {
		t.Errorf("the statistics are %+v", st)
	}
}

// TestLimitsOfAScopeThatIsUnderWay count what was granted before they were set,
// and stay used when they are changed or taken back.
func TestLimitsOfAScopeThatIsUnderWay(t *testing.T) {
	r := newRig(t, wide())
	for i := range 9 {
		r.pushOf("d", fmt.Sprint(i), acme)
	}
	widen(9, &r.destination("d").scope)
	c, other := r.open("relay"), r.opening2("relay")
	under := r.grant(c, "0")
	hour := Limits{Connections: 1, Quota: Quota{Count: 2, Per: time.Hour}}
	r.setLimits(acme, hour)
	r.none(other, 0) // one is in flight
	r.accepted(under)
	r.exchange(c, "1")
	r.none(c, 0)
	r.setLimits(acme, Limits{}) // taken back
	r.exchange(c, "2")
	r.pass(time.Minute)
	r.s.Sweep(r.now)
	hour.Quota.Count = 4
	r.setLimits(acme, hour)
	r.exchange(c, "3")
	r.none(c, 0)
	r.woken(time.Hour - time.Minute)
	r.exchange(c, "4")
}

// opening2 opens a second connection.
func (r *rig) opening2(endpoint string) *Conn[string] {
	r.Helper()
	widen(9, &r.endpoint(endpoint).scope)
	return r.open(endpoint)
}

// TestAScopeOfJobsIsForgottenWithoutItsDebt once it has none.
func TestAScopeOfJobsIsForgottenWithoutItsDebt(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{Quota: Quota{Count: 1, Per: time.Hour}})
	c := r.open("relay")
	for range 2 {
		r.pushOf("d", "x", acme)
		r.exchange(c, "x")
		r.pass(30 * time.Minute)
		r.s.Sweep(r.now)
		if r.s.parents.n != 1 {
			t.Fatal("the scope is forgotten with its debt")
		}
		r.pass(31 * time.Minute)
		r.s.Sweep(r.now)
		if n := r.s.parents.n; n != 0 {
			t.Fatalf("%d scopes are left", n)
		}
	}
	if n := r.s.unused.Len(); n > 1 { // the endpoint has a path no more
		t.Errorf("%d are still looked at", n)
	}
}

// TestScopesThatNothingLimits take nothing.
func TestScopesThatNothingLimits(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(Scope{ScopeTenant, "another"}, Limits{Connections: 1})
	r.pushOf("d", "x", furtherScopes...)
	r.exchange(r.open("relay"), "x")
	if r.s.parents.n+len(r.s.lots) > 0 {
		t.Errorf("%d scopes are kept", r.s.parents.n)
	}
}

// TestScopesOfJobsInASnapshot keep what was used, also while no job has named them
// again.
func TestScopesOfJobsInASnapshot(t *testing.T) {
	limits := Limits{Quota: Quota{Count: 2, Per: time.Hour}}
	r := newRig(t, wide())
	r.setLimits(acme, limits)
	c := r.open("relay")
	for range 2 {
		r.pushOf("d", "x", acme)
		r.exchange(c, "x")
	}
	for range 2 { // the second time it is passed on
		text, err := r.s.Snapshot(r.now)
		if err != nil || !strings.Contains(string(text), "acme") {
			t.Fatalf("the snapshot is %s, %v", text, err)
		}
		r.pass(10 * time.Minute)
		next := newRig(t, wide())
		next.now = r.now
		if err := next.s.Restore(next.now, text); err != nil {
			t.Fatal(err)
		}
		next.setLimits(acme, limits)
		r = next
	}
	r.pushOf("d", "y", acme)
	c = r.open("relay")
	r.none(c, 0)
	r.woken(40 * time.Minute)
	r.exchange(c, "y")
}

// A snapshot is taken over by scopes, destinations and endpoints that are in use already.
func TestScopesThatAreThereTakeASnapshotOver(t *testing.T) {
	used := Limits{Quota: Quota{Count: 1, Per: time.Hour}}
	for _, of := range append(furtherScopes[:len(furtherScopes):len(furtherScopes)], Scope{ScopeDestination, "d"}, Scope{ScopeEndpoint, "relay"}) {
		r := newRig(t, wide())
		r.setLimits(of, used)
		r.pushOf("d", "x", furtherScopes...)
		r.exchange(r.open("relay"), "x")
		text, err := r.s.Snapshot(r.now)
		if err != nil {
			t.Fatal(err)
		}
		next := newRig(t, wide())
		next.setLimits(of, used)
		next.pushOf("d", "y", furtherScopes...)
		c := next.open("relay")
		if err := next.s.Restore(next.now, text); err != nil {
			t.Fatal(err)
		}
		if g, _ := askNext(c, next.now); g != nil {
			t.Errorf("%v: what was used of its quota is not taken over", of)
		}
	}
}

func TestExplainAScopeOfJobs(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{Quota: Quota{Count: 1, Per: time.Hour}})
	r.pushOf("d", "1", acme)
	r.pushOf("d", "2", acme)
	c := r.open("relay")
	r.exchange(c, "1")
	r.none(c, 0)
	e := r.s.Explain(r.now, "d")
	if e.Parked != 1 || e.Bind != (Binding{Scope: "tenant", Name: "acme", Limit: "quota"}) || e.Next == nil || e.Next.Sub(r.now) != time.Hour {
		t.Errorf("the explanation is %+v", e)
	}
	st := r.s.Stats(r.now).Scopes
	if len(st) != 1 || st[0].Parked != 1 || st[0].Bind != e.Bind || st[0].Next == nil || !st[0].Next.Equal(*e.Next) {
		t.Errorf("the statistics are %+v", st)
	}
}

// TestAScopeOfJobsFindsTheConnectionThatCanCarryIt has one item behind a busy
// connection, and another that an idle one could carry.
func TestAScopeOfJobsFindsTheConnectionThatCanCarryIt(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{MessageRate: Rate{Count: 1, Per: time.Minute}})
	busy, idle := r.open("a"), r.open("b")
	for _, e := range []string{"a", "a", "b"} {
		r.job(Job[string]{Destination: "d" + e, Value: e, Path: Through(e), Scopes: scopeList(t, acme)})
	}
	r.exchange(busy, "a")
	r.none(busy, 0)
	if g, _ := idle.Next(r.now); g != nil {
		t.Fatal("the second message has gone")
	}
	r.job(Job[string]{Destination: "d", Value: "long", Path: Through("a")})
	long := r.grant(busy, "long")
	r.driven()
	r.woken(time.Minute)
	if e := r.endpoint("b"); e.starting != 1 || len(e.idle) != 0 {
		t.Error("the connection that is idle is not woken")
	}
	r.exchange(idle, "b")
	r.accepted(long)
}

// TestManyParkedItemsDoNotHoldTheLock: what a scope holds back is parked a part at
// a time.
func TestManyParkedItemsDoNotHoldTheLock(t *testing.T) {
	r := newRig(t, wide())
	for range 3 * mostLooked {
		r.s.Push(r.now, Job[string]{Destination: "d", Value: "x", Path: Through("relay"), Scopes: scopeList(t, acme)})
	}
	r.job(Job[string]{Destination: "d", Value: "other"})
	c := r.open("relay")
	r.exchange(c, "x")
	r.setLimits(acme, Limits{Quota: Quota{Count: 1, Per: time.Hour}})
	r.exchange(c, "x")
	for range 3 {
		if g, again := askNext(c, r.now); g != nil || !again.Equal(r.now) {
			if g != nil && g.Value() == "other" {
				return
			}
			t.Fatalf("got %v, told to ask again at %v; want nothing, and to ask at once", g, again)
		}
		if n := r.s.Stats(r.now).Scopes[0].Parked; n%mostLooked != 0 {
			t.Errorf("%d items were parked at once", n)
		}
	}
	t.Error("the item of nobody's scope did not go")
}

// TestRemoveAndRenderedOfWhatAScopeHolds take it out of its lot.
func TestRemoveAndRenderedOfWhatAScopeHolds(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{MessageRate: Rate{Count: 1, Per: time.Minute}})
	var items []*Item[string]
	for i := range 4 {
		items = append(items, r.pushOf("d", fmt.Sprint(i), acme))
	}
	c := r.open("relay")
	r.exchange(c, "0")
	r.none(c, 0)
	if !r.s.Remove(r.now, items[1]) || r.s.Remove(r.now, items[1]) {
		t.Error("what is parked cannot be removed once")
	}
	r.s.Rendered(r.now, items[3])
	r.none(c, 0)
	r.woken(time.Minute)
	checkPlaces(t, r.s, r.now)
	if items[2].isParked() || !r.s.Remove(r.now, items[2]) {
		t.Error("what is back cannot be removed")
	}
	r.exchange(c, "3")
	if len(r.s.lots) > 0 {
		t.Error("an empty lot is left")
	}
}

// TestAManyRecipientsItemOfAScope waits for its tokens, which those behind it do
// not take away.
func TestAManyRecipientsItemOfAScope(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{RecipientRate: Rate{Count: 1, Per: time.Second, Burst: 10}})
	for i, n := range []int{10, 10, 1} {
		r.job(Job[string]{Destination: "d", Value: fmt.Sprint(i), Recipients: n, Scopes: scopeList(t, acme)})
	}
	c := r.open("relay")
	r.exchange(c, "0")
	r.none(c, 0)
	r.pass(5 * time.Second)
	r.job(Job[string]{Destination: "e", Value: "late", Scopes: scopeList(t, acme)})
	r.none(c, 0)
	r.woken(5 * time.Second)
	r.exchange(c, "1")
}

func TestSingleMailOfAScopeGoesFirst(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{MessageRate: Rate{Count: 1, Per: time.Minute}})
	for range 5 {
		r.pushOf("d", "bulk", acme)
	}
	c := r.open("relay")
	r.exchange(c, "bulk")
	r.none(c, 0)
	r.job(Job[string]{Destination: "d", Value: "single", Lane: Single, Scopes: scopeList(t, acme)})
	r.none(c, 0)
	r.woken(time.Minute)
	r.exchange(c, "single")
}

func TestNewScopeListRefusesMistakes(t *testing.T) {
	for _, scopes := range [][]Scope{
		{{Kind: ScopeProcess}}, {{ScopeEndpoint, "a"}}, {{ScopeDestination, "a"}}, {{scopeKinds, "a"}}, {acme, acme},
		{{ScopeTenant, strings.Repeat("x", longestName)}}, slices.Repeat([]Scope{acme}, mostScopes+1),
	} {
		if l, err := NewScopeList(scopes...); err == nil {
			t.Errorf("%v is no mistake: %v", scopes, l)
		}
	}
	if l, err := NewScopeList(); l != nil || err != nil || l.Key() != "" {
		t.Errorf("no scopes are %v, %v", l, err)
	}
	a, b := scopeList(t, furtherScopes...), scopeList(t, furtherScopes[4], furtherScopes[2], furtherScopes[0], furtherScopes[3], furtherScopes[1])
	if a.Key() != b.Key() || a.Key() == scopeList(t, acme).Key() {
		t.Error("the key depends on the order, or on nothing")
	}
	if PairOf(acme, furtherScopes[1]) != PairOf(furtherScopes[1], acme) {
		t.Error("a pair depends on the order")
	}
}

func TestLimitsThatAScopeOfJobsCannotHave(t *testing.T) {
	r := newRig(t, wide())
	for _, l := range []Limits{{ConnectionRate: Rate{Count: 1, Per: time.Second}}, {MessagesPerConnection: 5}, {Connections: -5}} {
		if err := r.s.SetLimits(r.now, acme, l); err == nil {
			t.Errorf("%v is no mistake", l)
		}
	}
}

var leaseKind = &meterKind{name: "lease", unit: messages}

// lease is a meter whose tokens come from elsewhere.
type lease struct {
	pause
	tokens int
}

func (l *lease) at(now time.Time, n int) time.Time {
	if l.tokens < n {
		return never
	}
	return now
}
func (l *lease) take(_ time.Time, n int)               { l.tokens -= n }
func (l *lease) release(_ time.Time, n int)            { l.tokens += n }
func (l *lease) explain(time.Time) (string, time.Time) { return "lease", never }

// TestAMeterThatAnswersNever is not asked again before it tells of tokens, whatever
// scope it belongs to.
func TestAMeterThatAnswersNever(t *testing.T) {
	for _, of := range append(slices.Clone(furtherScopes), Scope{Kind: ScopeProcess}, Scope{ScopeEndpoint, "relay"}, Scope{ScopeDestination, "d"}) {
		for _, idle := range []bool{false, true} {
			t.Run(fmt.Sprint(of.Kind, " idle ", idle), func(t *testing.T) {
				r := newRig(t, wide())
				if of.Kind.further() {
					r.setLimits(of, Limits{RecipientsPerMessage: 50})
				}
				c := r.open("relay")
				r.pushOf("d", "first", furtherScopes...)
				r.exchange(c, "first")
				leased, kind := &lease{}, leaseKind
				switch of.Kind {
				case ScopeProcess:
					r.s.process.fit(leased, kind, 0)
				case ScopeEndpoint:
					r.endpoint("relay").fit(leased, kind, 0)
				case ScopeDestination:
					r.destination("d").fit(leased, kind, 0)
				default:
					p, _ := r.s.parents.get(of.String())
					p.fit(leased, kind, 0)
				}
				r.pushOf("d", "second", furtherScopes...)
				r.pushOf("d", "third", furtherScopes...)
				if !idle {
					r.none(c, 0)
				}
				if g, _ := c.Next(r.now); g != nil {
					t.Fatal("an item went without tokens")
				}
				for range 3 {
					if at := r.s.Tick(r.now, nobody{}); !at.IsZero() {
						t.Fatalf("it is asked again in %v, want not before it is told", at.Sub(r.now))
					}
					r.pass(time.Hour)
				}
				if h := r.driven(); len(h.woken)+len(h.opened) > 0 {
					t.Fatalf("%+v: nothing was told", h)
				}
				leased.tokens = 1
				r.s.mu.Lock()
				r.s.lookAgainLocked(r.now, of)
				r.s.mu.Unlock()
				if h := r.driven(); len(h.woken) != 1 {
					t.Fatalf("%+v: want the idle connection woken", h)
				}
				r.exchange(c, "second")
				r.none(c, 0)
			})
		}
	}
}

// TestTokensOfTheProcessInAnothersHand are waited for without asking: their end
// wakes the other endpoint.
func TestTokensOfTheProcessInAnothersHand(t *testing.T) {
	for _, end := range []string{"written", "returned", "failed"} {
		t.Run(end, func(t *testing.T) {
			cfg := wide()
			cfg.Process.MessageRate = Rate{Count: 1, Per: time.Second}
			r := newRig(t, cfg)
			a, b := r.open("a"), r.open("b")
			for _, e := range []string{"a", "b"} {
				r.job(Job[string]{Destination: "d" + e, Value: e, Path: Through(e)})
			}
			g := r.grant(a, "a")
			if g, _ := b.Next(r.now); g != nil {
				t.Fatal("the second went at once")
			}
			r.driven()
			if at := r.s.Tick(r.now, nobody{}); !at.IsZero() {
				t.Fatalf("it is asked again in %v", at.Sub(r.now))
			}
			r.pass(time.Minute)
			switch end {
			case "written":
				g.Wrote(r.now)
			case "returned":
				g.Return(r.now)
			case "failed":
				g.Done(r.now, Outcome{Stage: classify.StageMail, Err: errRefused})
			}
			r.driven()
			if end == "written" {
				r.woken(time.Second)
			}
			if e := r.endpoint("b"); e.starting != 1 {
				t.Error("the connection that waits is not woken")
			}
		})
	}
}

// TestParkedItemsMoveWithTheirFlow when it leaves its path: none is forgotten, and
// their order stays.
func TestParkedItemsMoveWithTheirFlow(t *testing.T) {
	for parked := range 4 {
		t.Run(fmt.Sprint(parked), func(t *testing.T) {
			r := newRig(t, wide())
			r.setLimits(acme, Limits{MessageRate: Rate{Count: 1, Per: time.Minute}})
			var first *Item[string]
			for i := range 1 + parked {
				if it := r.pushOf("d", fmt.Sprint(i), acme); i == 0 {
					first = it
				}
			}
			c := r.open("relay")
			r.s.mu.Lock()
			f := first.flow
			r.s.mu.Unlock()
			r.exchange(c, "0")
			r.none(c, 0)
			r.s.mu.Lock()
			if parked > 0 {
				r.s.moveLocked(r.now, f, Through("other"), false)
				r.s.rescheduleFlowLocked(r.now, f)
			}
			r.s.mu.Unlock()
			other := r.open("other")
			for i := range parked {
				r.woken(time.Minute)
				r.exchange(other, fmt.Sprint(i+1))
				r.none(other, 0)
			}
		})
	}
}

// Drive is asked to tell the time of a parent's turn when it is the earliest, and only then.
func TestTheEarliestTurnOfAParentIsTold(t *testing.T) {
	r := newRig(t, wide())
	for _, tt := range []struct {
		in   time.Duration
		told bool
	}{{time.Minute, true}, {time.Hour, false}, {time.Second, true}} {
		r.s.stirred.Store(false)
		r.s.waitLocked(&parent[string]{pos: -1}, r.now.Add(tt.in))
		if told := r.s.stirred.Load(); told != tt.told {
			t.Errorf("in %v: told %v, want %v", tt.in, told, tt.told)
		}
	}
}

// Of the mail that a scope holds back, single mail goes first, but no more than nine in a
// row.
func TestBulkMailOfAScopeHasItsTurn(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{MessageRate: Rate{Count: 1, Per: time.Minute}})
	for range 3 {
		r.pushOf("d", "bulk", acme)
	}
	c := r.open("relay")
	r.exchange(c, "bulk")
	r.none(c, 0)
	for range 2*singleTurns + 2 {
		r.job(Job[string]{Destination: "d", Value: "single", Lane: Single, Scopes: scopeList(t, acme)})
	}
	r.none(c, 0)
	for i := range 2 * (singleTurns + 1) {
		want := "single"
		if i%(singleTurns+1) == singleTurns {
			want = "bulk"
		}
		r.woken(time.Minute)
		r.exchange(c, want)
		r.none(c, 0)
	}
}
