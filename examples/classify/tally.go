package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/profile"
)

// tally is what is known of one destination.
type tally struct {
	name    string
	profile *profile.Profile // nil when there is none
	answers int
	refused int
	classes [classify.Classes]int
	hits    [classify.Limits]hit
	pace    pace
	open    openings
}

// hit is what is known of one limit that was hit.
type hit struct {
	count       int
	first, last moment
	reply       string // the last one
	ordinal     int    // the least one of a message that was refused for it; 0 when none is known
}

// moment is when something was logged: at a time, else in a line.
type moment struct {
	time time.Time
	line int
}

func (m moment) String() string {
	if m.time.IsZero() {
		return fmt.Sprintf("line %d", m.line)
	}
	return formatTime(m.time)
}

func (t *tally) add(a answer, v classify.Verdict) {
	t.answers++
	t.classes[v.Class]++
	if v.Class != classify.ClassOK {
		t.refused++
	}
	if v.Limit != classify.LimitNone {
		t.hits[v.Limit].add(a)
	}
	t.pace.add(a, v)
	t.open.add(a, v)
}

func (h *hit) add(a answer) {
	now := moment{a.time, a.line}
	if h.count == 0 {
		h.first = now
	}
	h.count++
	h.last, h.reply = now, a.text
	if a.ordinal > 1 && (h.ordinal == 0 || a.ordinal < h.ordinal) {
		h.ordinal = a.ordinal
	}
}

// binding is the limit that was hit most often, LimitNone when none was.
func (t *tally) binding() classify.Limit {
	best := classify.LimitNone
	for l := range classify.Limit(classify.Limits) {
		if t.hits[l].count > t.hits[best].count {
			best = l
		}
	}
	return best
}

func (t *tally) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %s, %d refused\n", t.name, plural(t.answers, "answer"), t.refused)
	fmt.Fprintf(w, "  classes   %s\n", t.classList())
	limit := t.binding()
	if limit != classify.LimitNone {
		h := t.hits[limit]
		fmt.Fprintf(w, "  limit     %v, %s since %v, last %v\n", limit, plural(h.count, "time"), h.first, h.last)
		fmt.Fprintf(w, "  reply     %s\n", printable(h.reply))
		l, how := t.advice(limit)
		if text := l.String(); text != "" {
			fmt.Fprintf(w, "  set       %s (%s)\n", text, how)
		} else {
			fmt.Fprintf(w, "  set       nothing: %s\n", how)
		}
	}
	if t.profile != nil && t.refused > 0 {
		for _, where := range t.profile.Help {
			fmt.Fprintf(w, "  ask       %s\n", where)
		}
	}
}

// classList has the classes with their counts, the largest first.
func (t *tally) classList() string {
	var list []classify.Class
	for c, n := range t.classes {
		if n > 0 {
			list = append(list, classify.Class(c))
		}
	}
	slices.SortStableFunc(list, func(a, b classify.Class) int { return cmp.Compare(t.classes[b], t.classes[a]) })
	var parts []string
	for _, c := range list {
		parts = append(parts, fmt.Sprintf("%v %d", c, t.classes[c]))
	}
	return strings.Join(parts, ", ")
}

// printable makes a reply fit for a terminal, on one line of sensible length.
func printable(text string) string {
	const longest = 160
	if r, err := classify.ParseReply(text); err == nil {
		text = r.Error()
	}
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}
