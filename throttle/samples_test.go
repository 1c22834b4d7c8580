package throttle

import "testing"

// sampled returns a scope that probes a suspected limit, and a queue of so many items.
func sampled(n int, fresh func(i int) bool) (*scope, []*Item[int]) {
	i := &inference{phase: probing, rate: &learnedRate{}}
	i.rate.outage.begin(noon, 0, 1)
	s := &scope{state: &scopeState{inferred: i}}
	list := &itemList[int]{}
	items := make([]*Item[int], n)
	for k := range items {
		items[k] = &Item[int]{job: Job[int]{Value: k, Fresh: fresh(k), Lane: Bulk}}
		list.push(items[k])
		items[k].list = list
	}
	return s, items
}

// TestSamplesComeFromElsewhere: about half of the items that probe a limit are others of
// the queue, from all of its parts, and none that was tried before.
func TestSamplesComeFromElsewhere(t *testing.T) {
	const n, draws = 200, 4000
	scope, items := sampled(n, func(i int) bool { return i%4 != 3 })
	seen, far := map[int]int{}, 0
	for range draws {
		other, isFar := items[0].elsewhere(scope)
		if isFar != (other != items[0]) {
			t.Fatalf("item %d is said to be from elsewhere: %v", other.job.Value, isFar)
		}
		if isFar {
			far++
			seen[other.job.Value]++
		}
	}
	if far < draws/4 || far > draws/2 {
		t.Errorf("%d of %d are from elsewhere, want about three eighths", far, draws)
	}
	for i := 1; i < n; i++ {
		if tried := i%4 == 3; tried && seen[i] > 0 || !tried && seen[i] == 0 {
			t.Errorf("item %d, tried %v, is drawn %d times", i, tried, seen[i])
		}
	}
}

// TestEveryOtherMessageIsASample while a limit is probed.
func TestEveryOtherMessageIsASample(t *testing.T) {
	scope, _ := sampled(0, nil)
	n := 0
	for range 1000 {
		if scope.samples() {
			n++
		}
	}
	if n < 450 || n > 550 {
		t.Errorf("%d of 1000 are samples, want half", n)
	}
}

// TestNoSampleWhereOrderMatters, nor where there are few, nor where nothing is probed.
func TestNoSampleWhereOrderMatters(t *testing.T) {
	fresh := func(int) bool { return true }
	for name, change := range map[string]func(*scope, []*Item[int]){
		"single":       func(_ *scope, items []*Item[int]) { items[0].job.Lane = Single },
		"not queued":   func(_ *scope, items []*Item[int]) { items[0].list = nil },
		"calm":         func(s *scope, _ []*Item[int]) { s.state.inferred.phase = calm },
		"no outage":    func(s *scope, _ []*Item[int]) { s.state.inferred.rate.outage = outage{} },
		"no inference": func(s *scope, _ []*Item[int]) { s.state.inferred = nil },
	} {
		scope, items := sampled(200, fresh)
		change(scope, items)
		for range 100 {
			if _, far := items[0].elsewhere(scope); far {
				t.Errorf("%s: an item from elsewhere goes", name)
				break
			}
		}
	}
	for n, want := range map[int]bool{2*enoughSamples - 1: false, 2 * enoughSamples: true} {
		scope, items := sampled(n, fresh)
		some := false
		for range 100 {
			_, far := items[0].elsewhere(scope)
			some = some || far
		}
		if some != want {
			t.Errorf("a sample of a queue of %d: %v, want %v", n, some, want)
		}
	}
}
