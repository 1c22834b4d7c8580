package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/smtpace/smtpace/internal/simulate"
)

// printTable plays the scenarios and prints a row for each as soon as it is
// known.
func printTable(ctx context.Context, w io.Writer, list []simulate.Scenario, o options) error {
	fmt.Fprintf(w, "Seeds 1 to %d, the worst of each figure; for what is compared to, 1 to %d.\n\n", o.seeds, o.baselines)
	fmt.Fprintln(w, "| receiver, nothing configured | refused | after 60 s | goodput | goals | | no control: refused, goodput | Postfix: refused, goodput | oracle: goodput |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	missed := 0
	for _, sc := range list {
		ours, err := worst(ctx, sc, simulate.Paced, o.seeds)
		if err != nil {
			return err
		}
		var others []string
		for _, c := range []simulate.Control{simulate.Unpaced, simulate.Postfix, simulate.Oracle} {
			text := "-"
			if o.baselines > 0 {
				s, err := worst(ctx, sc, c, o.baselines)
				if err != nil {
					return err
				}
				text = baseline(s, c)
			}
			others = append(others, text)
		}
		misses := sc.Goals.Misses(ours)
		missed += min(len(misses), 1)
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", sc.Name,
			refused(ours.Refused, ours.RefusedTries), refused(ours.LateRefused, ours.LateRefusedTries), gain(ours),
			sc.Goals, verdict(sc.Goals, misses), strings.Join(others, " | "))
	}
	fmt.Fprintf(w, "\n%d of %d scenarios miss a goal.\n", missed, len(list))
	return nil
}

// worst plays a scenario with the seeds from 1 on.
func worst(ctx context.Context, sc simulate.Scenario, c simulate.Control, seeds int) (simulate.Score, error) {
	scores := make([]simulate.Score, seeds)
	err := each(ctx, seeds, func(i int) (err error) {
		scores[i], err = sc.Score(c, uint64(i+1))
		return err
	})
	total := scores[0]
	if err != nil {
		return total, err
	}
	for _, s := range scores {
		total = total.Worse(s)
	}
	return total, nil
}

func refused(share float64, tries int) string { return fmt.Sprintf("%.2f %% (%d)", 100*share, tries) }

// gain returns the figure that tells how much was sent: goodput, or what stands for
// it.
func gain(s simulate.Score) string {
	switch {
	case !math.IsNaN(s.Recovery):
		return fmt.Sprintf("%.3f, %.1f %% of the new limit", s.Goodput, 100*s.Recovery)
	case !math.IsNaN(s.Slower):
		return fmt.Sprintf("others %.1f %% slower", 100*s.Slower)
	case math.IsNaN(s.Goodput):
		return "-"
	case s.Left.Bans > 0:
		return fmt.Sprintf("%.3f, %d bans, shut out for %.1f and %.1f of them", s.Goodput, s.Left.Bans, s.Left.First, s.Left.Later)
	}
	return fmt.Sprintf("%.3f", s.Goodput)
}

func baseline(s simulate.Score, c simulate.Control) string {
	if c == simulate.Oracle {
		return gain(s)
	}
	return fmt.Sprintf("%.1f %%, %s", 100*s.Refused, gain(s))
}

func verdict(g simulate.Goals, misses []string) string {
	switch {
	case g == simulate.Goals{}:
		return "-"
	case misses == nil:
		return "ok"
	}
	return "missed: " + strings.Join(misses, "; ")
}
