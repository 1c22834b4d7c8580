package smtpace

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// What waits without a time for its next try is dropped after a while.
func TestBytesOfAPausedDestinationAreDropped(t *testing.T) {
	inWorld(t, smtptest.Config{Latency: time.Second}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("y.example")
		var got results
		if _, err := s.Submit(t.Context(), lf("m", "a@x.example", "b@y.example"), got.done); err != nil {
			t.Fatal(err)
		}
		for held(s) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		for srv.Stats().Messages == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(keepRendered - time.Second)
		if held(s) != 1 {
			t.Error("the bytes are dropped at once")
		}
		time.Sleep(3 * time.Second)
		if held(s) != 0 {
			t.Error("the bytes are held")
		}
		s.Resume("y.example")
		time.Sleep(time.Minute)
		if r := got.of("m"); r == nil || !r.Delivered() || held(s) != 0 {
			t.Errorf("%+v, %d held", r, held(s))
		}
	})
}

// However many messages wait rendered, they are an eighth of what may be.
func TestContentCacheIsBounded(t *testing.T) {
	r := newContentCache(Config{MaxHeld: 80, MaxHeldBytes: 8000})
	defer r.stop()
	now := time.Now()
	gone := 0
	for range 30 {
		gone += len(r.add(&Submission{}, 10, now))
	}
	if gone != 20 || r.total != 100 {
		t.Errorf("%d of 30 messages went, %d bytes stay", gone, r.total)
	}
	if gone := len(r.add(&Submission{}, 950, now)); gone != 5 {
		t.Errorf("%d messages went for a large one", gone)
	}
	if gone := len(r.add(&Submission{}, 5000, now)); gone != 6 || r.total != 5000 {
		t.Errorf("%d messages went for one that is too large, %d bytes stay", gone, r.total)
	}
	if gone := len(r.add(&Submission{}, 10, now)); gone != 1 || r.total != 10 {
		t.Errorf("%d messages went for a small one, %d bytes stay", gone, r.total)
	}
}

// The cache has room for an eighth of what may be held, in messages and in bytes, and for
// one message at least. What came first goes first.
func TestWhatTheContentCacheKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContentCache(Config{MaxHeld: 24, MaxHeldBytes: 800})
		defer c.stop()
		subs := make([]*Submission, 6)
		for i := range subs {
			subs[i] = &Submission{pos: i}
		}
		for i, step := range []struct {
			sub, evicted []int
			size, total  int64
		}{
			{[]int{0}, nil, 40, 40}, {[]int{1}, nil, 40, 80}, {[]int{0}, nil, 20, 60}, {[]int{2}, []int{}, 40, 100},
			{[]int{3}, []int{1}, 10, 70}, {[]int{4}, []int{0, 2}, 90, 100}, {[]int{5}, []int{3, 4}, 1000, 1000},
		} {
			var got []int
			for _, sub := range c.add(subs[step.sub[0]], step.size, time.Now()) {
				got = append(got, sub.pos)
			}
			if fmt.Sprint(got) != fmt.Sprint(step.evicted) || c.total != step.total || c.list.Len() != len(c.elements) {
				t.Errorf("step %d: %v had to go and %d bytes are kept, want %v and %d", i, got, c.total, step.evicted, step.total)
			}
		}
		if !c.fits(100) || c.fits(101) {
			t.Error("a message of an eighth of the bytes must fit, and no larger one")
		}
		c.remove(subs[5])
		if c.remove(subs[5]); c.total != 0 || len(c.elements) != 0 {
			t.Errorf("%d bytes are kept of nothing", c.total)
		}
		if least := newContentCache(Config{MaxHeld: 7}); least.maxMessages != 1 {
			t.Errorf("got room for %d messages, want 1", least.maxMessages)
		}
	})
}

// The size of a message that was not rendered yet is the mean of those that were.
func TestSizesThatAreExpected(t *testing.T) {
	var s sizes
	msg := Message{Msg: newMsg(t, "a@x.example")}
	if got := msg.size(&s); got != firstSize {
		t.Errorf("at first: got %d", got)
	}
	for i, step := range [][2]int64{{6400, 6400}, {12800, 6500}, {100, 6400}, {6400, 6400}} {
		if s.add(int(step[0])); msg.size(&s) != step[1] {
			t.Errorf("step %d: got %d, want %d", i, msg.size(&s), step[1])
		}
	}
	var none sizes
	if none.add(0); msg.size(&none) != 1 {
		t.Errorf("of nothing: got %d", msg.size(&none))
	}
	if got := (Message{Data: make([]byte, 5)}).size(&s); got != 5 {
		t.Errorf("of Data: got %d", got)
	}
}

// Timers fire once, at the earliest time that was asked for, and not once they were stopped.
func TestTimersOfTheDispatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var fired []time.Duration
		note := func() { fired = append(fired, time.Since(start).Round(time.Second)) }
		expect := func(what string, want ...time.Duration) {
			t.Helper()
			time.Sleep(time.Minute)
			synctest.Wait()
			if !slices.Equal(fired, want) {
				t.Errorf("%s: fired after %v, want %v", what, fired, want)
			}
			fired, start = nil, time.Now()
		}
		a := alarm{do: note}
		at := func(d time.Duration) { a.set(time.Now(), start.Add(d)) }
		a.set(start, time.Time{})
		expect("no time")
		at(5 * time.Second)
		at(9 * time.Second)
		at(2 * time.Second)
		at(2 * time.Second)
		at(7 * time.Second)
		expect("several", 2*time.Second)
		at(9 * time.Second)
		expect("again", 9*time.Second)
		at(9 * time.Second)
		a.stop()
		at(2 * time.Second)
		expect("stopped")
		l := lazyTimer{do: note}
		l.after(5 * time.Second)
		l.after(2 * time.Second)
		expect("lazy", 5*time.Second)
		l.after(2 * time.Second)
		expect("lazy, again", 2*time.Second)
		l.after(2 * time.Second)
		l.stop()
		expect("lazy, stopped")
		l.set.Store(false)
		l.after(2 * time.Second)
		expect("lazy, behind its end")
		(&alarm{do: note}).stop()
		(&lazyTimer{do: note}).stop()
	})
}
