package simulate

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestOneRefusesByConnection: a connection stays with its host. The first host refuses
// everything in its time, and the others refuse nothing.
func TestOneRefusesByConnection(t *testing.T) {
	const from, until = time.Minute, time.Hour
	admits := oneRefuses(3, from, until)(rand.New(rand.NewPCG(1, 2)))
	refused := 0
	for range 300 {
		l := &line{}
		first := admits(query{line: l, now: from})
		if !first {
			refused++
		}
		if admits(query{line: l, now: until - 1}) != first {
			t.Fatal("a connection changes its host")
		}
		if !admits(query{line: l, now: from - 1}) || !admits(query{line: l, now: until}) {
			t.Fatal("a connection is refused before or after the time of its host")
		}
	}
	if refused < 75 || refused > 125 {
		t.Errorf("%d of 300 connections are refused, want about 100", refused)
	}
}

// TestNewestRefusedServesTheOldest, and another once one of these has ended.
func TestNewestRefusedServesTheOldest(t *testing.T) {
	admits := newestRefused(2)(nil)
	a, b, c := &line{counted: true}, &line{counted: true}, &line{counted: true}
	for range 2 {
		if !admits(query{line: a}) || !admits(query{line: b}) || admits(query{line: c}) {
			t.Fatal("want the first two of three connections to be served")
		}
	}
	a.counted = false
	if !admits(query{line: c}) {
		t.Error("a connection is refused although one of two has ended")
	}
}

// TestFirstRefusedIsByConnection: the first message of each connection is refused, and no
// other.
func TestFirstRefusedIsByConnection(t *testing.T) {
	admits := firstRefused(nil)
	a, b := &line{}, &line{}
	for i, want := range []bool{false, true, true} {
		for _, l := range []*line{a, b} {
			if got := admits(query{line: l}); got != want {
				t.Errorf("message %d of a connection is admitted: %v, want %v", i+1, got, want)
			}
		}
	}
}
