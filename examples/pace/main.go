// Pace shows how close to what receivers allow mail is sent by smtpace with
// nothing configured, and how much of it is refused on the way. It plays the
// scenarios of package simulate in virtual time, at least ten minutes each, and
// prints a table in Markdown: the worst of all seeds beside what was aimed at,
// and what three other ways of control come to.
//
//	go run ./examples/pace                     the whole table, in a minute or two
//	go run ./examples/pace -unforeseen         receivers that behave as no textbook says, in some minutes
//	go run ./examples/pace -wordless           limits that no reply names, and refusals that are of no limit
//	go run ./examples/pace -drawn 300 -draw 7  receivers drawn at random by a seed, in some minutes
//	go run ./examples/pace -scenario relay -v  one row, and what happened when
//	go run ./examples/pace -sender             20,000 messages through the whole Sender, a share of them refused at random
//	go run ./examples/pace -real               the same receivers over sockets, and one of each kind of the others, in real time: eleven minutes
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"

	"github.com/smtpace/smtpace/internal/simulate"
)

func main() {
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "pace:", err)
		os.Exit(2)
	case o.sender:
		sendVirtually(o)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pace:", err)
		stop()
		os.Exit(1)
	}
}

// options are the values of the flags.
type options struct {
	scenario  *regexp.Regexp
	seeds     int
	baselines int
	verbose   bool
	real      bool
	strange   bool
	wordless  bool
	drawn     int
	draw      uint64
	sender    bool
	messages  int
	runs      int
}

func parse(args []string) (options, error) {
	var o options
	var pattern string
	flags := flag.NewFlagSet("pace", flag.ContinueOnError)
	flags.StringVar(&pattern, "scenario", "", "only scenarios whose names match this regular expression")
	flags.IntVar(&o.seeds, "seeds", 20, "how many seeds, from 1 on, of which the worst counts")
	flags.IntVar(&o.baselines, "baselines", 3, "how many seeds of the ways that are compared to; 0 leaves them out")
	flags.BoolVar(&o.verbose, "v", false, "also print what happened and what was learned, of the first seed")
	flags.BoolVar(&o.strange, "unforeseen", false, "play receivers that behave as no textbook says instead")
	flags.BoolVar(&o.wordless, "wordless", false, "play receivers that refuse without naming a limit instead")
	flags.IntVar(&o.drawn, "drawn", 0, "play so many receivers that are drawn at random instead, each with one seed")
	flags.Uint64Var(&o.draw, "draw", 1, "with -drawn, the number that draws them")
	flags.BoolVar(&o.sender, "sender", false, "send through the whole Sender, in virtual time, to a receiver that refuses at random; -scenario then selects its replies")
	flags.IntVar(&o.messages, "messages", 20_000, "with -sender, how many messages")
	flags.BoolVar(&o.real, "real", false, "send over loopback sockets to package smtptest instead, in real time")
	flags.IntVar(&o.runs, "runs", 3, "with -real, how many runs, of which the median counts")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag: every argument needs one in front of it", flags.Arg(0))
	}
	var err error
	if o.scenario, err = regexp.Compile("(?i)" + pattern); err != nil {
		return o, fmt.Errorf("-scenario: %w", err)
	}
	switch {
	case o.drawn < 0:
		return o, fmt.Errorf("-drawn is %d; want a number of receivers", o.drawn)
	case o.drawn > 0 && (o.strange || o.wordless || o.sender || o.real):
		return o, errors.New("-drawn plays receivers of its own: want it without -unforeseen, -wordless, -sender and -real")
	}
	if o.seeds < 1 || o.baselines < 0 || o.runs < 1 || o.messages < 1 {
		return o, fmt.Errorf("-seeds is %d, -baselines %d, -runs %d, -messages %d; want at least 1, 0, 1 and 1", o.seeds, o.baselines, o.runs, o.messages)
	}
	return o, nil
}

func run(ctx context.Context, w io.Writer, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.wordless && !o.verbose {
		return printWordless(ctx, w, o)
	}
	all := simulate.Scenarios()
	switch {
	case o.drawn > 0:
		all = simulate.Drawn(o.draw, o.drawn)
	case o.strange:
		all = simulate.Unforeseen()
	case o.wordless:
		all = matchesWordless(o.scenario)
	}
	list := slices.DeleteFunc(all, func(sc simulate.Scenario) bool { return !o.scenario.MatchString(sc.Name) })
	if len(list) == 0 && !o.real {
		return fmt.Errorf("-scenario %q matches none of the scenarios", o.scenario)
	}
	switch {
	case o.real:
		return printReal(ctx, w, list, o.scenario, o.runs)
	case o.verbose:
		return printTimelines(w, list)
	}
	return printTable(ctx, w, list, o)
}
