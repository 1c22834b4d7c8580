package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == receiverArg {
		exit(receive(os.Args[2]))
	}
	exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func exit(err error) {
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func receive(trips string) error {
	parsed, err := parseTrips(trips)
	if err != nil {
		return err
	}
	return serve(parsed, os.Stdin, os.Stdout)
}

// settings are the values of the flags.
type settings struct {
	plan       plan
	trips      []time.Duration
	sizes      []int
	rows       []row
	ramp       bool
	nodemailer string
}

// run measures and writes the report. A goal that is missed is no error.
func run(args []string, stdout, stderr io.Writer) (err error) {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if s.ramp {
		start, load := time.Now(), loadAverage()
		if err := ramp(stdout, s.plan.rounds, s.nodemailer); err != nil {
			return err
		}
		fmt.Fprintln(stdout)
		machine(stdout, load)
		fmt.Fprintf(stdout, "%v in all\n", time.Since(start).Round(time.Second))
		return nil
	}
	receiver, err := startProcess(s.trips)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, receiver.close()) }()
	start, load := time.Now(), loadAverage()
	rep, err := s.plan.run(receiver, s.rows, cells(s.sizes, []int{1, 10}, s.trips), stderr)
	if err != nil {
		return err
	}
	rep.table(stdout)
	rep.fewer(stdout)
	fmt.Fprintln(stdout)
	rep.goals(stdout)
	fmt.Fprintln(stdout)
	rep.allocs(stdout)
	machine(stdout, load)
	fmt.Fprintf(stdout, "%d connections, median of %d, %v in all\n", connections, s.plan.rounds, time.Since(start).Round(time.Second))
	if rep.errors(stderr) {
		return errors.New("not all rows could be measured")
	}
	return nil
}

func parse(args []string, stderr io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "measure 1 KiB only, in one short round")
	trips := flags.String("rtt", "0,20ms", "round trips, separated by commas")
	only := flags.String("only", "", "measure the rows whose name matches this `regexp`")
	flags.IntVar(&s.plan.messages, "n", 0, "send so many `messages` in each measurement, however long that takes (default: as many as take a second)")
	flags.IntVar(&s.plan.rounds, "rounds", 0, "so many measurements of each figure, of which the median counts (default 3; 1 with -quick)")
	flags.StringVar(&s.plan.profiles, "cpuprofile", "", "write a CPU profile of each figure of smtpace into this `directory`")
	flags.BoolVar(&s.ramp, "ramp", false, "measure short campaigns over 64 connections, from the first dial on, instead of the table")
	flags.StringVar(&s.nodemailer, "nodemailer", "", "with -ramp, find nodemailer in this `directory`, that \"npm install nodemailer\" was run in")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q: there are no arguments besides flags", flags.Arg(0))
	}
	if s.plan.messages < 0 || s.plan.rounds < 0 {
		return s, errors.New("-n and -rounds must not be negative")
	}
	s.plan.near, s.plan.far, s.sizes = 600*time.Millisecond, 1200*time.Millisecond, []int{1 << 10, 50 << 10}
	rounds := 3
	if *quick {
		s.plan.near, s.plan.far, s.sizes, rounds = 300*time.Millisecond, 700*time.Millisecond, []int{1 << 10}, 1
	}
	s.plan.rounds = cmp.Or(s.plan.rounds, rounds)
	if s.trips, err = parseTrips(*trips); err != nil {
		return s, fmt.Errorf("-rtt: %w", err)
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return s, fmt.Errorf("-only: %w", err)
	}
	s.rows = slices.DeleteFunc(rows(), func(r row) bool { return !pattern.MatchString(r.name) })
	if len(s.rows) == 0 {
		return s, fmt.Errorf("-only: no row matches %q", *only)
	}
	return s, nil
}
