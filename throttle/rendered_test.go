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
	dropped := Job[string]{Destination: "d", Value: "dropped", Dropped: true}
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
		{"bulk at its share", 0, 0, 9, bulk, false},
		{"bulk below its share", 0, 0, 8, bulk, true},
		{"bulk at its share of what others leave", 6, 0, 4, bulk, false},
		{"bulk below its share of what others leave", 6, 0, 2, bulk, true},
		{"bulk at its share of the bytes that others leave", 1, 1200, 1, bulk, false},
		{"single at its share", 0, 0, 11, single, false},
		{"single below its share", 0, 0, 10, single, true},
		{"retry at its share", 0, 0, 11, retry, true},
		{"dropped at its share", 0, 0, 11, dropped, false},
		{"dropped below its share", 0, 0, 8, dropped, true},
		{"dropped at the bound", 16, 0, 0, dropped, false},
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
				r.s.Hold(r.now, "other", Bulk, bytes)
			}
			for range test.share {
				r.s.Hold(r.now, "d", test.job.Lane, 0)
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
				r.s.Release(r.now, "other", Bulk, test.bytes)
				test.bytes = 0
			}
			for range test.share {
				r.s.Release(r.now, "d", test.job.Lane, 0)
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
		r.s.Hold(r.now, fmt.Sprint("full ", i), Bulk, 1)
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
	r.s.Release(r.now, "full 0", Bulk, 1)
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
	r.s.Hold(r.now, "a", Bulk, 1)
	var items []*Item[string]
	for i := range 10 {
		items = append(items, r.push(fmt.Sprint("d", i), "x"))
	}
	r.none(c, 0)
	r.s.Release(r.now, "a", Bulk, 1)
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
	r.s.Hold(r.now, "d", Bulk, 1)
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
		r.s.Hold(r.now, to, Bulk, 1)
		r.accepted(g)
		r.none(c, 0)
		r.s.Release(r.now, to, Bulk, 1)
	}
}

// TestBlockedDestinationsLeaveRoom has destinations hold all that they may, and
// give nothing back; a newcomer can hold enough to use its connections.
func TestBlockedDestinationsLeaveRoom(t *testing.T) {
	for _, bytes := range []int64{1 << 10, 100 << 10} {
		for _, blocked := range []int{1, 2, 10, 100} {
			cfg := wide()
			cfg.MaxHeld, cfg.MaxHeldBytes = 10_000, 1<<30
			r := newRig(t, cfg)
			c := r.open("relay")
			fill := func(to string, lane Lane) (n int) {
				for ; ; n++ {
					it := r.job(Job[string]{Destination: to, Value: to, Lane: lane, Fresh: true})
					g, _ := askNext(c, r.now)
					if g == nil {
						r.s.Remove(r.now, it)
						return n
					}
					r.s.Hold(r.now, to, lane, bytes)
					r.accepted(g)
				}
			}
			for i := range blocked {
				fill(fmt.Sprint("d", i), Bulk)
			}
			checkPlaces(t, r.s, r.now)
			if n := fill("good", Bulk); n < 10 {
				t.Errorf("%d destinations with messages of %d bytes leave room for %d in bulk", blocked, bytes, n)
			}
			if n := fill("good", Single); n < 15 {
				t.Errorf("%d destinations with messages of %d bytes leave room for %d given singly", blocked, bytes, n)
			}
		}
	}
}

// TestShareGrowsWithWhatIsReleased stops a destination by what others hold; a
// Release of theirs lets it go on.
func TestShareGrowsWithWhatIsReleased(t *testing.T) {
	cfg := wide()
	cfg.MaxHeld = 100
	r := newRig(t, cfg)
	c := r.open("relay")
	r.push("d", "first")
	r.accepted(r.grant(c, "first"))
	for range 30 {
		r.s.Hold(r.now, "d", Bulk, 0)
	}
	for range 35 {
		r.s.Hold(r.now, "other", Bulk, 0)
	}
	r.push("d", "second")
	r.none(c, 0)
	r.settled()
	checkPlaces(t, r.s, r.now)
	for range 8 {
		r.s.Release(r.now, "other", Bulk, 0)
		checkPlaces(t, r.s, r.now)
	}
	r.ready("relay", 1, 0)
	r.exchange(c, "second")
}

// TestALargeMessageGoesAlone holds a message larger than the bound.
func TestALargeMessageGoesAlone(t *testing.T) {
	cfg := wide()
	cfg.MaxHeldBytes = 1000
	r := newRig(t, cfg)
	r.push("d", "large")
	r.push("e", "next")
	c := r.open("relay")
	r.grant(c, "large")
	r.s.Hold(r.now, "d", Bulk, 5000)
	r.none(c, 0)
	r.s.Release(r.now, "d", Bulk, 5000)
	r.exchange(c, "next")
}

// TestDroppedItemsTakeTurnsWithFreshOnes has both wait; those that are still
// held go before those that were dropped.
func TestDroppedItemsTakeTurnsWithFreshOnes(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	for i := range 3 {
		r.push("d", fmt.Sprint("fresh ", i))
	}
	for i := range 2 {
		r.job(Job[string]{Destination: "d", Value: fmt.Sprint("dropped ", i), Dropped: true, NotBefore: r.now.Add(time.Second)})
	}
	r.job(Job[string]{Destination: "d", Value: "held", NotBefore: r.now.Add(2 * time.Second)})
	r.pass(3 * time.Second)
	for _, want := range []string{"held", "fresh 0", "dropped 0", "fresh 1", "dropped 1", "fresh 2"} {
		r.exchange(c, want)
		checkPlaces(t, r.s, r.now)
	}
}

// TestDroppedTakesTheExemptionBack has the message of a queued item dropped.
func TestDroppedTakesTheExemptionBack(t *testing.T) {
	cfg := wide()
	cfg.MaxHeld = 1
	r := newRig(t, cfg)
	c := r.open("relay")
	r.push("other", "other")
	r.grant(c, "other")
	it := r.job(Job[string]{Destination: "d", Value: "again"})
	r.s.Hold(r.now, "other", Bulk, 0)
	for range 2 {
		r.s.Dropped(r.now, it)
		checkPlaces(t, r.s, r.now)
	}
	r.none(c, 0)
	r.s.Rendered(r.now, it)
	r.s.Dropped(r.now, it)
	r.s.Release(r.now, "other", Bulk, 0)
	r.exchange(c, "again")
	r.s.Dropped(r.now, it) // too late, and harmless
}

// TestAGrantHoldsItsMessage: the message of a job with Holds counts as held from the
// grant to its end, with the bytes that it turns out to take up, and what waits for the
// room goes then.
func TestAGrantHoldsItsMessage(t *testing.T) {
	for _, end := range []string{"done", "returned"} {
		t.Run(end, func(t *testing.T) {
			cfg := wide()
			cfg.MaxHeld, cfg.MaxHeldBytes = 1, 1000
			r := newRig(t, cfg)
			r.job(Job[string]{Destination: "d", Value: "first", Fresh: true, Holds: true, Lane: Single})
			r.job(Job[string]{Destination: "e", Value: "second", Fresh: true, Holds: true, Lane: Single})
			c := r.open("relay")
			g := r.grant(c, "first")
			g.Holds(r.now, 7)
			if s := r.s.Stats(r.now); s.Held != 1 || s.HeldBytes != 7 {
				t.Errorf("%d messages of %d bytes are held, want 1 of 7", s.Held, s.HeldBytes)
			}
			if behind, _ := g.Next(r.now); behind != nil {
				t.Errorf("%s goes although the bound is reached", behind.Value())
			}
			if end == "done" {
				g.Wrote(r.now)
				g.Done(r.now, Outcome{Accepted: 1})
			} else {
				g.Return(r.now)
			}
			if s := r.s.Stats(r.now); s.Held != 0 || s.HeldBytes != 0 {
				t.Errorf("%d messages of %d bytes are held after the grant", s.Held, s.HeldBytes)
			}
			r.grant(c, "second")
		})
	}
}

// TestAMessageLargerThanTheBurst goes when the bucket is full, and what it lacked comes
// in before anything else goes. What is returned costs nothing, what is refunded is
// there again.
func TestAMessageLargerThanTheBurst(t *testing.T) {
	kind := settings[0].meterKind
	b := newBucket(Rate{Count: 10, Per: time.Second, Burst: 100})
	b.kind = &kind
	b.take(noon, 50)
	b.commit(noon, 50)
	at := func(now time.Time, n int, want time.Duration) {
		t.Helper()
		got := b.at(now, n)
		if d := got.Sub(noon) - want; d < 0 || d > time.Microsecond {
			t.Fatalf("%d go at %v, want %v", n, got.Sub(noon), want)
		}
	}
	at(noon, 300, 5*time.Second) // when it is full
	full := noon.Add(6 * time.Second)
	b.take(full, 300)
	if got := b.at(full, 1); !got.Equal(never) {
		t.Errorf("one goes at %v beside a larger one", got)
	}
	b.release(full, 300)
	at(full, 100, 6*time.Second)
	b.take(full, 300)
	written := full.Add(time.Second)
	b.commit(written, 300)
	at(written, 1, 27*time.Second+100*time.Millisecond) // 20 s for 200, and one more
	r, _ := b.record(written)
	if r.Used < 299.9 || r.Used > 300.1 {
		t.Errorf("%v are used, want 300", r.Used)
	}
	kept := newBucket(Rate{Count: 10, Per: time.Second, Burst: 100})
	kept.restore(written.Add(5*time.Second), r, 5*time.Second)
	if got := kept.at(written.Add(5*time.Second), 1).Sub(noon); got < 27*time.Second || got > 28*time.Second {
		t.Errorf("after a restart one goes at %v, want about 27.1s", got)
	}
	b.refund(written, 300)
	at(written, 90, 7*time.Second)
}
