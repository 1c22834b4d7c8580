package main

import (
	"fmt"
	"io"
	"time"
)

// goal is the least ratio of smtpace's rate to that of a row in a cell.
type goal struct {
	against string
	in      cell
	atLeast float64
}

var (
	near    = cell{size: 1 << 10, recipients: 1}
	far     = cell{size: 1 << 10, recipients: 1, trip: 20 * time.Millisecond}
	farMany = cell{size: 1 << 10, recipients: 10, trip: 20 * time.Millisecond}
)

var goals = []goal{
	{goMailKept, far, 6.5},
	{goMailKept, near, 3.2},
	{goMailBare, far, 3.8},
	{goMailBare, near, 2.3},
	{smtppoolRow, far, 4.5},
	{smtppoolRow, near, 2.2},
	{boundRow, far, 0.95},
	{boundRow, near, 0.7},
	{goMailKept, farMany, 15},
	{sourceRow, near, 0.7},
}

// goals writes a line for each goal: what was wanted, and what was measured.
func (rep *report) goals(w io.Writer) {
	for _, g := range goals {
		fmt.Fprintln(w, g.verdict(rep.ratio(g.against, g.in)))
	}
}

func (g goal) verdict(ratio float64) string {
	said := fmt.Sprintf("%s, %v: goal >= %gx: ", g.against, g.in, g.atLeast)
	switch {
	case ratio == 0:
		return said + "not measured"
	case ratio < g.atLeast:
		return fmt.Sprintf("%smeasured %s missed", said, formatRatio(ratio))
	}
	return fmt.Sprintf("%smeasured %s ok", said, formatRatio(ratio))
}
