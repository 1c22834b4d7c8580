package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// maxDestinations is the number that the report tells apart; the others are one.
const maxDestinations = 10_000

const others = "(others)"

// report sums answers up by destination.
type report struct {
	out     *bufio.Writer
	by      map[string]*tally
	repeats *repeats
	own     decided
	again   int // lines that tell of the same reply as another one
	skipped skipped
	faults  []error
	unread  int // lines that cannot be read; faults has the first of them
}

// maxFaults is the number of unreadable lines that are named.
const maxFaults = 5

func newReport(w io.Writer) *report {
	return &report{out: bufio.NewWriter(w), by: map[string]*tally{}, repeats: newRepeats()}
}

func (r *report) add(a *answer, where *place, v classify.Verdict, now moment) error {
	if a.fault != nil {
		if r.unread++; len(r.faults) < maxFaults {
			r.faults = append(r.faults, a.fault)
		}
	}
	if a.err == nil {
		return nil
	}
	again := a.again
	if !again && r.repeats.has(a) {
		again = true
		r.again++
	}
	if a.own {
		if !again {
			r.own.add(a, v.Class, now)
		}
		return nil
	}
	r.tally(where).add(a, v, now, again)
	return nil
}

func (r *report) skip(kind, text string, where moment) error {
	r.skipped.add(kind, text, where)
	return nil
}

func (r *report) pause() error { return nil }

func (r *report) tally(where *place) *tally {
	if where.tally != nil {
		return where.tally
	}
	t := r.by[where.key]
	if t == nil && len(r.by) >= maxDestinations {
		where = &place{key: others, name: others}
		t = r.by[others]
	}
	if t == nil {
		t = &tally{place: *where}
		r.by[where.key] = t
	}
	where.tally = t
	return t
}

// end prints the report: the most refused destination first.
func (r *report) end(sources []string) error {
	list := slices.SortedFunc(maps.Values(r.by), func(a, b *tally) int {
		return cmp.Or(b.refused-a.refused, b.answers-a.answers, strings.Compare(a.title(), b.title()))
	})
	source := commonSource(list)
	for _, t := range list {
		t.print(r.out, source)
	}
	r.own.print(r.out)
	if len(list) == 0 && r.own.count == 0 {
		fmt.Fprintln(r.out, "no answers")
	}
	if r.again > 0 {
		fmt.Fprintf(r.out, "%s of a reply that is counted already\n", plural(r.again, "further line"))
	}
	r.skipped.print(r.out)
	if r.unread > 0 {
		fmt.Fprintf(r.out, "%s with mistakes:\n", plural(r.unread, "line"))
		for _, err := range r.faults {
			fmt.Fprintf(r.out, "  %v\n", err)
		}
	}
	for _, s := range sources {
		fmt.Fprintln(r.out, s)
	}
	return r.out.Flush()
}

// commonSource returns the address of ours that most receivers name, for letters to the
// others.
func commonSource(list []*tally) string {
	var all letters
	for _, t := range list {
		all.note(t.letters.source())
	}
	return all.source()
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
