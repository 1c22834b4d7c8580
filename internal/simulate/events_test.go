package simulate

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestEventsComeInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var q events
	var want []event
	for i := range 1000 {
		e := event{at: time.Duration(rng.IntN(50)), order: uint64(i)}
		want = append(want, e)
		q.push(e)
	}
	slices.SortStableFunc(want, func(a, b event) int { return int(a.at - b.at) })
	for i, w := range want {
		got := q.pop()
		if got.at != w.at || got.order != w.order {
			t.Fatalf("event %d is %v/%d, want %v/%d", i, got.at, got.order, w.at, w.order)
		}
		if i%3 == 0 { // one more, later than all that came
			q.push(event{at: 1000, order: uint64(1000 + i)})
		}
	}
	if len(q) == 0 {
		t.Error("the events that came later are lost")
	}
}
