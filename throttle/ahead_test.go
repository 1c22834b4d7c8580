package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// unready returns the value that Unready gave; "" for none.
func unready(v string, ok bool) string {
	if !ok {
		return ""
	}
	return v
}

// TestUnreadyIsWhatNextGrants: it changes nothing, and skips what is ready.
func TestUnreadyIsWhatNextGrants(t *testing.T) {
	r := newRig(t, wide())
	var items []*Item[string]
	for i := range 4 {
		items = append(items, r.job(Job[string]{Destination: "d", Value: fmt.Sprint(i), Fresh: true, Render: true}))
	}
	c := r.open("relay")
	for range 3 {
		if got := unready(c.Unready(r.now)); got != "0" {
			t.Fatalf("got %q, want 0", got)
		}
	}
	r.s.RenderedAhead(items[0], 1)
	if got := unready(c.Unready(r.now)); got != "" {
		t.Errorf("got %q, and the first item is ready", got)
	}
	g := r.grant(c, "0")
	if got := unready(g.Unready(r.now)); got != "1" {
		t.Errorf("got %q, want 1", got)
	}
	if next, _ := g.Next(r.now); next != nil {
		t.Fatalf("%q follows, and must be rendered", next.Value())
	}
	r.s.RenderedAhead(items[1], 1)
	if got := unready(g.Unready(r.now)); got != "" {
		t.Errorf("got %q for one connection, and an item is ready for it", got)
	}
	widen(2, &r.endpoint("relay").scope)
	r.open("relay")
	if got := unready(g.Unready(r.now)); got != "2" {
		t.Errorf("got %q for two connections, want 2", got)
	}
	r.s.Dropped(r.now, items[1])
	if next, _ := g.Next(r.now); next != nil {
		t.Fatalf("%q follows, and was dropped", next.Value())
	}
	r.s.RenderedAhead(items[1], 1)
	next, _ := g.Next(r.now)
	if next == nil || next.Value() != "1" {
		t.Fatal("the item that is rendered does not follow")
	}
	checkPlaces(t, r.s, r.now)
}

// TestUnreadyLooksAtOtherDestinations too, each of which has one item.
func TestUnreadyLooksAtOtherDestinations(t *testing.T) {
	r := newRig(t, wide())
	var items []*Item[string]
	for i := range 4 {
		items = append(items, r.job(Job[string]{Destination: fmt.Sprint("d", i), Value: fmt.Sprint(i), Fresh: true, Render: true}))
	}
	widen(2, &r.endpoint("relay").scope)
	r.open("relay")
	c := r.open("relay")
	r.s.RenderedAhead(items[0], 1)
	g := r.grant(c, "0")
	r.s.RenderedAhead(items[1], 1)
	if got := unready(g.Unready(r.now)); got != "2" {
		t.Errorf("got %q, want 2", got)
	}
	r.s.RenderedAhead(items[2], 1)
	if got := unready(g.Unready(r.now)); got != "" {
		t.Errorf("got %q, and two items are ready for two connections", got)
	}
}

// TestRetriesFollowUnreadyItems: what is held rendered goes when the first must be
// rendered.
func TestRetriesFollowUnreadyItems(t *testing.T) {
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Value: "retry 1"})
	r.job(Job[string]{Destination: "d", Value: "retry 2"})
	r.job(Job[string]{Destination: "d", Value: "fresh", Fresh: true, Render: true})
	g := r.grant(r.open("relay"), "retry 1")
	next, _ := g.Next(r.now)
	if next == nil || next.Value() != "retry 2" {
		t.Error("the retry does not follow")
	}
}

// TestNothingIsUnreadyWithoutRoom holds as many messages as may be.
func TestNothingIsUnreadyWithoutRoom(t *testing.T) {
	cfg := wide()
	cfg.MaxHeld = 8
	r := newRig(t, cfg)
	r.job(Job[string]{Destination: "d", Value: "x", Fresh: true, Render: true})
	c := r.open("relay")
	for range 8 {
		r.s.Hold(r.now, "d", Bulk, 1)
	}
	if got := unready(c.Unready(r.now)); got != "" {
		t.Errorf("got %q, and no room is left", got)
	}
}

// TestConnectionsRenderDifferentItemsAhead has several connections ask at once.
func TestConnectionsRenderDifferentItemsAhead(t *testing.T) {
	r := newRig(t, wide())
	for i := range 8 {
		r.job(Job[string]{Destination: "d", Value: fmt.Sprint(i), Fresh: true, Render: true})
	}
	widen(3, &r.destination("d").scope)
	var grants []*Grant[string]
	for i := range 3 {
		if e, ok := r.s.endpoints.get("relay"); ok {
			widen(3, &e.scope)
		}
		grants = append(grants, r.grant(r.open("relay"), fmt.Sprint(i)))
	}
	seen := map[string]bool{}
	for _, g := range grants {
		v, ok := g.Unready(r.now)
		if !ok || seen[v] {
			t.Errorf("got %q again, or nothing (%v)", v, ok)
		}
		seen[v] = true
	}
}

// TestUnreadyLooksNoFurtherThanItsConnections: what two connections will send next is
// rendered, and nothing behind it yet.
func TestUnreadyLooksNoFurtherThanItsConnections(t *testing.T) {
	r := newRig(t, wide())
	var items []*Item[string]
	for i := range 5 {
		items = append(items, r.job(Job[string]{Destination: "d", Value: fmt.Sprint(i), Fresh: true, Render: true}))
	}
	widen(2, &r.endpoint("relay").scope)
	r.open("relay")
	c := r.open("relay")
	r.s.RenderedAhead(items[0], 1)
	g := r.grant(c, "0")
	r.s.RenderedAhead(items[1], 1)
	if got := unready(g.Unready(r.now)); got != "2" {
		t.Errorf("got %q, want 2", got)
	}
	r.s.RenderedAhead(items[2], 1)
	if got := unready(g.Unready(r.now)); got != "" {
		t.Errorf("got %q, and two items are ready for two connections", got)
	}
}

// What a scope holds back is not made ready: the item behind it goes next.
func TestUnreadyPassesOverWhatAScopeHoldsBack(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{MessageRate: Rate{Count: 1, Per: time.Hour}})
	r.pushOf("d", "first", acme)
	c := r.open("relay")
	r.exchange(c, "first")
	r.job(Job[string]{Destination: "d", Value: "held", Scopes: scopeList(t, acme), Fresh: true, Render: true})
	if got := unready(c.Unready(r.now)); got != "" {
		t.Errorf("got %q, and it may not go for an hour", got)
	}
	r.job(Job[string]{Destination: "d", Value: "free", Fresh: true, Render: true})
	if got := unready(c.Unready(r.now)); got != "free" {
		t.Errorf("got %q, want the one that may go", got)
	}
}

// Nothing is made ready for a connection that gets nothing now: it is closed or takes no
// more, its endpoint rests, a limit is used up, or another endpoint serves the path.
func TestUnreadyIsNothingWhereNothingMayGo(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(r *rig, c *Conn[string])
		want   string
	}{
		"it may go":         {func(*rig, *Conn[string]) {}, "x"},
		"closed":            {func(r *rig, c *Conn[string]) { c.Closed(r.now, 0, classify.Verdict{}, nil) }, ""},
		"it takes its last": {func(_ *rig, c *Conn[string]) { c.last = true }, ""},
		"at rest":           {func(r *rig, c *Conn[string]) { c.e.down, c.e.until = true, r.now.Add(time.Minute) }, ""},
		"a limit": {func(r *rig, c *Conn[string]) {
			r.setLimits(Scope{ScopeEndpoint, "relay"}, Limits{MessageRate: Rate{Count: 1, Per: time.Hour}})
			c.e.take(r.now, message(1, 1))
		}, ""},
	} {
		r := newRig(t, wide())
		r.job(Job[string]{Destination: "d", Value: "x", Fresh: true, Render: true})
		c := r.open("relay")
		if tt.change(r, c); unready(c.Unready(r.now)) != tt.want {
			t.Errorf("%s: got %q, want %q", name, unready(c.Unready(r.now)), tt.want)
		}
	}
	path := Through("first", "second")
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Value: "x", Path: path, Fresh: true, Render: true})
	if got := unready(r.open("second").Unready(r.now)); got != "" {
		t.Errorf("got %q for the endpoint that is the second choice", got)
	}
	if got := unready(r.open("first").Unready(r.now)); got != "x" {
		t.Errorf("got %q for the first choice, want x", got)
	}
}

// A grant that looks ahead gives its places to what may follow, and has them again: those
// of its destination and of the scopes of its job.
func TestLookingAheadKeepsThePlacesOfAGrant(t *testing.T) {
	r := newRig(t, wide())
	r.setLimits(acme, Limits{Connections: 1})
	for i := range 3 {
		r.job(Job[string]{Destination: "d", Value: fmt.Sprint(i), Scopes: scopeList(t, acme), Fresh: true, Render: true})
	}
	widen(3, &r.endpoint("relay").scope, &r.destination("d").scope)
	g := r.grant(r.open("relay"), "0")
	if got := unready(g.Unready(r.now)); got != "1" {
		t.Errorf("got %q behind the one that has the only place, want 1", got)
	}
	checkPlaces(t, r.s, r.now)
	if p, _ := r.s.parents.get(acme.String()); p.inUse != 1 || r.destination("d").inUse != 1 {
		t.Errorf("the scope has %d places taken and the destination %d, want 1 of each", p.inUse, r.destination("d").inUse)
	}
	r.none(r.open("relay"), 0) // nobody else gets the place
}
