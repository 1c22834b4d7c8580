package throttle_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/internal/simulate"
	"github.com/smtpace/smtpace/throttle"
)

var update = flag.Bool("update", false, "write testdata/scenarios.txt anew")

const scenariosFile = "testdata/scenarios.txt"

// TestScenariosGoAsBefore plays the first minutes of the scenarios of internal/simulate
// and compares what was tried, refused and accepted in each second, and what was learned,
// with testdata/scenarios.txt. Whoever changes the control on purpose writes that file
// anew with
//
//	go test ./throttle -run TestScenariosGoAsBefore -update
//
// and sees there which receivers the change concerns.
func TestScenariosGoAsBefore(t *testing.T) {
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
	if *update && !throttle.UnderRace {
		if err := os.WriteFile(scenariosFile, []byte(strings.Join(lines, "")), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(scenariosFile)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{} // by scenario
	for line := range strings.Lines(string(text)) {
		want[name(line)] = line
	}
	for _, line := range lines {
		if line != want[name(line)] {
			t.Errorf("got\n%swant\n%s", line, want[name(line)])
		}
	}
}

// name returns the name of the scenario in a line of outcome.
func name(line string) string {
	_, name, _ := strings.Cut(line, ": ")
	return name
}

// shortScenarios returns the scenarios, cut to some thousand messages each.
func shortScenarios() (list []simulate.Scenario) {
	all := append(simulate.Scenarios(), simulate.Unforeseen()...)
	for _, w := range simulate.WordlessLimits() {
		all = append(all, w.Ways...)
	}
	for i, sc := range append(all, simulate.Limitless()...) {
		if throttle.UnderRace && i%40 > 0 {
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

// outcome returns a line about a run, with a digest of all that happened.
func outcome(r *simulate.Result) string {
	h := fnv.New32a()
	fmt.Fprint(h, r.Seconds, r.Destinations, r.Bans)
	for _, l := range r.Lessons {
		fmt.Fprintf(h, "%v %s %s %v %.4g %.4g %v %v %v %s %s\n", l.Time.Sub(r.Start), l.Scope, l.Name, l.Limit, l.From, l.To, l.Until, l.Reason, l.Breaker, l.Via, l.Sender)
	}
	return fmt.Sprintf("%6d tried %5d refused %6d accepted %4d lessons %08x: %s\n", r.Tries, r.Refused, r.Accepted, len(r.Lessons), h.Sum32(), r.Scenario)
}
