package throttle

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestTimeHeap compares it with a sorted list.
func TestTimeHeap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var h timeHeap[*Item[int]]
	var all []*Item[int]
	for step := range 20_000 {
		if grow := step < 10_000; len(all) == 0 || r.IntN(3) > 0 == grow {
			it := &Item[int]{job: Job[int]{NotBefore: noon.Add(time.Duration(r.IntN(1000)))}}
			h.push(it)
			all = append(all, it)
			continue
		}
		i := r.IntN(len(all))
		if r.IntN(2) == 0 {
			first, _ := h.first()
			least := slices.MinFunc(all, func(a, b *Item[int]) int { return a.due().Compare(b.due()) })
			if !first.due().Equal(least.due()) {
				t.Fatalf("the first is due at %v, want %v", first.due(), least.due())
			}
			i = slices.Index(all, first)
		}
		h.remove(all[i])
		all = slices.Delete(all, i, i+1)
	}
	if len(h) != len(all) {
		t.Errorf("%d are in the heap, want %d", len(h), len(all))
	}
	for last := noon; len(h) > 0; h.remove(h[0]) {
		if h[0].due().Before(last) {
			t.Fatal("a later one was first")
		}
		last = h[0].due()
	}
}

func TestTimeHeapGivesMemoryBack(t *testing.T) {
	var h timeHeap[*Item[int]]
	var all []*Item[int]
	for range 100_000 {
		it := &Item[int]{}
		h.push(it)
		all = append(all, it)
	}
	for _, it := range all[10:] {
		h.remove(it)
	}
	if cap(h) > 2048 {
		t.Errorf("room for %d is kept, with %d in it", cap(h), len(h))
	}
}
