package main

import (
	"fmt"
	"io"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/simulate"
	"github.com/smtpace/smtpace/throttle"
)

// step is the part of a run that one line of its timeline tells.
const step = 10 * time.Second

// printTimelines plays every scenario once and prints what was accepted and
// refused, and between the lines what was learned.
func printTimelines(w io.Writer, list []simulate.Scenario) error {
	for _, sc := range list {
		r, err := sc.Run(simulate.Paced, 1)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s, seed %d: %d tries, %.2f %% refused, %d accepted\n",
			sc.Name, r.Seed, r.Tries, 100*r.RefusedShare(), r.Accepted)
		timeline(w, r)
	}
	return nil
}

func timeline(w io.Writer, r *simulate.Result) {
	lessons := r.Lessons
	for from := time.Duration(0); from < r.Length; from += step {
		var sum simulate.Second
		end := min(int((from+step)/time.Second), len(r.Seconds))
		for _, s := range r.Seconds[min(int(from/time.Second), end):end] {
			sum.Accepted += s.Accepted
			sum.Refused += s.Refused
		}
		fmt.Fprintf(w, "%8v  %7.1f/s accepted %7.1f/s refused\n", from,
			float64(sum.Accepted)/step.Seconds(), float64(sum.Refused)/step.Seconds())
		for len(lessons) > 0 && lessons[0].Time.Sub(r.Start) < from+step {
			fmt.Fprintln(w, "         ", lesson(lessons[0], r.Start))
			lessons = lessons[1:]
		}
	}
}

// lesson returns one thing learned, in a line.
func lesson(c throttle.Change, start time.Time) string {
	text := fmt.Sprintf("%.3f s: %s %s", c.Time.Sub(start).Seconds(), c.Scope, c.Name)
	if c.From != c.To {
		text += fmt.Sprintf(", %v %.4g -> %.4g", c.Limit, c.From, c.To)
	}
	if !c.Until.IsZero() {
		text += fmt.Sprintf(", nothing for %v", c.Until.Sub(c.Time).Round(time.Millisecond))
	}
	switch {
	case c.Reason != nil:
		text += ": " + c.Reason.Error()
	case c.Limit == classify.LimitNone:
		text += ", back"
	}
	return text
}
