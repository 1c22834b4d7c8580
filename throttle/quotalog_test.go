package throttle

import (
	"math/rand/v2"
	"testing"
	"time"
)

func anyQuota(r *rand.Rand) Quota {
	counts := []int{1, 2, 7, 50, maxSlots, maxSlots + 1, 1500, 6000}
	pers := []time.Duration{time.Microsecond, time.Second, time.Hour, 24 * time.Hour}
	return Quota{Count: counts[r.IntN(len(counts))], Per: pers[r.IntN(len(pers))]}
}

// windowUser takes, writes and gives back at random.
type windowUser struct {
	*rand.Rand
	t       *testing.T
	w       *quotaLog
	now     time.Time
	hand    int
	written []time.Time
}

func (u *windowUser) step() {
	q := u.w.quota
	switch at := u.w.at(u.now, 1); {
	case u.IntN(4) == 0:
	case at != never && u.IntN(2) == 0:
		u.now = at
	default:
		u.now = u.now.Add(time.Duration(u.Float64() * float64(q.Per) * 3 / float64(min(q.Count, 30))))
	}
	for range u.IntN(2 + q.Count/10) {
		at := u.w.at(u.now, 1)
		if (at == never) != (u.hand >= q.Count) || at.Before(u.now) {
			u.t.Fatalf("at(%v) = %v with %d of %v held", u.now, at, u.hand, q)
		}
		if at.After(u.now) {
			break
		}
		u.w.take(u.now, 1)
		u.hand++
	}
	for range u.IntN(u.hand + 1) {
		u.hand--
		if u.IntN(5) == 0 {
			u.w.release(u.now, 1)
			continue
		}
		u.w.commit(u.now, 1)
		u.written = append(u.written, u.now)
	}
	if n := len(u.w.log); n > maxSlots+2 {
		u.t.Fatalf("the log of %v has %d slots; want about %d at most", q, n, maxSlots)
	}
}

func TestWindowNeverExceedsItsQuota(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 4))
		q := anyQuota(random)
		u := &windowUser{Rand: random, t: t, w: newQuotaLog(q), now: noon}
		for range 300 {
			u.step()
		}
		if got := busiest(u.written, q.Per); got > q.Count {
			t.Errorf("seed %d: %v let %d go in %v", seed, q, got, q.Per)
		}
	}
}

// A quota set midway counts what went before: no stretch as short as the
// shortest Per has more than the largest Count.
func TestWindowSetKeepsWhatWasUsed(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 5))
		u := &windowUser{Rand: random, t: t, w: newQuotaLog(anyQuota(random)), now: noon}
		count, per := u.w.quota.Count, u.w.quota.Per
		for range 5 {
			q := Quota{Count: anyQuota(random).Count, Per: u.w.quota.Per * time.Duration(1+random.IntN(4)) / time.Duration(1+random.IntN(3))}
			u.w.set(u.now, q)
			count, per = max(count, q.Count), min(per, q.Per)
			for range 50 {
				u.step()
			}
		}
		if got := busiest(u.written, per); got > count {
			t.Errorf("seed %d: %d in %v; want at most %d", seed, got, per, count)
		}
	}
}

// A sender that always has something to send uses the quota up, whether it
// sends all at once or spreads it.
func TestWindowReachesItsQuota(t *testing.T) {
	for _, tc := range []struct {
		name  string
		count int
		every time.Duration // between two, at least
	}{
		{"small, at once", 10, 0},
		{"small, spread", 10, 3 * time.Minute},
		{"large, at once", 5000, 0},
		{"large, spread", 5000, 500 * time.Millisecond},
		{"large, spread evenly", 5000, 720 * time.Millisecond},
		{"large, faster than allowed", 5000, 400 * time.Millisecond},
		{"just above the slots", maxSlots + 1, 3 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const hours = 20
			w, now := newQuotaLog(Quota{Count: tc.count, Per: time.Hour}), noon
			var sent []time.Time
			for {
				now = w.at(now.Add(tc.every), 1)
				if now.Sub(noon) >= hours*time.Hour {
					break
				}
				use(w, now, 1)
				sent = append(sent, now)
				if n := len(w.log); n > maxSlots+2 {
					t.Fatalf("the log has %d slots; want about %d at most", n, maxSlots)
				}
			}
			if ideal := hours * tc.count; float64(len(sent)) < 0.99*float64(ideal) {
				t.Errorf("%d of %d went in %d h", len(sent), ideal, hours)
			}
			if got := busiest(sent, time.Hour); got > tc.count {
				t.Errorf("%d went in an hour; want at most %d", got, tc.count)
			}
		})
	}
}

func TestWindowCountsFromTheWriting(t *testing.T) {
	w := newQuotaLog(Quota{Count: 2, Per: time.Hour})
	w.take(noon, 1)
	w.take(noon, 1)
	if at := w.at(noon.Add(5*time.Hour), 1); at != never {
		t.Errorf("all is held: next at %v; want never", at)
	}
	if w.asNew(noon.Add(5 * time.Hour)) {
		t.Error("all is held, and it says that it is empty")
	}
	written := noon.Add(6 * time.Hour)
	w.commit(written, 1)
	if at, want := w.at(written, 1), written.Add(time.Hour); at != want {
		t.Errorf("one written, one held: next at %v; want %v", at, want)
	}
	w.release(written, 1)
	if at := w.at(written, 1); at != written {
		t.Errorf("one written, one given back: next at %v; want at once", at)
	}
	if w.asNew(written.Add(time.Hour-1)) || !w.asNew(written.Add(time.Hour)) {
		t.Error("want empty an hour after the last was written, and not before")
	}
}

// use takes and writes n events at once.
func use(w *quotaLog, now time.Time, n int) {
	for range n {
		w.take(now, 1)
		w.commit(now, 1)
	}
}

// The events of a slot count as the last of them does: none is let go early.
func TestWindowSlotCountsAsItsLast(t *testing.T) {
	const count = 2 * maxSlots
	w := newQuotaLog(Quota{Count: count, Per: time.Hour})
	last := noon.Add(3 * time.Second) // slots are of 3.6 s
	use(w, noon, 1)
	use(w, last, count-1)
	if at, want := w.at(last, 1), last.Add(time.Hour); at != want {
		t.Errorf("one at noon, the rest 3 s later: next at %v; want %v", at, want)
	}
	if n := len(w.log); n != 1 {
		t.Errorf("the log has %d slots; want 1", n)
	}
}

func TestWindowGivesItsMemoryBack(t *testing.T) {
	w := newQuotaLog(Quota{Count: 100, Per: time.Hour})
	for i := range 50 {
		use(w, noon.Add(time.Duration(i)), 1)
	}
	if !w.asNew(noon.Add(2*time.Hour)) || cap(w.log) != 0 {
		t.Errorf("after two hours the log still has room for %d", cap(w.log))
	}
}

func TestWindowSet(t *testing.T) {
	w := newQuotaLog(Quota{Count: 5, Per: time.Hour})
	for i := range 5 {
		use(w, noon.Add(time.Duration(i)*time.Minute), 1)
	}
	now := noon.Add(10 * time.Minute)
	for _, tc := range []struct {
		name  string
		quota Quota
		want  time.Duration // after noon
	}{
		{"more", Quota{6, time.Hour}, 10 * time.Minute},
		{"fewer", Quota{2, time.Hour}, time.Hour + 3*time.Minute},
		{"longer", Quota{5, 2 * time.Hour}, 2 * time.Hour},
		{"coarser", Quota{maxSlots + 1, 2 * time.Hour}, 10 * time.Minute},
		{"shorter", Quota{1, 7 * time.Minute}, 11 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.set(now, tc.quota)
			if got := w.at(now, 1).Sub(noon); got != tc.want {
				t.Errorf("%v: next at noon + %v; want %v", tc.quota, got, tc.want)
			}
		})
	}
}

func TestWindowClockGoesBack(t *testing.T) {
	w := newQuotaLog(Quota{Count: 1, Per: time.Hour})
	use(w, noon, 1)
	if at, want := w.at(noon.Add(-time.Minute), 1), noon.Add(time.Hour); at != want {
		t.Errorf("next at %v; want %v", at, want)
	}
	later := noon.Add(2 * time.Hour)
	w.at(later, 1)
	if at := w.at(noon, 1); at != later {
		t.Errorf("asked for %v, and then for noon: next at %v", later, at)
	}
}

func BenchmarkWindow(b *testing.B) {
	for _, bc := range []struct {
		name  string
		count int
	}{{"exact", maxSlots}, {"slots", 100_000}} {
		b.Run(bc.name, func(b *testing.B) {
			w, now := newQuotaLog(Quota{Count: bc.count, Per: time.Hour}), noon
			b.ReportAllocs()
			for b.Loop() {
				now = w.at(now.Add(time.Hour/time.Duration(bc.count)), 1)
				use(w, now, 1)
			}
		})
	}
}

// The events of a small quota are kept one by one, those of a large one in slots.
func TestWidthOfSlots(t *testing.T) {
	for quota, want := range map[Quota]time.Duration{
		{Count: 1, Per: day}: 1, {Count: maxSlots, Per: day}: 1, {Count: maxSlots + 1, Per: day}: day / maxSlots, {Count: maxSlots + 1, Per: maxSlots - 1}: 1,
	} {
		if got := newQuotaLog(quota).width(); got != want {
			t.Errorf("%v: got %v, want %v", quota, got, want)
		}
	}
}
