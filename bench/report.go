package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// report holds the figures of a run.
type report struct {
	rows    []string
	cells   []cell
	figures map[place]*figure
}

type place struct {
	row  string
	cell cell
}

func newReport(all []row, in []cell) *report {
	rep := &report{cells: in, figures: map[place]*figure{}}
	for _, r := range all {
		rep.rows = append(rep.rows, r.name)
	}
	return rep
}

// figure gives the figure of a row in a cell; it is made when it is new.
func (rep *report) figure(row string, c cell) *figure {
	at := place{row, c}
	if rep.figures[at] == nil {
		rep.figures[at] = &figure{}
	}
	return rep.figures[at]
}

// rate returns the median of a row's rates, in messages per second; 0 when none
// counts.
func (rep *report) rate(row string, c cell) float64 {
	f := rep.figures[place{row, c}]
	if f == nil || f.err != nil {
		return 0
	}
	return median(f.rates)
}

// ratio returns smtpace's rate divided by that of a row; 0 when either is not
// known.
func (rep *report) ratio(against string, c cell) float64 {
	if base := rep.rate(against, c); base > 0 {
		return rep.rate(goalRow, c) / base
	}
	return 0
}

// median returns the middle of some values, or the mean of the two in the
// middle; 0 for none.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// table writes the rates in Markdown, each with the ratio of smtpace to it.
func (rep *report) table(w io.Writer) {
	fmt.Fprint(w, "| messages per second |")
	for _, c := range rep.cells {
		fmt.Fprintf(w, " %v |", c)
	}
	fmt.Fprintf(w, "\n| ---%s |\n", strings.Repeat(" | ---:", len(rep.cells)))
	for _, row := range rep.rows {
		fmt.Fprintf(w, "| %s |", row)
		for _, c := range rep.cells {
			fmt.Fprintf(w, " %s |", rep.entry(row, c))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\nIn brackets: how many times that rate smtpace reaches with rendered messages.")
}

func (rep *report) entry(row string, c cell) string {
	rate := rep.rate(row, c)
	if rate == 0 {
		return "error"
	}
	ratio := rep.ratio(row, c)
	if row == goalRow || ratio == 0 {
		return formatRate(rate)
	}
	return fmt.Sprintf("%s (%s)", formatRate(rate), formatRatio(ratio))
}

// fewer writes a line for each figure that was reached with fewer connections
// than there might have been.
func (rep *report) fewer(w io.Writer) {
	for _, c := range rep.cells {
		for _, row := range rep.rows {
			if f := rep.figures[place{row, c}]; f != nil && f.err == nil && f.connections < connections {
				fmt.Fprintf(w, "%s, %v: used %d connections at the same time\n", row, c, f.connections)
			}
		}
	}
}

// errors writes what went wrong, a line for each, and reports whether anything
// did.
func (rep *report) errors(w io.Writer) bool {
	failed := false
	for _, c := range rep.cells {
		for _, row := range rep.rows {
			if f := rep.figures[place{row, c}]; f != nil && f.err != nil {
				failed = true
				fmt.Fprintf(w, "error: %s, %v: %v\n", row, c, f.err)
			}
		}
	}
	return failed
}

// allocs writes what smtpace allocates for a message, in the smallest cell of
// the nearest receiver.
func (rep *report) allocs(w io.Writer) {
	nearest := slices.MinFunc(rep.cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.trip, b.trip), cmp.Compare(a.size, b.size), cmp.Compare(a.recipients, b.recipients))
	})
	if f := rep.figures[place{goalRow, nearest}]; f != nil && f.err == nil {
		fmt.Fprintf(w, "smtpace, steady state: %.1f allocations and %.0f bytes a message (%s; the Result of each included)\n",
			f.allocs, f.heap, nearest)
	}
}

// formatRate writes three digits or more, with commas.
func formatRate(rate float64) string {
	if rate < 100 {
		return strconv.FormatFloat(rate, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(rate, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func formatRatio(ratio float64) string {
	if ratio < 10 {
		return strconv.FormatFloat(ratio, 'f', 2, 64) + "x"
	}
	return strconv.FormatFloat(ratio, 'f', 1, 64) + "x"
}
