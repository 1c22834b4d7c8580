package throttle

import (
	"testing"
	"time"
)

// Two blocks of tries in a row with about the same refused share make an experiment due.
// Small shares do not, nor shares that other tests tell more of, nor those of a block
// that took too long, or no time at all, to tell of the present.
func TestBlocksWithAConstantShare(t *testing.T) {
	for name, tt := range map[string]struct {
		shares [2]int // refused of each block
		took   time.Duration
		pause  int
		due    bool
	}{
		"alike":               {[2]int{10, 10}, time.Minute, 0, true},
		"the least share":     {[2]int{3, 3}, time.Minute, 0, true},
		"one is less":         {[2]int{2, 3}, time.Minute, 0, false},
		"the other is less":   {[2]int{3, 2}, time.Minute, 0, false},
		"hardly alike":        {[2]int{10, 25}, time.Minute, 0, true},
		"hardly alike, less":  {[2]int{25, 10}, time.Minute, 0, true},
		"not alike":           {[2]int{10, 26}, time.Minute, 0, false},
		"the greatest share":  {[2]int{70, 70}, time.Minute, 0, true},
		"more":                {[2]int{71, 70}, time.Minute, 0, false},
		"as long as may be":   {[2]int{10, 10}, longestBlock, 0, true},
		"longer":              {[2]int{10, 10}, longestBlock + 1, 0, false},
		"at one moment":       {[2]int{10, 10}, 0, 0, false},
		"long enough after":   {[2]int{10, 10}, time.Minute, 2 * blockTries, true},
		"not yet long enough": {[2]int{10, 10}, time.Minute, 2*blockTries + 1, false},
	} {
		b := blocks{pause: tt.pause}
		now := noon
		for k, share := range tt.shares {
			b.due = false
			for i := range blockTries {
				at := now
				if i == blockTries-1 {
					at = now.Add(tt.took)
				}
				if b.count(at, i < share); b.due && (k == 0 || i < blockTries-1) {
					t.Errorf("%s: an experiment is due after try %d of block %d", name, i+1, k+1)
				}
			}
			now = now.Add(tt.took)
		}
		if b.due != tt.due || b.took != tt.took || b.tried != 2*blockTries || b.last.refused != float64(tt.shares[1]) {
			t.Errorf("%s: due is %v after %d tries, the last block took %v", name, b.due, b.tried, b.took)
		}
	}
}
