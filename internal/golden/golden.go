// Package golden compares what tests print with files in testdata that a reader can
// review: one case a line. With -update the tests write their files anew.
package golden

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/internal/race"
)

var update = flag.Bool("update", false, "write the files of cases in testdata anew")

// mostTold is the number of differing lines that Compare reports one by one.
const mostTold = 20

// Compare reports the lines that a file lacks, and with all those that only the file
// has. Each line ends without a line feed. Without all, the lines are some of the file's,
// as under the race detector, and -update does not write it.
func Compare(t testing.TB, file string, lines []string, all bool) {
	t.Helper()
	if *update && all {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]int{} // number of lines of the file that are not met yet
	known := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, line := range known {
		left[line]++
	}
	var wrong []string
	for _, line := range lines {
		if left[line]--; left[line] < 0 {
			wrong = append(wrong, "got  "+line)
		}
	}
	for _, line := range known {
		if all && left[line] > 0 {
			left[line]--
			wrong = append(wrong, "want "+line)
		}
	}
	for _, line := range wrong[:min(len(wrong), mostTold)] {
		t.Errorf("%s: %s", file, line)
	}
	if more := len(wrong) - mostTold; more > 0 {
		t.Errorf("%s: and %d lines more", file, more)
	}
}

// Form draws the input of a case and returns it with the outcome, both without line
// feeds.
type Form struct {
	Name string
	Draw func(rng *rand.Rand) (input, outcome string)
}

// Lines returns a line for each of n different inputs of each form. They are drawn by
// the name of the form, so that a change of one form leaves the lines of the others.
func Lines(t testing.TB, n int, forms []Form) (lines []string) {
	t.Helper()
	for _, f := range forms {
		rng := rand.New(rand.NewPCG(uint64(len(f.Name)), uint64(f.Name[0])))
		seen := map[string]bool{}
		for range 40 * n {
			input, outcome := f.Draw(rng)
			if seen[input] {
				continue
			}
			seen[input] = true
			line := fmt.Sprintf("%s: %s -> %s", f.Name, input, outcome)
			if strings.Contains(line, "\n") {
				t.Errorf("more than a line: %q", line)
			}
			if lines = append(lines, line); len(seen) == n {
				break
			}
		}
		if len(seen) < n/2 {
			t.Errorf("%s: only %d of %d inputs", f.Name, len(seen), n)
		}
	}
	return lines
}

// CompareDrawn compares the lines of n inputs of each form with a file. Under the race
// detector, which is slow, they are a fifth as many.
func CompareDrawn(t testing.TB, file string, n int, forms ...Form) {
	t.Helper()
	if race.Enabled {
		n /= 5
	}
	Compare(t, file, Lines(t, n, forms), !race.Enabled)
}

// One returns one of a list.
func One[E any](rng *rand.Rand, list ...E) E { return list[rng.IntN(len(list))] }

// Some returns from least up to most of a list, one behind the other.
func Some(rng *rand.Rand, least, most int, list ...string) string {
	var b strings.Builder
	for range least + rng.IntN(most-least+1) {
		b.WriteString(One(rng, list...))
	}
	return b.String()
}

// Outcome returns what was made, or on one line the error in its place.
func Outcome(made string, err error) string {
	if err != nil {
		return "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return made
}
