package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sync"

	"github.com/smtpace/smtpace/internal/simulate"
)

// printReal sends over sockets what the rows of scenarios and of kinds say, all of them at the same time
// since each is mostly waiting, and prints the medians.
func printReal(ctx context.Context, w io.Writer, list []simulate.Scenario, scenario *regexp.Regexp, runs int) error {
	var chosen []row
	for _, r := range kinds() {
		if scenario.MatchString(r.name) {
			chosen = append(chosen, r)
		}
	}
	for _, r := range rows() {
		i := slices.IndexFunc(list, func(sc simulate.Scenario) bool { return sc.Name == r.name })
		if i < 0 {
			continue
		}
		r.goals = list[i].Goals
		if r.slower > 0 {
			r.goals.Slower = r.slower
		}
		chosen = append(chosen, r)
	}
	if len(chosen) == 0 {
		return errors.New("none of these scenarios has a row for -real")
	}
	fmt.Fprintf(w, "Over loopback sockets, each way %v, in real time; medians of %d runs.\n\n", latency, runs)
	fmt.Fprintln(w, "| receiver, nothing configured | messages | refused | goodput | goals | |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- |")
	scores, err := together(len(chosen), func(i int) (simulate.Score, error) { return chosen[i].median(ctx, runs) })
	if err != nil {
		return err
	}
	for i, r := range chosen {
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s |\n", r.name, r.messages,
			refused(scores[i].Refused, scores[i].RefusedTries), gain(scores[i]), r.goals, verdict(r.goals, r.goals.Misses(scores[i])))
	}
	return nil
}

// together measures n things at the same time.
func together(n int, measure func(i int) (simulate.Score, error)) ([]simulate.Score, error) {
	scores := make([]simulate.Score, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { scores[i], errs[i] = measure(i) })
	}
	wg.Wait()
	return scores, errors.Join(errs...)
}

// median runs a row several times at once; each figure is a median by itself.
func (r row) median(ctx context.Context, runs int) (simulate.Score, error) {
	scores, err := together(runs, func(int) (simulate.Score, error) { return r.score(ctx) })
	if err != nil {
		return simulate.Score{}, fmt.Errorf("%s: %w", r.name, err)
	}
	return simulate.Score{
		Refused:      middle(scores, func(s simulate.Score) float64 { return s.Refused }),
		RefusedTries: int(middle(scores, func(s simulate.Score) float64 { return float64(s.RefusedTries) })),
		Goodput:      middle(scores, func(s simulate.Score) float64 { return s.Goodput }),
		Recovery:     middle(scores, func(s simulate.Score) float64 { return s.Recovery }),
		Slower:       middle(scores, func(s simulate.Score) float64 { return s.Slower }),
	}, nil
}

func middle(scores []simulate.Score, of func(simulate.Score) float64) float64 {
	var list []float64
	for _, s := range scores {
		list = append(list, of(s))
	}
	slices.Sort(list)
	return list[len(list)/2]
}
