package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/smtpace/smtpace/internal/simulate"
)

// Goals of limits that no reply names: refused at most so many times as where the same
// limit is named, and so much more, in the mean and in the worst run. Goals of receivers
// without a limit: so much slower at most.
const (
	meanFactor, meanMore   = 1.5, 0.001
	worstFactor, worstMore = 2, 0.003
	leastGoodput           = 0.93
	mostSlower             = 0.05
)

// printWordless prints the results for limits that no reply names, beside those for the
// same limits with replies that do, and the cost of looking for limits where there are
// none.
func printWordless(ctx context.Context, w io.Writer, o options) error {
	fmt.Fprintf(w, "Seeds 1 to %d. Refused: the mean, the worst.\n\n", o.seeds)
	fmt.Fprintln(w, "| limit, told by | refused in words | refused | nothing inferred | goodput in words | goodput, the worst | |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- |")
	missed, rows := 0, 0
	for _, l := range simulate.WordlessLimits() {
		var named *scores
		for _, sc := range l.Ways {
			if !o.scenario.MatchString(sc.Name) {
				continue
			}
			if named == nil {
				got, err := play(ctx, l.Worded, o.seeds)
				if err != nil {
					return err
				}
				named = &got
			}
			ours, err := play(ctx, sc, o.seeds)
			if err != nil {
				return err
			}
			without := "-"
			if o.baselines > 0 {
				sc.WordsOnly = true
				got, err := play(ctx, sc, o.baselines)
				if err != nil {
					return err
				}
				without = fmt.Sprintf("%.2f %%, goodput %.3f", 100*got.mean(), got.worst.Goodput)
			}
			text := verdictOf(*named, ours)
			rows++
			if text != "ok" {
				missed++
			}
			fmt.Fprintf(w, "| %s | %.2f %%, %.2f %% | %.2f %%, %.2f %% | %s | %s | %s | %s |\n", sc.Name, 100*named.mean(), 100*named.worst.Refused,
				100*ours.mean(), 100*ours.worst.Refused, without, gain(named.worst), gain(ours.worst), text)
		}
	}
	n, m, err := printLimitless(ctx, w, o)
	if err != nil {
		return err
	}
	if rows+n == 0 {
		return fmt.Errorf("-scenario %q matches none of the scenarios", o.scenario)
	}
	fmt.Fprintf(w, "\n%d of %d scenarios miss a goal.\n", missed+m, rows+n)
	return nil
}

// scores are those of several runs.
type scores struct {
	all   []simulate.Score
	worst simulate.Score
}

// mean returns the mean share of what was refused.
func (s scores) mean() (share float64) {
	for _, one := range s.all {
		share += one.Refused / float64(len(s.all))
	}
	return share
}

// play plays a scenario with the seeds from 1 on.
func play(ctx context.Context, sc simulate.Scenario, seeds int) (scores, error) {
	out := scores{all: make([]simulate.Score, seeds)}
	err := each(ctx, seeds, func(i int) (err error) {
		out.all[i], err = sc.Score(simulate.Paced, uint64(i+1))
		return err
	})
	if err != nil {
		return out, err
	}
	out.worst = out.all[0]
	for _, s := range out.all {
		out.worst = out.worst.Worse(s)
	}
	return out, nil
}

// each calls f for every run, several at once.
func each(ctx context.Context, runs int, f func(i int) error) error {
	errs := make([]error, runs)
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range runs {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = f(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// verdictOf names the goals that are missed.
func verdictOf(named, ours scores) string {
	var list []string
	if most := meanFactor*named.mean() + meanMore; ours.mean() > most {
		list = append(list, fmt.Sprintf("refused %.2f %%, want <= %.2f %%", 100*ours.mean(), 100*most))
	}
	if most := worstFactor*named.worst.Refused + worstMore; ours.worst.Refused > most {
		list = append(list, fmt.Sprintf("at worst %.2f %%, want <= %.2f %%", 100*ours.worst.Refused, 100*most))
	}
	if ours.worst.Goodput < leastGoodput {
		list = append(list, fmt.Sprintf("goodput %.3f, want >= %.2f", ours.worst.Goodput, leastGoodput))
	}
	if ours.worst.Slower > mostSlower {
		list = append(list, fmt.Sprintf("others %.1f %% slower, want <= %g %%", 100*ours.worst.Slower, 100*mostSlower))
	}
	if list == nil {
		return "ok"
	}
	return "missed: " + strings.Join(list, "; ")
}

// printLimitless prints what it costs to look for limits where there are none.
func printLimitless(ctx context.Context, w io.Writer, o options) (rows, missed int, err error) {
	for _, sc := range simulate.Limitless() {
		if !o.scenario.MatchString(sc.Name) {
			continue
		}
		if rows++; rows == 1 {
			fmt.Fprintln(w, "\n| no limit | refused | nothing inferred | 90 % accepted after | nothing inferred | slower | |")
			fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- |")
		}
		with, without := make([]run90, o.seeds), make([]run90, o.seeds)
		err := each(ctx, o.seeds, func(i int) (err error) {
			plain := sc
			plain.WordsOnly = true
			if with[i], err = run90Of(sc, uint64(i+1)); err == nil {
				without[i], err = run90Of(plain, uint64(i+1))
			}
			return err
		})
		if err != nil {
			return rows, missed, err
		}
		ours, theirs := mean90(with), mean90(without)
		slower, text := ours.after.Seconds()/theirs.after.Seconds()-1, "ok"
		if slower > mostSlower {
			text = "missed"
			missed++
		}
		fmt.Fprintf(w, "| %s | %.2f %% | %.2f %% | %.1f s | %.1f s | %.1f %% | %s |\n", sc.Name, 100*ours.refused, 100*theirs.refused,
			ours.after.Seconds(), theirs.after.Seconds(), 100*slower, text)
	}
	return rows, missed, nil
}

// run90 is a run by the time until 90 % were accepted.
type run90 struct {
	refused float64
	after   time.Duration
}

func run90Of(sc simulate.Scenario, seed uint64) (run90, error) {
	r, err := sc.Run(simulate.Paced, seed)
	if err != nil {
		return run90{}, err
	}
	return run90{r.RefusedShare(), r.Reached(0.9)}, nil
}

func mean90(runs []run90) (m run90) {
	for _, r := range runs {
		m.refused += r.refused / float64(len(runs))
		m.after += r.after / time.Duration(len(runs))
	}
	return m
}

// matchesWordless returns the scenarios of printWordless whose names match.
func matchesWordless(pattern *regexp.Regexp) (list []simulate.Scenario) {
	for _, l := range simulate.WordlessLimits() {
		for _, sc := range l.Ways {
			if pattern.MatchString(sc.Name) {
				list = append(list, sc)
			}
		}
	}
	for _, sc := range simulate.Limitless() {
		if pattern.MatchString(sc.Name) {
			list = append(list, sc)
		}
	}
	return list
}
