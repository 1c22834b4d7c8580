package share

import (
	"fmt"
	"testing"
)

// Holders come one after the other, take all that they may, and give nothing
// back.
func TestGreedyHoldersLeaveRoom(t *testing.T) {
	const whole = 250_000
	for _, holders := range []int{1, 2, 10, 100, 300} {
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
			if first < whole*3/4 {
				t.Errorf("the first has %d of %d", first, whole)
			}
			left := free
			if n := take(); n < 2 || holders <= 100 && (n < 100 || left < whole/40) {
				t.Errorf("%d are free behind %d holders, and the next may have %d", left, holders, n)
			}
		})
	}
}

func TestLevelGrows(t *testing.T) {
	if Level(0) != 0 {
		t.Errorf("Level(0) = %v", Level(0))
	}
	for u := 0.0; u < 1; u += 0.001 {
		if Level(u+0.001) <= Level(u) {
			t.Errorf("Level(%v) = %v, Level(%v) = %v", u, Level(u), u+0.001, Level(u+0.001))
		}
	}
}
