package smtpace

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// newPass returns the pass of a message of so many bytes to some destinations.
func newPass(a *admission, bytes int64, to ...string) *pass {
	var routes []answer
	for _, d := range to {
		routes = append(routes, answer{route: route{destination: d}})
	}
	p := &pass{}
	p.fill(a, bytes, routes)
	return p
}

// tryEnter reports whether a message is let in at once.
func tryEnter(a *admission, p *pass) bool {
	ctx, cancel := context.WithCancel(context.Background())
	in := make(chan error)
	go func() { in <- a.enter(ctx, p, 0) }()
	synctest.Wait()
	cancel()
	return <-in == nil
}

// enterAll has one destination take all places that it can.
func enterAll(a *admission, bytes int64, to ...string) (all []*pass) {
	for {
		p := newPass(a, bytes, to...)
		if !tryEnter(a, p) {
			return all
		}
		all = append(all, p)
	}
}

func TestAdmissionCannotBeFilled(t *testing.T) {
	for _, bytes := range []int64{1 << 10, 100 << 10} {
		for _, blocked := range []int{1, 2, 10, 100} {
			synctest.Test(t, func(t *testing.T) {
				a := newAdmission(10_000, 1<<30)
				for i := range blocked {
					n := len(enterAll(a, bytes, fmt.Sprint("d", i)))
					if i == 0 && n < 6_600 {
						t.Errorf("one destination takes %d places of 10,000", n)
					}
				}
				if n := len(enterAll(a, bytes, "good")); n < 19 {
					t.Errorf("%d destinations with messages of %d bytes leave %d places", blocked, bytes, n)
				}
			})
		}
	}
}

// TestAdmissionOfLargeMessagesCannotBeFilled: the sizes of messages that Config.MaxQueuedBytes
// names leave room for one more destination.
func TestAdmissionOfLargeMessagesCannotBeFilled(t *testing.T) {
	for _, test := range []struct{ blocked, part int }{{100, 700}, {100, 1024}, {40, 256}, {10, 64}} {
		synctest.Test(t, func(t *testing.T) {
			bytes := int64(1<<30) / int64(test.part)
			a := newAdmission(250_000, 1<<30)
			for i := range test.blocked {
				enterAll(a, bytes, fmt.Sprint("d", i))
			}
			if len(enterAll(a, bytes, "good")) == 0 {
				t.Errorf("%d destinations with messages of %d bytes leave no place", test.blocked, bytes)
			}
		})
	}
}

func TestAdmissionBoundsMessagesAndBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for bytes, want := range map[int64]int{0: 67, 100: 67, 1000: 67, 2000: 34, 100_000: 1, 1 << 40: 1} {
			a := newAdmission(100, 100_000)
			all := enterAll(a, bytes, "d")
			if len(all) != want {
				t.Errorf("%d messages of %d bytes are let in, want %d", len(all), bytes, want)
			}
			for _, p := range all {
				a.leave(p)
			}
			checkEmpty(t, a)
		}
	})
}

func checkEmpty(t *testing.T, a *admission) {
	t.Helper()
	if a.used != 0 || len(a.accounts) != 0 || len(a.waiting) != 0 {
		t.Errorf("left over: %d used, %v, %d waiting", a.used, a.accounts, len(a.waiting))
	}
}

// A large message leaves room for small ones of other destinations.
func TestAdmissionOfLargeMessagesLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(10_000, 1<<30)
		for i := range 100 {
			enterAll(a, 100<<20, fmt.Sprint("large ", i))
		}
		if n := len(enterAll(a, 1<<10, "small")); n < 19 {
			t.Errorf("large messages leave %d places", n)
		}
	})
}

// A caller that waits for one destination does not hold up callers for another.
func TestAdmissionHasOneLineADestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(100, 1<<30)
		blocked := enterAll(a, 0, "blocked")
		var order []int
		for i := range 3 {
			go func() {
				if a.enter(t.Context(), newPass(a, 0, "blocked"), 0) == nil {
					order = append(order, i)
				}
			}()
			synctest.Wait()
		}
		if !tryEnter(a, newPass(a, 0, "other")) {
			t.Error("a destination waits for another")
		}
		for _, p := range blocked[:4] {
			a.leave(p)
			synctest.Wait()
		}
		if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 {
			t.Errorf("let in in the order %v", order)
		}
	})
}

// A waiter whose context ends lets in those behind it that have room, of its own
// destination and of others.
func TestAdmissionLetsInWhoStoodBehindOneThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(100, 1000)
		enterAll(a, 0, "filler")
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		large, small := make(chan error, 1), make(chan error, 1)
		go func() { large <- a.enter(ctx, newPass(a, 900, "d"), 0) }()
		synctest.Wait()
		go func() { small <- a.enter(t.Context(), newPass(a, 1, "d"), 0) }()
		synctest.Wait()
		if len(large) != 0 || len(small) != 0 {
			t.Fatal("let in too early")
		}
		cancel(why)
		if err := <-large; !errors.Is(err, why) {
			t.Errorf("the one that left got %v", err)
		}
		synctest.Wait()
		if len(small) != 1 {
			t.Error("the one behind it still waits")
		}
	})
}

// A message counts for all its destinations until it has no delivery there.
func TestAdmissionCountsEveryOpenDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(100, 1<<30)
		all := enterAll(a, 0, "healthy", "archive")
		for _, p := range all {
			p.attached("healthy")
			p.attached("archive")
			p.detached("healthy")
			a.settle(p)
		}
		if n := len(enterAll(a, 0, "healthy")); n < 5 {
			t.Errorf("a destination that has settled all has %d places", n)
		}
		if tryEnter(a, newPass(a, 0, "archive")) || tryEnter(a, newPass(a, 0, "third", "archive")) {
			t.Error("the destination that settles nothing has room")
		}
		in := make(chan error, 1)
		go func() { in <- a.enter(t.Context(), newPass(a, 0, "third", "archive"), 0) }()
		synctest.Wait()
		for _, p := range all {
			a.leave(p)
		}
		if err := <-in; err != nil {
			t.Error(err)
		}
	})
}

func TestAdmissionPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(100, 1<<30)
		blocked := enterAll(a, 0, "d")
		time.Sleep(30 * time.Second)
		a.leave(blocked[0]) // it moves, and is full again
		if !tryEnter(a, blocked[0]) {
			t.Fatal("a place that was given back is taken")
		}
		start := time.Now()
		for i, want := range []time.Duration{time.Minute, time.Minute} { // of both together
			err := a.enter(t.Context(), newPass(a, 0, "d"), time.Minute)
			if took := time.Since(start); !errors.Is(err, ErrNoRoom) || took != want {
				t.Errorf("%d: %v after %v", i, err, took)
			}
		}
		time.AfterFunc(time.Second, func() { a.leave(blocked[1]) })
		time.Sleep(2 * time.Second)
		if err := a.enter(t.Context(), newPass(a, 0, "d"), time.Minute); err != nil {
			t.Errorf("a place is free, got %v", err)
		}
	})
}

func TestAdmissionResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(100, 1000)
		p := newPass(a, 10, "d")
		if !tryEnter(a, p) {
			t.Fatal("no room in an empty admission")
		}
		a.resize(p, 1000)
		in := make(chan error, 1)
		go func() { in <- a.enter(t.Context(), newPass(a, 1, "e"), 0) }()
		synctest.Wait()
		if len(in) != 0 {
			t.Error("let in beside a message that has all bytes")
		}
		a.resize(p, 500)
		if err := <-in; err != nil {
			t.Error(err)
		}
		a.leave(p)
		a.leave(newPass(a, 1, "e"))
		checkEmpty(t, a)
	})
}

func TestAdmissionClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(1, 1<<30)
		enterAll(a, 0, "a")
		in := make(chan error, 1)
		go func() { in <- a.enter(t.Context(), newPass(a, 0, "b"), 0) }()
		synctest.Wait()
		a.close()
		a.close()
		if err := <-in; !errors.Is(err, ErrClosed) {
			t.Errorf("who waited got %v", err)
		}
		if err := a.enter(t.Context(), newPass(a, 0, "c"), 0); !errors.Is(err, ErrClosed) {
			t.Errorf("who came later got %v", err)
		}
	})
}

// A waiter for two destinations is let in when the one settles that it no longer
// stands in line for.
func TestAdmissionWaiterOfTwoDestinations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(10_000, 1<<40)
		put := func(n int, to string) (all []*pass) {
			for range n {
				p := newPass(a, 1, to)
				a.mu.Lock()
				a.take(p)
				a.mu.Unlock()
				all = append(all, p)
			}
			return all
		}
		as, bs := put(500, "a"), put(1000, "b")
		for i := range 85 {
			put(100, fmt.Sprint("other", i))
		}
		in := make(chan error, 1)
		go func() { in <- a.enter(t.Context(), newPass(a, 1, "a", "b"), 0) }()
		synctest.Wait()
		for _, p := range bs {
			a.leave(p)
		}
		put(1000, "another")
		for _, p := range as {
			a.leave(p)
		}
		synctest.Wait()
		if len(in) == 0 {
			t.Error("it still waits when both destinations are empty")
			a.close()
		}
		<-in
	})
}

// Nobody who is first in line waits while there is room, and all room comes back,
// whatever the order in which messages come, change, settle and leave.
func TestAdmissionStorm(t *testing.T) {
	seeds := uint64(100)
	if brief() {
		seeds = 10
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			s := &admissionStorm{t: t, random: rand.New(rand.NewPCG(seed, 1)), a: newAdmission(200, 1000)}
			for range 1500 {
				s.step()
				if err := s.check(); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			s.end()
		})
	}
}

// admissionStorm does random things to an admission.
type admissionStorm struct {
	t       *testing.T
	random  *rand.Rand
	a       *admission
	inside  []*pass
	waiting []*stormWaiter
}

// stormWaiter is a call of enter.
type stormWaiter struct {
	pass   *pass
	cancel context.CancelFunc
	done   chan error
}

// step does one thing and waits for its effects.
func (s *admissionStorm) step() {
	switch k := s.random.IntN(10); {
	case k < 6:
		s.enter()
	case k < 8 && len(s.inside) > 0:
		i := s.random.IntN(len(s.inside))
		s.a.leave(s.inside[i])
		s.a.resize(s.inside[i], 30) // too late
		s.a.settle(s.inside[i])     // too late
		s.inside = slices.Delete(s.inside, i, i+1)
	case k == 8 && len(s.waiting) > 0:
		s.waiting[s.random.IntN(len(s.waiting))].cancel()
	case k == 9 && len(s.inside) > 0:
		s.a.resize(s.inside[s.random.IntN(len(s.inside))], int64(s.random.IntN(30)))
	}
	s.collect()
}

// enter has a message of one or more of four destinations enter.
func (s *admissionStorm) enter() {
	to := []string{string(rune('a' + s.random.IntN(4)))}
	for s.random.IntN(2) == 0 {
		to = append(to, string(rune('a'+s.random.IntN(4))))
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	w := &stormWaiter{newPass(s.a, int64(s.random.IntN(20)), to...), cancel, make(chan error, 1)}
	go func() { w.done <- s.a.enter(ctx, w.pass, 0) }()
	s.waiting = append(s.waiting, w)
}

// collect moves those that were let in.
func (s *admissionStorm) collect() {
	synctest.Wait()
	s.waiting = slices.DeleteFunc(s.waiting, func(w *stormWaiter) bool {
		select {
		case err := <-w.done:
			w.cancel()
			if err == nil {
				s.inside = append(s.inside, w.pass)
			}
			return true
		default:
			return false
		}
	})
}

// check reports a line whose first waiter has room, or whose waiters are not in
// the order in which they came.
func (s *admissionStorm) check() error {
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	for _, at := range s.a.accounts {
		for e := at.waiters.Front(); e != nil; e = e.Next() {
			w := e.Value.(*waiter)
			if prev := e.Prev(); prev != nil && prev.Value.(*waiter).order > w.order {
				return fmt.Errorf("the line for %s is not in order", at.name)
			}
			if need, by := s.a.need(w.pass); e.Prev() == nil && s.a.allows(need) {
				return fmt.Errorf("the first of %d for %s needs %.4f (by %s), noted is %.4f, and %.4f is free",
					at.waiters.Len(), at.name, float64(need)/whole, by, float64(at.need)/whole, 1-float64(s.a.used)/whole)
			}
		}
	}
	return nil
}

// end has all leave.
func (s *admissionStorm) end() {
	for _, w := range s.waiting {
		w.cancel()
	}
	s.collect()
	for _, p := range s.inside {
		s.a.leave(p)
	}
	checkEmpty(s.t, s.a)
}

// TestAdmissionLosesNoWakeUpOnCancel has the caller in front leave whose message
// does not fit. The one behind it, whose message does, is let in at that moment.
func TestAdmissionLosesNoWakeUpOnCancel(t *testing.T) {
	for _, behind := range []string{"c", "a"} { // for the same destination, and for another
		synctest.Test(t, func(t *testing.T) {
			a := newAdmission(100, 1000)
			for range 30 {
				if !tryEnter(a, newPass(a, 0, "a")) {
					t.Fatal("not let in")
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			left := make(chan error, 1)
			go func() { left <- a.enter(ctx, newPass(a, 900, "c"), 0) }()
			synctest.Wait()
			in := make(chan error, 1)
			go func() { in <- a.enter(t.Context(), newPass(a, 1, behind), 0) }()
			synctest.Wait()
			cancel()
			<-left
			synctest.Wait()
			if len(in) != 1 {
				t.Errorf("the one for %s sleeps although there is room", behind)
				a.close()
			}
			<-in
		})
	}
}

// A context that has ended takes no room, and a closed admission lets nobody in.
func TestAdmissionOfThoseWhoCannotEnter(t *testing.T) {
	a := newAdmission(100, 1<<20)
	ended, end := context.WithCancelCause(t.Context())
	errOwn := errors.New("ours")
	end(errOwn)
	p := newPass(a, 1000, "x.example")
	if err := a.enter(ended, p, 0); err != errOwn {
		t.Errorf("an ended context: got %v", err)
	}
	checkEmpty(t, a)
	a.close()
	a.close()
	if err := a.enter(t.Context(), p, time.Second); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
	checkEmpty(t, a)
}

// A message is charged to each destination once, to those that it is routed to later as
// well, and no more to those that it has no delivery for.
func TestChargesOfAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(100, 1<<20)
		p := newPass(a, 1000, "one", "two", "one")
		if len(p.more) != 1 {
			t.Fatalf("%d destinations beside the first, want 1", len(p.more))
		}
		if err := a.enter(t.Context(), p, 0); err != nil {
			t.Fatal(err)
		}
		charged := func(want ...string) {
			t.Helper()
			for _, name := range want {
				if at := a.accounts[name]; at == nil || at.used != p.cost {
					t.Errorf("%s is not charged once", name)
				}
			}
			if len(a.accounts) != len(want) || a.used != p.cost {
				t.Errorf("%d destinations are charged, want %v", len(a.accounts), want)
			}
		}
		charged("one", "two")
		p.attached("one")
		p.attached("two")
		p.attached("two")
		p.detached("two")
		if p.vacant {
			t.Error("two has a delivery yet")
		}
		p.detached("one")
		if !p.vacant {
			t.Error("one has no delivery")
		}
		p.attached("three")
		charged("one", "two")
		a.move(p, "three")
		a.move(p, "three")
		charged("one", "two", "three")
		if a.settle(p); p.vacant {
			t.Error("it has been settled")
		}
		charged("two", "three")
		a.settle(p)
		charged("two", "three")
		p.loosen()
		if p.vacant {
			t.Error("all that are charged have a delivery")
		}
		p.detached("three")
		p.vacant = false
		if p.loosen(); !p.vacant {
			t.Error("three has no delivery")
		}
		a.resize(p, 500_000)
		charged("two", "three")
		a.leave(p)
		a.resize(p, 1)
		a.settle(p)
		checkEmpty(t, a)
	})
}

// Accounts go with the last message of their destination, however many there were, and
// leave those of others as they are.
func TestManyAccountsGoOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1100
		a := newAdmission(10_000, 1<<30)
		var all []*pass
		for i := range n {
			p := newPass(a, 100, fmt.Sprint("d", i))
			if !tryEnter(a, p) {
				t.Fatalf("message %d is not let in", i)
			}
			all = append(all, p)
		}
		for left, p := range slices.Backward(all) {
			if a.leave(p); len(a.accounts) != left {
				t.Fatalf("%d accounts are left, want %d", len(a.accounts), left)
			}
		}
		if a.peak != 0 || a.used != 0 {
			t.Errorf("a peak of %d accounts and %d in use are left", a.peak, a.used)
		}
	})
}
