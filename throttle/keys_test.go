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

// holds is a lock that counts what is looked at while it is held.
type holds struct {
	sync.Mutex
	looked, most int
}

func (h *holds) Lock() {
	h.Mutex.Lock()
	h.looked = 0
}

func (h *holds) look() {
	h.looked++
	h.most = max(h.most, h.looked)
}

// TestEachInBatches visits every value once, no more than a batch for one taking of
// the lock, and has the lock free in between.
func TestEachInBatches(t *testing.T) {
	k := newKeys[int]()
	const n = 3*shards*batch + 7
	for i := range n {
		k.put(strconv.Itoa(i), i)
	}
	var mu holds
	seen, between := make([]int, n), 0
	k.eachInBatches(&mu, func(v int) {
		seen[v]++
		mu.look()
		if mu.TryLock() {
			t.Fatal("it does not hold the lock")
		}
	}, func() {
		if !mu.TryLock() {
			t.Fatal("it holds the lock between two batches")
		}
		between++
		mu.Unlock()
	})
	for v, times := range seen {
		if times != 1 {
			t.Fatalf("value %d is visited %d times", v, times)
		}
	}
	if mu.most > batch {
		t.Errorf("%d values are visited under one hold, want %d at most", mu.most, batch)
	}
	if between < n/batch {
		t.Errorf("the lock is given up %d times for %d values", between, n)
	}
	if !mu.TryLock() {
		t.Error("it keeps the lock")
	}
}

// TestEachInBatchesWhileValuesGo visits no value that has gone before its turn,
// though its shard is made anew, and each that stays.
func TestEachInBatchesWhileValuesGo(t *testing.T) {
	k := newKeys[int]()
	const n, stay = 100_000, 10
	for i := range n {
		k.put(strconv.Itoa(i), i)
	}
	var mu sync.Mutex
	visits, gone := map[int]int{}, false
	k.eachInBatches(&mu, func(v int) {
		visits[v]++
		if gone && v < n && v%stay > 0 {
			t.Fatalf("%d is visited after it has gone", v)
		}
	}, func() {
		if gone {
			return
		}
		gone = true
		for i := range n {
			if i%stay > 0 {
				k.drop(strconv.Itoa(i))
			}
		}
		for i := range n { // others come
			k.put(strconv.Itoa(n+i), n+i)
		}
	})
	for i := 0; i < n; i += stay {
		if visits[i] != 1 {
			t.Fatalf("%d stays and is visited %d times", i, visits[i])
		}
	}
}

// TestRestoredRecordsAreReadInBatches: a snapshot right after Restore holds the lock
// for a batch of the records at a time.
func TestRestoredRecordsAreReadInBatches(t *testing.T) {
	records := map[string]scopeRecord{}
	for i := range 10 * batch {
		records[strconv.Itoa(i)] = scopeRecord{Lessons: &lessonRecord{Limit: "message-rate", PerConnection: 7}}
	}
	h, mu, all := restoredRecords{records: records, taken: noon}, sync.Mutex{}, map[string]scopeRecord{}
	var taken countedLocker
	taken.Locker = &mu
	h.each(&taken, noon, all)
	if len(all) != len(records) {
		t.Errorf("%d of %d records are kept", len(all), len(records))
	}
	if taken.n < len(records)/batch {
		t.Errorf("the lock is taken %d times for %d records, want a taking for each %d", taken.n, len(records), batch)
	}
}

// countedLocker counts how often a lock is taken.
type countedLocker struct {
	sync.Locker
	n int
}

func (l *countedLocker) Lock() {
	l.Locker.Lock()
	l.n++
}
