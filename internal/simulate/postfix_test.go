package simulate

import (
	"math"
	"testing"
	"time"
)

func newHop() *nexthop {
	sc := few(1).settle()
	n := newNetwork(sc, 1, &Result{})
	return newPostfix(n).hops[0]
}

func TestPostfixConcurrencyRisesByOneInACohort(t *testing.T) {
	h := newHop()
	h.inFlight = concurrencyLimit
	for want := initialConcurrency; want < concurrencyLimit; want++ {
		steps := 0
		for ; h.concurrency == want; steps++ {
			h.good()
		}
		if math.Abs(float64(steps-want)) > 1 {
			t.Errorf("from %d to %d took %d deliveries, want about %d", want, want+1, steps, want)
		}
	}
	h.good()
	if h.concurrency > concurrencyLimit {
		t.Errorf("the concurrency is %d, above its limit", h.concurrency)
	}
}

func TestPostfixConcurrencyRisesOnlyWhenUsed(t *testing.T) {
	h := newHop()
	for range 100 {
		h.good()
	}
	if h.concurrency != initialConcurrency {
		t.Errorf("the concurrency is %d while nothing is under way, want %d", h.concurrency, initialConcurrency)
	}
}

func TestPostfixGivesUpAfterACohortOfFailures(t *testing.T) {
	for concurrency, want := range map[int]int{1: 1, 5: 5, 20: 20} {
		h := newHop()
		h.concurrency = concurrency
		n := 0
		for ; h.concurrency > 0 && n < 100; n++ {
			h.bad()
		}
		if n != want {
			t.Errorf("from a concurrency of %d it gave up after %d failures, want %d", concurrency, n, want)
		}
	}
	h := newHop()
	for range 100 { // a success now and then
		h.bad()
		h.good()
	}
	if h.concurrency == 0 {
		t.Error("it gave up although every other delivery was good")
	}
}

// The published share of a receiver that allows 5 connections is 16.5 % for
// this feedback.
func TestPostfixAgainstItsPublishedFigure(t *testing.T) {
	sc := few(0, connections(5))
	r := mustRun(t, sc, Postfix, 1)
	if got := r.RefusedShare(); got < 0.13 || got > 0.20 {
		t.Errorf("%.1f %% of the tries are refused, want about the published 16.5 %%", 100*got)
	}
}

func TestPostfixPutsOffByAge(t *testing.T) {
	h := newHop()
	for _, tt := range []struct{ age, want time.Duration }{
		{0, 5 * time.Second}, {7 * time.Second, 7 * time.Second}, {time.Hour, 30 * time.Second},
	} {
		h.n.now = 2 * time.Hour
		h.deferred = nil
		h.put(&message{created: h.n.now - tt.age})
		if got := h.deferred[0].due - h.n.now; got != tt.want {
			t.Errorf("a message of age %v is put off for %v, want %v", tt.age, got, tt.want)
		}
	}
}
