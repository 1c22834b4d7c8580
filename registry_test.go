package smtpace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// checkShard fails the test unless the heap is in order and every message knows
// its place.
func checkShard(t *testing.T, s *expiryShard) {
	t.Helper()
	holes := 0
	for i, e := range s.heap {
		if i > 0 && e.at < s.heap[(i-1)/2].at {
			t.Fatalf("entry %d expires before its parent", i)
		}
		if e.sub == nil {
			holes++
		} else if e.sub.pos != i {
			t.Fatalf("the message at %d believes to be at %d", i, e.sub.pos)
		}
	}
	if holes != s.holes || holes > 32 && holes > len(s.heap)/2+1 {
		t.Fatalf("%d holes of %d, %d counted", holes, len(s.heap), s.holes)
	}
}

func TestRegistryKeepsItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r registry
		r.init()
		defer r.stop()
		var inside []*Submission
		for i := range 20_000 {
			if i < 8000 && rand.IntN(3) > 0 || len(inside) == 0 {
				sub := &Submission{expires: r.born.Add(time.Duration(1+rand.IntN(1000)) * time.Hour)}
				if !r.enter() || !r.add(sub) {
					t.Fatal("not let in")
				}
				inside = append(inside, sub)
			} else {
				k := rand.IntN(len(inside))
				if !r.remove(inside[k]) || r.remove(inside[k]) {
					t.Fatal("remove must report true once")
				}
				r.waiting.Add(-1)
				r.leave()
				inside = slices.Delete(inside, k, k+1)
			}
			if i%500 == 0 {
				for k := range r.shards {
					checkShard(t, &r.shards[k])
				}
			}
		}
		found := 0
		r.each(func(*Submission) { found++ })
		if found != len(inside) || int(r.waiting.Load()) != found || int(r.open.Load()) != found {
			t.Errorf("%d messages found, %d waiting, %d open, want %d", found, r.waiting.Load(), r.open.Load(), len(inside))
		}
		for k := range r.shards {
			if s := &r.shards[k]; cap(s.heap) > 1024 {
				t.Errorf("a shard keeps room for %d messages", cap(s.heap))
			}
		}
	})
}

// Messages expire when their own time is over, whatever the order in which they
// were given.
func TestMessagesExpireInTheirOwnTime(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("x.example")
		start, want := time.Now(), map[any]time.Duration{}
		var got results
		for i := range 500 {
			m := rendered(fmt.Sprint(i), "a@x.example")
			m.Expiry = time.Duration(1+rand.IntN(300)) * time.Minute
			want[m.ID] = m.Expiry
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(301 * time.Minute)
		synctest.Wait()
		if len(got.by) != len(want) {
			t.Errorf("%d of %d have ended", len(got.by), len(want))
		}
		for id, r := range got.by {
			if took := r.Settled.Sub(start); took != want[id] {
				t.Errorf("%v ended after %v, want %v", id, took, want[id])
			}
		}
	})
}

func TestNothingEntersAClosedRegistry(t *testing.T) {
	var r registry
	r.init()
	sub := &Submission{expires: time.Now().Add(time.Hour)}
	if !r.enter() {
		t.Fatal("not let in")
	}
	r.stop()
	if r.add(sub) {
		t.Error("a message was added after stop")
	}
	if r.enter() {
		t.Error("a message was let in after stop")
	}
	select {
	case <-r.idle:
		t.Error("idle while a message is inside")
	default:
	}
	r.remove(sub)
	r.leave()
	<-r.idle
}

func BenchmarkRegistry(b *testing.B) {
	var r registry
	r.init()
	defer r.stop()
	expires := time.Now().Add(24 * time.Hour)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		sub := &Submission{expires: expires}
		for pb.Next() {
			r.enter()
			r.add(sub)
			r.remove(sub)
			r.leave()
		}
	})
}

// A shard from which messages were taken out keeps the order of the others, and gives the
// room back when an eighth of it would do.
func TestShardsGiveRoomBack(t *testing.T) {
	for _, test := range []struct {
		room, left int
		shrinks    bool
	}{{4096, 511, true}, {4096, 512, false}, {1025, 1, true}, {1024, 1, false}, {1032, 128, true}} {
		s := &expiryShard{heap: make([]expiryEntry, 0, test.room)}
		for i := range test.room {
			var sub *Submission
			if i < test.left {
				sub = &Submission{}
			}
			s.heap = append(s.heap, expiryEntry{at: time.Duration(test.room - i), sub: sub})
		}
		s.holes = test.room - test.left
		room := cap(s.heap)
		s.compact()
		if len(s.heap) != test.left || s.holes != 0 || (cap(s.heap) < room) != test.shrinks {
			t.Errorf("%+v: got %d with %d holes in the room of %d", test, len(s.heap), s.holes, cap(s.heap))
		}
		for i, e := range s.heap {
			if e.sub.pos != i || i > 0 && s.heap[(i-1)/2].at > e.at {
				t.Fatalf("%+v: entry %d is out of order", test, i)
			}
		}
		for _, e := range s.heap[len(s.heap):cap(s.heap)] {
			if e.sub != nil {
				t.Fatalf("%+v: a message is kept behind the end", test)
			}
		}
	}
}

// Holes are removed when they are more than 32 and half of all entries, so that each removal
// costs little, but not once the shard is stopped.
func TestHolesAreRemovedSeldom(t *testing.T) {
	for _, tt := range []struct {
		entries, removed int
		stopped          bool
		left             int // number of entries and holes
	}{
		{10, 9, false, 10}, {32, 32, false, 32}, {34, 33, false, 1}, {100, 50, false, 100}, {100, 51, false, 49}, {100, 99, true, 100},
	} {
		var r registry
		r.init()
		s := &r.shards[0]
		s.stopped = tt.stopped
		var all []*Submission
		for i := range tt.entries {
			sub := &Submission{pos: i}
			all = append(all, sub)
			s.heap = append(s.heap, expiryEntry{at: time.Duration(i + 1), sub: sub})
		}
		for _, sub := range all[:tt.removed] {
			if !r.remove(sub) {
				t.Fatal("not taken out")
			}
		}
		if len(s.heap) != tt.left {
			t.Errorf("%+v: got %d entries", tt, len(s.heap))
		}
		checkHoles(t, s)
	}
}

// checkHoles fails the test unless the entries without a message are counted.
func checkHoles(t *testing.T, s *expiryShard) {
	t.Helper()
	holes := 0
	for _, e := range s.heap {
		if e.sub == nil {
			holes++
		}
	}
	if holes != s.holes {
		t.Errorf("%d holes, %d are counted", holes, s.holes)
	}
}

// All messages of a shard that have expired are taken, however many they are, and no others.
func TestManyExpireAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{1, expiredAtOnce - 1, expiredAtOnce, expiredAtOnce + 1, 3 * expiredAtOnce} {
			var r registry
			r.init()
			s := &r.shards[0]
			for i := range n + 10 {
				sub := &Submission{pos: i}
				at := time.Minute
				if i >= n {
					at = time.Hour
				}
				s.heap = append(s.heap, expiryEntry{at, sub})
			}
			time.Sleep(2 * time.Minute)
			r.expire(s)
			expired := 0
			for _, e := range s.heap {
				if e.at == never {
					expired++
				}
			}
			if expired != n || s.heap[0].at != time.Hour {
				t.Errorf("%d of %d have expired", expired, n)
			}
			checkShard(t, s)
			r.stop()
		}
	})
}
