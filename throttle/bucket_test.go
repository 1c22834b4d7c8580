package throttle

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2000, time.January, 1, 12, 0, 0, 0, time.UTC)

// busiest returns the largest number of times in any half-open stretch of
// length per; the times are in order.
func busiest(times []time.Time, per time.Duration) int {
	most, first := 0, 0
	for i := range times {
		for times[i].Sub(times[first]) >= per {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// anyRate makes up a rate.
func anyRate(r *rand.Rand) Rate {
	pers := []time.Duration{time.Millisecond, 333 * time.Millisecond, time.Second, 7 * time.Second, time.Minute, time.Hour, day}
	return Rate{
		Count: 1 + r.IntN([]int{3, 50, 1000}[r.IntN(3)]),
		Per:   pers[r.IntN(len(pers))],
		Burst: r.IntN([]int{2, 20, 200}[r.IntN(3)]),
	}
}

// bucketUser takes, writes and gives back tokens at random.
type bucketUser struct {
	*rand.Rand
	t       *testing.T
	b       *bucket
	now     time.Time
	hand    []int // sizes of what is held
	written []time.Time
}

// pass lets time pass: none, a little, or exactly until n may go.
func (u *bucketUser) pass(n int) {
	switch at := u.b.at(u.now, n); {
	case u.IntN(3) > 0:
	case at != never && u.IntN(3) > 0:
		u.now = at
	default:
		u.now = u.now.Add(time.Duration(u.Float64() * 3 / float64(u.b.limiter.Limit()) * float64(time.Second)))
	}
}

func (u *bucketUser) step() {
	n := 1 + u.IntN(min(u.b.burst, 1+u.IntN(5)))
	u.pass(n)
	if i := u.IntN(8); i < len(u.hand) {
		n := u.hand[i]
		u.hand = slices.Delete(u.hand, i, i+1)
		if u.IntN(4) == 0 {
			u.b.release(u.now, n)
			return
		}
		u.b.commit(u.now, n)
		u.written = append(u.written, slices.Repeat([]time.Time{u.now}, n)...)
		return
	}
	at := u.b.at(u.now, n)
	if at == never && n <= u.b.room() || at.Before(u.now) {
		u.t.Fatalf("at(%v, %d) = %v with room for %d", u.now, n, at, u.b.room())
	}
	if at.After(u.now) {
		if again := u.b.at(at, n); again != at {
			u.t.Fatalf("at %v it said %v, and then it said %v", u.now, at, again)
		}
		if early := u.b.at(at.Add(-2), n); early.Sub(at).Abs() > 1 {
			u.t.Fatalf("at %v it said %v, two nanoseconds before that it says %v", u.now, at, early)
		}
		return
	}
	u.b.take(u.now, n)
	u.hand = append(u.hand, n)
}

func TestBucketNeverExceedsItsRate(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := anyRate(random)
		u := &bucketUser{Rand: random, t: t, b: newBucket(r), now: noon}
		for range 3000 {
			u.step()
		}
		if got, most := busiest(u.written, r.Per), r.Count+r.burst()-1; got > most {
			t.Errorf("seed %d: %v let %d go in %v; want at most %d", seed, r, got, r.Per, most)
		}
	}
}

// A rate set midway is no second bucket: in no stretch goes more than the
// larger burst and the larger rate allow together.
func TestBucketSetKeepsWhatWasUsed(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 2))
		u := &bucketUser{Rand: random, t: t, now: noon}
		var burst int
		var perSecond float64
		var pers []time.Duration
		for range 30 {
			r := anyRate(random)
			if u.b == nil {
				u.b = newBucket(r)
			}
			u.b.set(u.now, r)
			burst = max(burst, r.burst())
			perSecond = max(perSecond, float64(r.Count)/r.Per.Seconds())
			pers = append(pers, r.Per)
			for range 100 {
				u.step()
			}
		}
		for _, per := range pers {
			if got, most := busiest(u.written, per), float64(burst)+perSecond*per.Seconds(); float64(got) >= most {
				t.Errorf("seed %d: %d in %v; want less than %v", seed, got, per, most)
			}
		}
	}
}

// Written at once, everything that a rate allows does go, and nothing more.
func TestBucketReachesItsRate(t *testing.T) {
	for seed := range uint64(40) {
		r := anyRate(rand.New(rand.NewPCG(seed, 3)))
		b, now := newBucket(r), noon
		const n = 5000
		var written []time.Time
		for range n {
			now = b.at(now, 1)
			b.take(now, 1)
			b.commit(now, 1)
			written = append(written, now)
		}
		if got, most := busiest(written, r.Per), min(r.Count+r.burst()-1, n); got != most {
			t.Errorf("seed %d: %v let %d go in %v; want %d", seed, r, got, r.Per, most)
		}
		ideal := time.Duration(float64(n-r.burst()) / float64(r.Count) * float64(r.Per))
		if took := now.Sub(noon); float64(took) > float64(ideal)/0.999+1 {
			t.Errorf("seed %d: %v took %v for %d; want %v", seed, r, took, n, ideal)
		}
	}
}

// A bucket says the same as a computation by hand, to the nanosecond.
func TestBucketIsExact(t *testing.T) {
	for _, tc := range []struct {
		rate string
		n    int
		want time.Duration // until n more may go, once the bucket is empty
	}{
		{"50/s", 1, 20 * time.Millisecond},
		{"50/s burst 10", 10, 200 * time.Millisecond},
		{"3/10s", 1, 3_333_333_333},
		{"1000/h", 1, 3600 * time.Millisecond},
		{"10/m", 1, 6 * time.Second},
		{"5/d", 1, 17280*time.Second + 172}, // thinned by 1e-11
		{"1/500ms", 1, 500 * time.Millisecond},
		{"7/s burst 3", 2, 285_714_285},
	} {
		t.Run(tc.rate, func(t *testing.T) {
			r, err := readRate(tc.rate)
			if err != nil {
				t.Fatal(err)
			}
			b := newBucket(r)
			if at := b.at(noon, r.burst()); at != noon {
				t.Errorf("a new bucket gives at %v; want at once", at)
			}
			b.take(noon, r.burst())
			b.commit(noon, r.burst())
			if got := b.at(noon, tc.n).Sub(noon); got != tc.want {
				t.Errorf("%d after %v; want %v", tc.n, got, tc.want)
			}
		})
	}
}

func TestBucketHolds(t *testing.T) {
	b := newBucket(Rate{Count: 10, Per: time.Second, Burst: 3})
	later := noon.Add(time.Hour)
	b.take(noon, 2)
	if at := b.at(later, 1); at != later {
		t.Errorf("2 of 3 are held: one more at %v; want %v", at, later)
	}
	if at := b.at(later, 2); at != never {
		t.Errorf("2 of 3 are held: two more at %v; want never", at)
	}
	if b.asNew(later) {
		t.Error("a bucket of which 2 are held says that it is full")
	}
	b.commit(later, 2)
	if at, want := b.at(later, 2), later.Add(100*time.Millisecond); at != want {
		t.Errorf("written after an hour: two more at %v; want %v, as if taken then", at, want)
	}
	if b.asNew(later.Add(199*time.Millisecond)) || !b.asNew(later.Add(201*time.Millisecond)) {
		t.Error("2 of 3 written at 10/s: want full after 200 ms")
	}
}

func TestBucketTakesBack(t *testing.T) {
	b := newBucket(Rate{Count: 1, Per: time.Hour, Burst: 5})
	b.take(noon, 5)
	b.release(noon, 2)
	if at := b.at(noon, 2); at != noon {
		t.Errorf("2 of 5 given back: to be had at %v; want at once", at)
	}
	if at := b.at(noon, 3); at != never {
		t.Errorf("2 of 5 given back, 3 held: three more at %v; want never", at)
	}
	b.commit(noon, 1)
	if at, want := b.at(noon, 3).Sub(noon), time.Hour; at < want || at > want+time.Microsecond {
		t.Errorf("one written: three more after %v; want %v", at, want)
	}
	b.release(noon.Add(10*time.Hour), 2)
	if !b.asNew(noon.Add(10 * time.Hour)) {
		t.Error("all but one given back, and that one long ago: want full")
	}
	b.take(noon.Add(10*time.Hour), 5)
	if at := b.at(noon.Add(20*time.Hour), 1); at != never {
		t.Errorf("more than the burst can be had, at %v", at)
	}
}

// Rates that no one will see again end, too.
func TestBucketBeyondTheHorizon(t *testing.T) {
	for _, tc := range []struct {
		rate Rate
		n    int
	}{
		{Rate{Count: 1, Per: math.MaxInt64}, 1},
		{Rate{Count: 1, Per: math.MaxInt64 - 1e8}, 1},
		{Rate{Count: 1, Per: math.MaxInt64, Burst: 50}, 50},
		{Rate{Count: 1, Per: 101 * 365 * day}, 1},
	} {
		b := newBucket(tc.rate)
		b.take(noon, tc.n)
		b.commit(noon, tc.n)
		if at := b.at(noon, tc.n); at != never {
			t.Errorf("%v: %d more at %v; want never", tc.rate, tc.n, at)
		}
	}
}

// A take that at did not allow costs what is there, and is held all the same.
func TestBucketTakenTooEarly(t *testing.T) {
	b := newBucket(Rate{Count: 1, Per: time.Second, Burst: 3})
	b.take(noon, 3)
	b.commit(noon, 3)
	early := noon.Add(1500 * time.Millisecond)
	b.take(early, 2)
	if at := b.at(early, 2); at != never {
		t.Errorf("2 of 3 held: two more at %v; want never", at)
	}
	b.commit(early, 2)
	if at, want := b.at(early, 1), early.Add(time.Second); at != want {
		t.Errorf("next at %v; want %v", at, want)
	}
}

func TestBucketSet(t *testing.T) {
	t.Run("a larger one is not filled", func(t *testing.T) {
		b := newBucket(Rate{Count: 1, Per: time.Second, Burst: 2})
		b.take(noon, 2)
		b.commit(noon, 2)
		b.set(noon, Rate{Count: 10, Per: time.Second, Burst: 100})
		if at, want := b.at(noon, 1), noon.Add(100*time.Millisecond); at != want {
			t.Errorf("next at %v; want %v", at, want)
		}
	})
	t.Run("a smaller one spills", func(t *testing.T) {
		b := newBucket(Rate{Count: 1, Per: time.Second, Burst: 100})
		b.set(noon, Rate{Count: 1, Per: time.Second})
		b.take(noon, 1)
		b.commit(noon, 1)
		if at, want := b.at(noon, 1), noon.Add(time.Second); at != want {
			t.Errorf("second at %v; want %v", at, want)
		}
	})
	t.Run("more is held than fits", func(t *testing.T) {
		b := newBucket(Rate{Count: 1, Per: time.Second, Burst: 10})
		b.take(noon, 10)
		b.set(noon, Rate{Count: 1, Per: time.Second, Burst: 2})
		b.release(noon, 3)
		b.commit(noon, 6)
		if at := b.at(noon, 2); at != never {
			t.Errorf("1 of 2 held: two more at %v; want never", at)
		}
		b.release(noon, 1)
		if at, want := b.at(noon, 2), noon.Add(time.Second); at != want {
			t.Errorf("6 written, 1 given back: two more at %v; want %v", at, want)
		}
	})
	t.Run("the time passed before counts at the old rate", func(t *testing.T) {
		b := newBucket(Rate{Count: 1, Per: time.Hour, Burst: 10})
		b.take(noon, 10)
		b.commit(noon, 10)
		b.set(noon.Add(30*time.Minute), Rate{Count: 1, Per: time.Second, Burst: 10})
		got, want := b.at(noon.Add(30*time.Minute), 1), noon.Add(30*time.Minute+500*time.Millisecond)
		if got.Sub(want).Abs() > time.Microsecond {
			t.Errorf("next at %v; want %v", got, want)
		}
	})
}

func TestBucketClockGoesBack(t *testing.T) {
	b := newBucket(Rate{Count: 1, Per: time.Second})
	b.take(noon, 1)
	b.commit(noon, 1)
	b.set(noon.Add(-time.Hour), Rate{Count: 1, Per: time.Second})
	if at, want := b.at(noon.Add(-time.Minute), 1), noon.Add(time.Second); at != want {
		t.Errorf("next at %v; want %v", at, want)
	}
}

func BenchmarkBucket(b *testing.B) {
	bucket, now := newBucket(Rate{Count: 50, Per: time.Second, Burst: 10}), noon
	b.ReportAllocs()
	for b.Loop() {
		now = bucket.at(now, 1)
		bucket.take(now, 1)
		bucket.commit(now, 1)
	}
}
