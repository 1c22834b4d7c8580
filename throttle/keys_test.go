package throttle

import (
	"strconv"
	"sync"
	"testing"
)

func TestKeys(t *testing.T) {
	k := newKeys[int]()
	const n = 50_000
	for i := range n {
		k.put(strconv.Itoa(i), i)
	}
	for i := range n {
		if i%100 > 0 {
			k.drop(strconv.Itoa(i))
		}
	}
	for i := range n {
		if v, ok := k.get(strconv.Itoa(i)); ok != (i%100 == 0) || ok && v != i {
			t.Fatalf("get(%d) = %d, %v", i, v, ok)
		}
	}
	seen := 0
	k.each(func(int) bool { seen++; return true })
	if seen != n/100 || k.n != n/100 {
		t.Errorf("each sees %d, n is %d, want %d", seen, k.n, n/100)
	}
	for i, peak := range k.peak {
		if peak >= minPeak && peak > 4*len(k.shard[i])+4 {
			t.Errorf("shard %d has room for %d and holds %d", i, peak, len(k.shard[i]))
		}
	}
	seen = 0
	k.each(func(int) bool { seen++; return seen < 3 })
	if seen != 3 {
		t.Errorf("each goes on after false: %d", seen)
	}
}

// TestEachInBatches visits every value once, with the lock held.
func TestEachInBatches(t *testing.T) {
	k := newKeys[int]()
	const n = 3*shards*batch + 7
	for i := range n {
		k.put(strconv.Itoa(i), i)
	}
	var mu sync.Mutex
	seen := make([]int, n)
	k.eachInBatches(&mu, func(v int) {
		seen[v]++
		if mu.TryLock() {
			t.Fatal("it does not hold the lock")
		}
	})
	for v, times := range seen {
		if times != 1 {
			t.Fatalf("value %d is visited %d times", v, times)
		}
	}
	if !mu.TryLock() {
		t.Error("it keeps the lock")
	}
}
