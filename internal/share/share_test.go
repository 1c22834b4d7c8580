package share

import (
	"fmt"
	"testing"
)

// Holders come one after the other, take all that they may, and give nothing
// back.
func TestGreedyHoldersLeaveRoom(t *testing.T) {
	const whole = 250_000
	for holders, next := range map[int]int{1: 480, 2: 480, 10: 480, 100: 480, 150: 60, 200: 8} {
		t.Run(fmt.Sprint(holders), func(t *testing.T) {
			free, first := whole, 0
			take := func() (n int) {
				for float64(free)/whole > Level(float64(n)/whole) {
					n++
					free--
				}
				return n
			}
			for k := range holders {
				if n := take(); k == 0 {
					first = n
				}
			}
			if first < whole*66/100 {
				t.Errorf("the first has %d of %d", first, whole)
			}
			if n := take(); n < next {
				t.Errorf("%d holders leave %d for the next, want %d", holders, n, next)
			}
		})
	}
}

func TestLevelGrows(t *testing.T) {
	if Level(0) != 0 {
		t.Errorf("Level(0) = %v", Level(0))
	}
	for u := 0.0; u < 1; u += 0.0001 {
		if Level(u+0.0001) <= Level(u) {
			t.Errorf("Level(%v) = %v, Level(%v) = %v", u, Level(u), u+0.0001, Level(u+0.0001))
		}
	}
}
