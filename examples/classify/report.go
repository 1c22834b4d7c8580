package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/profile"
)

// maxDestinations is how many the report tells apart; the others are one.
const maxDestinations = 10_000

const others = "(others)"

// report sums answers up by destination.
type report struct {
	out      *bufio.Writer
	profiles *profile.Set
	by       map[string]*tally
	clock    clock
	silent   int // lines without an answer
	faults   []error
	unread   int // lines that cannot be read; faults has the first of them
}

// maxFaults is how many unreadable lines are named.
const maxFaults = 5

func newReport(w io.Writer, profiles *profile.Set) *report {
	return &report{out: bufio.NewWriter(w), profiles: profiles, by: map[string]*tally{}}
}

func (r *report) add(a answer, v classify.Verdict) error {
	if a.fault != nil {
		if r.unread++; len(r.faults) < maxFaults {
			r.faults = append(r.faults, a.fault)
		}
	}
	if a.err == nil {
		if a.fault == nil {
			r.silent++
		}
		return nil
	}
	a.time = r.clock.inOrder(a.time)
	r.tally(a.destination()).add(a, v)
	return nil
}

func (r *report) tally(destination string) *tally {
	t := r.by[destination]
	if t == nil && len(r.by) >= maxDestinations {
		destination = others
		t = r.by[others]
	}
	if t == nil {
		t = &tally{name: destination, profile: r.profiles.ByName(destination)}
		r.by[destination] = t
	}
	return t
}

// end prints the report: the most refused destination first.
func (r *report) end() error {
	list := slices.SortedFunc(maps.Values(r.by), func(a, b *tally) int {
		return cmp.Or(b.refused-a.refused, b.answers-a.answers, strings.Compare(a.name, b.name))
	})
	for _, t := range list {
		t.print(r.out)
	}
	if len(list) == 0 {
		fmt.Fprintln(r.out, "no answers")
	}
	if r.silent > 0 {
		fmt.Fprintf(r.out, "%s without an answer\n", plural(r.silent, "line"))
	}
	if r.unread > 0 {
		fmt.Fprintf(r.out, "%s with mistakes:\n", plural(r.unread, "line"))
		for _, err := range r.faults {
			fmt.Fprintf(r.out, "  %v\n", err)
		}
	}
	return r.out.Flush()
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// clock makes the times of a log rise over the turn of a year, which some logs
// do not have.
type clock struct {
	years int
	last  time.Time
}

func (c *clock) inOrder(t time.Time) time.Time {
	if t.IsZero() || t.Year() != 0 {
		return t
	}
	t = t.AddDate(c.years, 0, 0)
	if !c.last.IsZero() && c.last.Sub(t) > 180*24*time.Hour {
		c.years++
		t = t.AddDate(1, 0, 0)
	}
	c.last = t
	return t
}
