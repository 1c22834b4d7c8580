// Pace draws the search for the pace: what was accepted and what was refused
// each second, over the time of a run in the simulator, with one panel for each
// scenario and nothing configured. The dashed line is the rate that the
// receiver allows.
//
//	go run ./pace [-o pace.png] [-control paced] [-seed 1] [-scenario regexp]
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"

	"github.com/smtpace/smtpace/internal/simulate"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pace:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var file, name, pattern string
	var seed uint64
	flags := flag.NewFlagSet("pace", flag.ContinueOnError)
	flags.StringVar(&file, "o", "pace.png", "the picture to write")
	flags.StringVar(&name, "control", simulate.Paced.String(), "paced, unpaced, oracle or postfix")
	flags.Uint64Var(&seed, "seed", 1, "of the runs")
	flags.StringVar(&pattern, "scenario", "", "only scenarios whose names match this regular expression")
	if err := flags.Parse(args); err != nil {
		return err
	}
	only, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return fmt.Errorf("-scenario: %w", err)
	}
	control, err := controlNamed(name)
	if err != nil {
		return err
	}
	list, err := play(only, control, seed)
	if err != nil {
		return err
	}
	return draw(list, file)
}

func controlNamed(name string) (simulate.Control, error) {
	for c := range simulate.Control(simulate.Controls) {
		if c.String() == name {
			return c, nil
		}
	}
	return 0, fmt.Errorf("-control %q: want paced, unpaced, oracle or postfix", name)
}

// played is one scenario and what a run of it came to.
type played struct {
	scenario simulate.Scenario
	result   *simulate.Result
}

// play plays the scenarios that have goals.
func play(only *regexp.Regexp, c simulate.Control, seed uint64) ([]played, error) {
	var list []played
	for _, sc := range simulate.Scenarios() {
		if sc.Goals == (simulate.Goals{}) || !only.MatchString(sc.Name) {
			continue
		}
		r, err := sc.Run(c, seed)
		if err != nil {
			return nil, err
		}
		list = append(list, played{sc, r})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("-scenario %q matches none of the scenarios with goals", only)
	}
	return list, nil
}
