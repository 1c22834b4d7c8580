//go:build !race

package simulate

import "time"

// What runs are cut to in tests, for the race detector makes them ten times as
// slow. The command has 20 seeds.
const (
	seeds       = 3
	shortLength = time.Minute
)
