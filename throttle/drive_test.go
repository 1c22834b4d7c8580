package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// hands is a Driver that keeps what it was told.
type hands struct{ opened, woken, retired []*Conn[string] }

func (h *hands) Open(c *Conn[string]) { h.opened = append(h.opened, c) }
func (h *hands) Wake(c *Conn[string]) { h.woken = append(h.woken, c) }

// Retire implements Driver.
func (h *hands) Retire(c *Conn[string]) { h.retired = append(h.retired, c) }

// driven returns what Drive does now.
func (r *rig) driven() *hands {
	h := new(hands)
	r.s.Drive(r.now, h)
	checkPlaces(r.T, r.s, r.now)
	return h
}

// idle returns two idle connections, the newer one last.
func (r *rig) idle() []*Conn[string] {
	r.Helper()
	var conns []*Conn[string]
	for range 2 {
		if e, ok := r.s.endpoints.get("relay"); ok {
			widen(2, &e.scope)
		}
		c := r.open("relay")
		if g, last := c.Next(r.now); g != nil || last {
			r.Fatal("a new connection has something to do")
		}
		conns = append(conns, c)
	}
	return conns
}

// TestNoReadyItemWaitsWhileAConnectionIdles wakes a connection and then has it
// do everything else than take the item that it was woken for.
func TestNoReadyItemWaitsWhileAConnectionIdles(t *testing.T) {
	for _, test := range []struct {
		name string
		does func(r *rig, woken *Conn[string])
	}{
		{"it takes another item", func(r *rig, woken *Conn[string]) {
			r.grant(woken, "first").Wrote(r.now)
			r.push("d", "second")
		}},
		{"it asked just before it was woken", func(r *rig, woken *Conn[string]) {
			g, _ := woken.Next(r.now)
			g.Wrote(r.now)
			r.push("d", "second")
		}},
		{"it leaves", func(r *rig, woken *Conn[string]) { woken.Leaves() }},
		{"it is lost", func(r *rig, woken *Conn[string]) {
			woken.Closed(r.now, classify.StageIdle, classify.Verdict{}, errDial)
		}},
		{"it gives its grant back", func(r *rig, woken *Conn[string]) {
			g, _ := woken.Next(r.now)
			g.Return(r.now)
			r.push("d", "second")
			woken.Leaves()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			conns := r.idle()
			r.push("d", "first")
			widen(2, &r.destination("d").scope)
			if h := r.driven(); len(h.woken) != 1 || h.woken[0] != conns[1] || len(h.opened) > 0 {
				t.Fatalf("%+v: want the newest idle connection woken, and no more", h)
			}
			test.does(r, conns[1])
			if h := r.driven(); len(h.woken) != 1 || h.woken[0] != conns[0] {
				t.Errorf("%+v: want the other idle connection woken", h)
			}
		})
	}
}

func TestDriveDoesNothingTwice(t *testing.T) {
	r := newRig(t, wide())
	r.idle()
	r.push("d", "x")
	r.driven()
	for range 3 {
		if h := r.driven(); len(h.woken)+len(h.opened) > 0 {
			t.Errorf("%+v: want nothing, for a connection is on its way", h)
		}
		r.s.stirAllLocked()
	}
}

func TestDriveOpensForAFreedPlaceOfTheProcess(t *testing.T) {
	cfg := wide()
	cfg.Process.Connections = 1
	r := newRig(t, cfg)
	busy := r.open("a")
	for _, name := range []string{"b", "c"} {
		r.job(Job[string]{Destination: name, Path: Through(name), Value: name})
	}
	if h := r.driven(); len(h.opened) > 0 {
		t.Fatalf("%+v: the process has no place", h)
	}
	for _, want := range []string{"b", "c"} { // in turn
		busy.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
		h := r.driven()
		if len(h.opened) != 1 || h.opened[0].Endpoint() != want {
			t.Fatalf("%+v: want one connection to %s opened", h, want)
		}
		busy = h.opened[0]
		busy.Established(r.now)
		r.exchange(busy, want)
	}
}

// TestAFreedPlaceIsNotLostOnWhoDoesNotWantIt has the first that waits for a
// connection of the process withdraw its mail meanwhile.
func TestAFreedPlaceIsNotLostOnWhoDoesNotWantIt(t *testing.T) {
	cfg := wide()
	cfg.Process.Connections = 1
	r := newRig(t, cfg)
	busy := r.open("a")
	it := r.job(Job[string]{Destination: "b", Path: Through("b")})
	r.driven()
	r.job(Job[string]{Destination: "c", Path: Through("c")})
	r.driven()
	r.s.Remove(r.now, it)
	busy.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	if h := r.driven(); len(h.opened) != 1 || h.opened[0].Endpoint() != "c" {
		t.Errorf("%+v: want a connection to c opened", h)
	}
}

// TestMailThatMovesWhileItIsLookedAtIsLookedAtAgain has the mail of a destination leave
// out one of its two relays at the moment at which the other may be probed.
func TestMailThatMovesWhileItIsLookedAtIsLookedAtAgain(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "first")
	d := r.destination("d")
	for i, relay := range []string{"a", "b"} {
		b := r.s.barredAtLocked(r.now, d, relay, "")
		b.since, b.until = r.now, r.now.Add(time.Duration(i+1)*time.Minute)
	}
	r.job(Job[string]{Destination: "d", Path: Through("a", "b"), Value: "waits"})
	if h := r.driven(); len(h.opened) != 1 || h.opened[0].Endpoint() != "relay" {
		t.Fatalf("%+v: want what may go elsewhere alone", h)
	}
	r.pass(time.Minute)
	h := new(hands)
	if r.s.Tick(r.now, h); len(h.opened) != 1 || h.opened[0].Endpoint() != "a" {
		t.Errorf("%+v: want a connection to a opened", h)
	}
}

func TestDriveTellsWhenToTick(t *testing.T) {
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "late", NotBefore: r.now.Add(time.Minute)})
	h := new(hands)
	if at := r.s.Drive(r.now, h); !at.Equal(r.now.Add(time.Minute)) {
		t.Errorf("tick at %v, want in a minute", at)
	}
	r.job(Job[string]{Destination: "soon", NotBefore: r.now.Add(time.Second)})
	if at := r.s.Drive(r.now, h); !at.Equal(r.now.Add(time.Second)) {
		t.Errorf("tick at %v, want in a second", at)
	}
	if at := r.s.Drive(r.now, h); !at.IsZero() {
		t.Errorf("tick at %v although nothing has changed", at)
	}
	r.pass(time.Second)
	if r.s.Tick(r.now, h); len(h.opened) != 1 {
		t.Fatalf("%+v: want a connection opened", h)
	}
	h.opened[0].Established(r.now)
	r.exchange(h.opened[0], "")
	h.opened[0].Next(r.now)
	if at := r.s.Drive(r.now, h); !at.Equal(r.now.Add(59 * time.Second)) {
		t.Errorf("tick at %v, want in 59 s", at)
	}
}

// TestDriveIsNotBoundByItsBatch has more to wake than one taking of the lock
// does.
func TestDriveIsNotBoundByItsBatch(t *testing.T) {
	r := newRig(t, wide())
	const n = 3*driveBatch + 1
	r.open("relay").Next(r.now)
	e := r.endpoint("relay")
	for range n - 1 {
		widen(n, &e.scope)
		r.open("relay").Next(r.now)
	}
	r.push("d", "x")
	widen(n, &r.destination("d").scope)
	for range n - 1 {
		r.push("d", "x")
	}
	r.s.stirLocked(e)
	if h := r.driven(); len(h.woken) != n {
		t.Errorf("%d connections woken, want %d", len(h.woken), n)
	}
}

// TestTheLongestIdleConnectionEndsForAStarvedEndpoint has the process' places
// taken by idle connections of another endpoint.
func TestTheLongestIdleConnectionEndsForAStarvedEndpoint(t *testing.T) {
	cfg := wide()
	cfg.Process.Connections = 2
	r := newRig(t, cfg)
	conns := r.idle()
	r.job(Job[string]{Destination: "b", Path: Through("b"), Value: "x"})
	h := r.driven()
	if len(h.retired) != 1 || h.retired[0] != conns[0] || len(h.opened) > 0 {
		t.Fatalf("%+v: want the first idle connection ended", h)
	}
	if h := r.driven(); len(h.retired) > 0 {
		t.Errorf("%+v: want one ended, not more", h)
	}
	h.retired[0].Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	if h := r.driven(); len(h.opened) != 1 || h.opened[0].Endpoint() != "b" {
		t.Errorf("%+v: want a connection to b opened", h)
	}
}

// TestWhoWaitsForTokensOfTheProcessIsTold when they come back: an endpoint that could
// not know the time, because another's grant had reserved them, is looked at once that
// is written.
func TestWhoWaitsForTokensOfTheProcessIsTold(t *testing.T) {
	cfg := wide()
	cfg.Process.MessageRate = Rate{Count: 60, Per: time.Minute}
	r := newRig(t, cfg)
	r.job(Job[string]{Destination: "a", Path: Through("a"), Value: "a"})
	g := r.grant(r.open("a"), "a")
	r.job(Job[string]{Destination: "b", Path: Through("b"), Value: "b"})
	h := new(hands)
	if at := r.s.Drive(r.now, h); !at.IsZero() || len(h.opened) > 0 {
		t.Fatalf("tick at %v, %+v; want nothing before the first is written", at, h)
	}
	g.Wrote(r.now)
	at := r.s.Drive(r.now, h)
	if !at.Equal(r.now.Add(time.Second)) {
		t.Fatalf("tick at %v, want in a second", at)
	}
	r.now = at
	if r.s.Tick(r.now, h); len(h.opened) != 1 || h.opened[0].Endpoint() != "b" {
		t.Errorf("%+v: want a connection to b", h)
	}
}

// TestABusyConnectionEndsForAStarvedEndpoint has the only connection of the process busy
// when another endpoint wants it: it ends once it has no more work. One that has carried
// nothing stays, or endpoints whose mail has no tokens would give it to each other for
// ever.
func TestABusyConnectionEndsForAStarvedEndpoint(t *testing.T) {
	for name, carries := range map[string]bool{"busy": true, "fresh": false} {
		t.Run(name, func(t *testing.T) {
			cfg := wide()
			cfg.Process.Connections = 1
			r := newRig(t, cfg)
			it := r.push("a", "x")
			c := r.open("relay")
			if carries {
				g := r.grant(c, "x")
				r.job(Job[string]{Destination: "b", Path: Through("b"), Value: "y"})
				r.driven()
				r.accepted(g)
			} else {
				r.s.Remove(r.now, it)
				r.job(Job[string]{Destination: "b", Path: Through("b"), Value: "y"})
				r.driven()
			}
			if g, last := c.Next(r.now); g != nil || last != carries {
				t.Errorf("got %v, last %v, want no grant and last %v", g, last, carries)
			}
		})
	}
}

// TestAConnectionAboutToAskNeedsNoOther pushes an item between the end of a transaction
// and the call of Next that follows it, as one does who sends one message after the
// other.
func TestAConnectionAboutToAskNeedsNoOther(t *testing.T) {
	for _, test := range []struct {
		name    string
		outcome Outcome
		does    func(r *rig, c *Conn[string])
		want    int
	}{
		{"it asks", Outcome{Accepted: 1}, func(r *rig, c *Conn[string]) { r.grant(c, "second") }, 0},
		{"it leaves", Outcome{Accepted: 1}, func(r *rig, c *Conn[string]) { c.Leaves() }, 1},
		{"it is lost", Outcome{Accepted: 1}, func(r *rig, c *Conn[string]) {
			c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
		}, 1},
		{"it asks and another is ready", Outcome{Accepted: 1}, func(r *rig, c *Conn[string]) {
			r.grant(c, "second").Wrote(r.now)
			r.push("d", "third")
		}, 1},
		{"it must not go on", Outcome{Accepted: 1, Verdict: classify.Verdict{Connection: classify.ConnQuit}}, func(*rig, *Conn[string]) {}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			c := r.open("relay")
			widen(2, &r.endpointMade("relay").scope)
			r.push("d", "first")
			widen(2, &r.destination("d").scope)
			g := r.grant(c, "first")
			g.Wrote(r.now)
			g.Asked(r.now)
			g.Done(r.now, test.outcome)
			r.push("d", "second")
			opened := len(r.driven().opened)
			if test.outcome.Verdict.Connection == classify.ConnKeep && opened > 0 {
				t.Errorf("%d connections opened while one is about to ask", opened)
			}
			test.does(r, c)
			if opened += len(r.driven().opened); opened != test.want {
				t.Errorf("%d connections opened, want %d", opened, test.want)
			}
		})
	}
}

// TestAConnectionThatReturnsInVainHoldsUpNobody: what a connection about to ask was to
// take must wait for its own pace, and another connection is opened for it.
func TestAConnectionThatReturnsInVainHoldsUpNobody(t *testing.T) {
	r, e, c := newSpread(t)
	e.spread.begin(r.now, apart)
	widen(4, &e.scope, &r.destination("a").scope)
	g := r.grant(c, "1")
	g.Wrote(r.now)
	g.Asked(r.now)
	g.Done(r.now, Outcome{Accepted: 1})
	r.push("a", "2")
	if h := r.driven(); len(h.opened) > 0 {
		t.Fatalf("%+v: want nothing while a connection is about to ask", h)
	}
	c.own.next = r.now.Add(time.Minute)
	r.nothing(c)
	if h := r.driven(); len(h.opened) != 1 {
		t.Errorf("%+v: want a connection opened", h)
	}
}
