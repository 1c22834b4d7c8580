package throttle

import (
	"fmt"
	"testing"
	"time"
)

func TestHeldBound(t *testing.T) {
	bulk := Job[string]{Destination: "d", Value: "bulk", Fresh: true}
	single := Job[string]{Destination: "d", Value: "single", Lane: Single, Fresh: true}
	retry := Job[string]{Destination: "d", Value: "retry"}
	for _, test := range []struct {
		name  string
		held  int   // by others, of 16
		bytes int64 // of 1600
		share int   // by the destination itself
		job   Job[string]
		goes  bool
	}{
		{"bulk below", 13, 0, 0, bulk, true},
		{"bulk at 7/8", 14, 0, 0, bulk, false},
		{"bulk at 7/8 of the bytes", 1, 1400, 0, bulk, false},
		{"bulk just below 7/8 of the bytes", 1, 1399, 0, bulk, true},
		{"single at 7/8", 14, 0, 0, single, true},
		{"single at the bound", 16, 0, 0, single, false},
		{"single at the bytes", 1, 1600, 0, single, false},
		{"retry at the bound", 16, 1600, 0, retry, true},
		{"bulk at its half", 0, 0, 8, bulk, false},
		{"bulk below its half", 0, 0, 7, bulk, true},
		{"single at its half", 0, 0, 8, single, false},
		{"retry at its half", 0, 0, 8, retry, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := wide()
			cfg.MaxHeld, cfg.MaxHeldBytes = 16, 1600
			r := newRig(t, cfg)
			r.push("other", "other")
			c := r.open("relay")
			r.grant(c, "other")
			r.job(test.job)
			for i := range test.held {
				bytes := int64(0)
				if i == 0 {
					bytes = test.bytes
				}
				r.s.Hold("other", bytes)
			}
			for range test.share {
				r.s.Hold("d", 0)
			}
			want := 0
			if test.goes {
				want = 1
			}
			if test.share == 0 { // with a share of its own it is found out at its turn
				r.ready("relay", want, 0)
			}
			g, again := askNext(c, r.now)
			if (g != nil) != test.goes || !again.IsZero() {
				t.Fatalf("it goes: %v, again at %v; want %v", g != nil, again, test.goes)
			}
			checkPlaces(t, r.s, r.now)
			if test.goes {
				return
			}
			c.Next(r.now) // and is idle
			r.settled()
			for range test.held {
				r.s.Release(r.now, "other", test.bytes)
				test.bytes = 0
			}
			for range test.share {
				r.s.Release(r.now, "d", 0)
			}
			if !r.s.stirred.Load() {
				t.Error("no Release has Drive look for more")
			}
			r.ready("relay", 1, 0)
			r.grant(c, test.job.Value)
		})
	}
}

// TestRetriesGoWhileFreshItemsWait has both at one destination, and at others.
func TestRetriesGoWhileFreshItemsWait(t *testing.T) {
	cfg := wide()
	cfg.MaxHeld = 8
	r := newRig(t, cfg)
	for i := range 7 {
		r.push(fmt.Sprint("full ", i), "x")
	}
	c := r.open("relay")
	for i := range 7 {
		r.grant(c, "x")
		r.s.Hold(fmt.Sprint("full ", i), 1)
	}
	for i := range 3 {
		to := fmt.Sprint("d", i)
		r.push(to, "fresh "+to)
		r.job(Job[string]{Destination: to, Value: "retry " + to, NotBefore: r.now.Add(time.Second + time.Duration(i))})
	}
	r.ready("relay", 0, time.Second)
	r.none(c, time.Second)
	r.pass(2 * time.Second)
	for i := range 3 {
		r.exchange(c, fmt.Sprint("retry d", i))
	}
	r.none(c, 0)
	r.settled()
	r.s.Release(r.now, "full 0", 1)
	if !r.s.stirred.Load() {
		t.Error("Release does not have Drive look for more")
	}
	r.exchange(c, "fresh d0")
	// Nothing of it was held: the room is still there for the others.
	r.exchange(c, "fresh d1")
	r.exchange(c, "fresh d2")
}

// TestRoomIsNotLostWithTheItemThatIsRemoved releases one place; the item that
// could have it goes away.
func TestRoomIsNotLostWithTheItemThatIsRemoved(t *testing.T) {
	cfg := wide()
	cfg.MaxHeld = 1
	r := newRig(t, cfg)
	r.push("a", "a")
	c := r.open("relay")
	r.grant(c, "a")
	r.s.Hold("a", 1)
	var items []*Item[string]
	for i := range 10 {
		items = append(items, r.push(fmt.Sprint("d", i), "x"))
	}
	r.none(c, 0)
	r.s.Release(r.now, "a", 1)
	for _, it := range items[:9] {
		r.s.Remove(r.now, it)
	}
	r.ready("relay", 1, 0)
	r.exchange(c, "x")
}

// TestHalvesOfAMessageDoNotWaitForEachOther has a message for two destinations;
// when it is held for one, the other may go.
func TestHalvesOfAMessageDoNotWaitForEachOther(t *testing.T) {
	cfg := wide()
	cfg.MaxHeld = 1
	r := newRig(t, cfg)
	r.push("d", "first half")
	second := r.push("e", "second half")
	late := r.job(Job[string]{Destination: "f", Value: "third", Fresh: true, NotBefore: r.now.Add(time.Second)})
	c := r.open("relay")
	g := r.grant(c, "first half")
	r.s.Hold("d", 1)
	r.accepted(g)
	r.none(c, time.Second)
	for range 2 {
		r.s.Rendered(r.now, second)
		r.s.Rendered(r.now, late)
		checkPlaces(t, r.s, r.now)
	}
	r.ready("relay", 1, 0)
	r.exchange(c, "second half")
	r.s.Rendered(r.now, second) // too late, and harmless
	r.pass(time.Second)
	r.exchange(c, "third")
}

// TestHeldRoomIsSharedInTurn lets one destination at a time have the only place.
func TestHeldRoomIsSharedInTurn(t *testing.T) {
	cfg := wide()
	cfg.MaxHeld = 1
	r := newRig(t, cfg)
	for range 100 {
		r.push("busy", "busy")
	}
	r.push("quiet", "quiet")
	c := r.open("relay")
	for _, want := range []string{"busy", "quiet", "busy", "busy"} {
		g := r.grant(c, want)
		to := g.d.name
		r.s.Hold(to, 1)
		r.accepted(g)
		r.none(c, 0)
		r.s.Release(r.now, to, 1)
	}
}
