package throttle_test

import (
	"fmt"
	"hash/crc32"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/internal/golden"
	"github.com/smtpace/smtpace/internal/race"
	"github.com/smtpace/smtpace/internal/simulate"
)

// TestControlAtEachReceiver plays the first minutes of the scenarios of
// internal/simulate and compares what was tried, refused, accepted and learned at each
// receiver with the table in testdata/scenarios.txt. Whoever changes the control on
// purpose writes the table anew with
//
//	go test ./throttle -run TestControlAtEachReceiver -update
//
// The difference that git diff prints then shows which receivers the change concerns,
// and how.
func TestControlAtEachReceiver(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors round floating-point numbers in another way")
	}
	scenarios := shortScenarios()
	lines := make([]string, len(scenarios))
	var runs sync.WaitGroup
	for i, sc := range scenarios {
		runs.Go(func() {
			r, err := sc.Run(simulate.Paced, 1)
			if err != nil {
				t.Error(err)
				return
			}
			lines[i] = outcome(r)
		})
	}
	runs.Wait()
	golden.Compare(t, "testdata/scenarios.txt", lines, !race.Enabled)
}

// shortScenarios returns the scenarios of the tables and some that are drawn, cut to some
// thousand messages each.
func shortScenarios() (list []simulate.Scenario) {
	all := append(simulate.Scenarios(), simulate.Unforeseen()...)
	for _, w := range simulate.WordlessLimits() {
		all = append(all, w.Ways...)
	}
	all = append(append(all, simulate.Limitless()...), simulate.Drawn(1, 300)...)
	for i, sc := range all {
		if race.Enabled && i%40 > 0 {
			continue
		}
		length := 40 * time.Second
		if sc.Allowed != nil {
			length = min(max(time.Duration(3000/sc.Allowed[0].PerSecond)*time.Second, time.Minute), 15*time.Minute)
		}
		if sc.Length == 0 || sc.Length > length {
			sc.Length = length
		}
		sc.Length /= time.Duration(len(sc.Hosts))
		list = append(list, sc)
	}
	return list
}

// outcome returns the line of a run in the table. Its checksum changes with the time
// and the outcome of any try, and with any lesson.
func outcome(r *simulate.Result) string {
	sum := crc32.NewIEEE()
	fmt.Fprint(sum, r.Digest, r.Lessons)
	return fmt.Sprintf("%6d tried %6d refused %6d accepted %4d lessons %04x: %s", r.Tries, r.Refused, r.Accepted, len(r.Lessons), sum.Sum32()>>16, r.Scenario)
}
