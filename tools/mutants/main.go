// Mutants breaks the library in one place at a time and says which breaks no test
// notices. It draws the places by a seed, evenly over the packages and over the
// operators:
//
//	condition negated   if c, case c                 becomes  !(c)
//	condition weakened  a && b, a || b               becomes  a || b, a && b
//	equality swapped    ==, !=                       becomes  !=, ==
//	bound shifted       <, <=, >, >=                 becomes  <=, <, >=, >
//	constant changed    an integer n, true, false    becomes  n+1, false, true
//	statement removed   a call, defer, ++, --, or an assignment without its effect
//	error swapped       a returned error becomes nil, nil an error, a sentinel another
//
// A mutant that does not compile is not drawn, nor one of these, which make no
// difference that anybody could test:
//
//   - a number that only makes room: a capacity of make, an argument of Grow,
//     NewReaderSize or NewWriterSize
//   - a number, true or false that is returned beside an error
//   - a bound between floating-point numbers of which neither is a constant 0: they
//     are measured, and equal by coincidence only
//   - what a for loop does between its rounds: it would only hang
//
// Each is tested by the tests of its own package, with -short and without the race
// detector, until one fails: first by those in the file of tests that has the name of
// the changed file and those that have killed a mutant of it, then by the others. One
// that takes longer than many times the unmutated package is killed (-limit); where the
// machine has other work, raise it. The checkout is not touched: changed files are
// overlays of the go command. As far as they change different places many mutants share
// a binary, each behind a switch that a variable of the environment throws; the binary
// must pass with all of them off.
//
//	cd tools && nice go run ./mutants              draws 300 by a seed that it prints
//	cd tools && nice go run ./mutants -seed 7      draws those of a seed, or goes on with them
//	cd tools && go run ./mutants -seed 7 -again    tests those once more that survived
//
// It writes each outcome to a file at once (-results), so that a run that was
// interrupted goes on where it ended. Survivors that were judged harmless stand in
// harmless.txt, with the reason.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

// defaultPackages are the folders, below the root, that are drawn from by default.
const defaultPackages = "pool,.,throttle,classify,examples/bulk"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		stop()
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	root     string
	packages []string
	seed     uint64
	n        int
	parallel int
	factor   int
	results  string
	harmless string
	list     bool
	again    bool
}

func parse(args []string) (options, error) {
	var o options
	var packages string
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", "..", "the folder of the module")
	flags.StringVar(&packages, "packages", defaultPackages, "folders below the root, separated by commas")
	flags.Uint64Var(&o.seed, "seed", 0, "what is drawn; 0 means a new seed")
	flags.IntVar(&o.n, "n", 300, "how many mutants, of all packages together")
	flags.IntVar(&o.parallel, "p", 1, "how many are tested at once")
	flags.IntVar(&o.factor, "limit", 5, "time limit, in times of what the unmutated package takes, and of -p")
	flags.StringVar(&o.results, "results", "", "file of outcomes; default mutants-SEED.jsonl in the folder for temporary files")
	flags.StringVar(&o.harmless, "harmless", "mutants/harmless.txt", "file of survivors that were judged harmless")
	flags.BoolVar(&o.list, "list", false, "print the mutants and test none")
	flags.BoolVar(&o.again, "again", false, "test again those that survived, according to -results")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.n < 1 || o.parallel < 1 || o.factor < 1 {
		return o, fmt.Errorf("-n is %d, -p %d, -limit %d; want at least 1 of each", o.n, o.parallel, o.factor)
	}
	for o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000)
	}
	if o.results == "" {
		o.results = filepath.Join(os.TempDir(), fmt.Sprintf("mutants-%d.jsonl", o.seed))
	}
	o.packages = strings.Split(packages, ",")
	var err error
	o.root, err = filepath.Abs(o.root)
	return o, err
}

func run(ctx context.Context, w io.Writer, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	harmless, err := readHarmless(o.harmless)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "seed %d, results in %s\n", o.seed, o.results)
	packages, err := load(o.root, o.packages)
	if err != nil {
		return err
	}
	drawn, err := drawAll(o, packages)
	if err != nil {
		return err
	}
	if o.list {
		for _, m := range drawn {
			fmt.Fprintf(w, "\n%s", m)
		}
		return nil
	}
	outcomes, err := testAll(ctx, w, o, packages, drawn)
	if err != nil {
		return err
	}
	report(w, drawn, outcomes, harmless)
	return nil
}

// drawAll draws the mutants of all packages.
func drawAll(o options, packages []*source) ([]mutant, error) {
	var drawn []mutant
	for i, p := range packages {
		n := o.n / len(packages)
		if i < o.n%len(packages) {
			n++
		}
		found, err := p.mutants()
		if err != nil {
			return nil, err
		}
		drawn = append(drawn, draw(o.seed, found, n, p)...)
	}
	return drawn, nil
}
