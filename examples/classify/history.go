package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// history counts answers over time, in as many steps as fit on a line. The steps grow
// with the time that is spanned.
type history struct {
	level int   // of steps
	first int64 // the number of the first step since 1970
	steps []step
}

type step struct{ accepted, refused uint32 }

// steps are the lengths that a step may have; each divides the next.
var steps = [...]time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour,
	8 * 24 * time.Hour, 32 * 24 * time.Hour, 512 * 24 * time.Hour,
}

// maxSteps is the number of steps of a line.
const maxSteps = 48

// add counts an answer. A time that is decades from the others is left out.
func (h *history) add(at time.Time, accepted bool) {
	if at.IsZero() {
		return
	}
	n := h.number(at)
	if len(h.steps) == 0 {
		h.first = n
	}
	for max(n, h.first+int64(len(h.steps))-1)-min(n, h.first) >= maxSteps {
		if h.level == len(steps)-1 {
			return // one log has years and the other has not
		}
		h.coarsen()
		n = h.number(at)
	}
	if n < h.first {
		h.steps = append(make([]step, h.first-n, maxSteps), h.steps...)
		h.first = n
	}
	for n-h.first >= int64(len(h.steps)) {
		h.steps = append(h.steps, step{})
	}
	if s := &h.steps[n-h.first]; accepted {
		s.accepted++
	} else {
		s.refused++
	}
}

// number returns the number of the step that a time is in.
func (h *history) number(at time.Time) int64 {
	return floorDiv(at.Unix(), int64(steps[h.level]/time.Second))
}

// coarsen goes on to longer steps.
func (h *history) coarsen() {
	ratio := int64(steps[h.level+1] / steps[h.level])
	h.level++
	first := floorDiv(h.first, ratio)
	var merged []step
	for i, s := range h.steps {
		at := int(floorDiv(h.first+int64(i), ratio) - first)
		for len(merged) <= at {
			merged = append(merged, step{})
		}
		merged[at].accepted += s.accepted
		merged[at].refused += s.refused
	}
	h.first, h.steps = first, merged
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// print writes when mail was accepted and refused; nothing if all was within a second.
func (h *history) print(w io.Writer) {
	if len(h.steps) < 2 {
		return
	}
	length := steps[h.level]
	from := time.Unix(h.first*int64(length/time.Second), 0).UTC()
	to := from.Add(time.Duration(len(h.steps)) * length)
	fmt.Fprintf(w, "  when      %s to %s, a sign is %s\n", formatTime(from), formatTime(to), formatStep(length))
	accepted, refused := make([]int, len(h.steps)), make([]int, len(h.steps))
	for i, s := range h.steps {
		accepted[i], refused[i] = int(s.accepted), int(s.refused)
	}
	fmt.Fprintf(w, "  accepted  %s\n", sparkline(accepted))
	fmt.Fprintf(w, "  refused   %s\n", sparkline(refused))
}

// formatStep writes the length of a step without what is zero.
func formatStep(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return plural(int(d/(24*time.Hour)), "day")
	case d%time.Hour == 0:
		return plural(int(d/time.Hour), "hour")
	case d%time.Minute == 0:
		return plural(int(d/time.Minute), "minute")
	}
	return plural(int(d/time.Second), "second")
}

// sparkline draws numbers as blocks; the largest is the highest, and none is a dot.
func sparkline(numbers []int) string {
	blocks := []rune("▁▂▃▄▅▆▇█")
	most := 0
	for _, n := range numbers {
		most = max(most, n)
	}
	var b strings.Builder
	for _, n := range numbers {
		if n == 0 {
			b.WriteRune('·')
			continue
		}
		b.WriteRune(blocks[(n*len(blocks)-1)/most])
	}
	return b.String()
}
