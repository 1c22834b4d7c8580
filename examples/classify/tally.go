package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// tally is the knowledge of one destination, or of one relay.
type tally struct {
	place
	domains map[string]bool // of the recipients, while the place has no name
	answers int
	refused int
	reply   string // of the last refusal, a copy
	host    string // that gave it
	classes [classify.Classes]int
	hits    [classify.Limits]*hit // nil for limits that were not hit
	pace    pace
	open    openings
	history history
	letters letters
}

// hit is the knowledge of one limit that was hit.
type hit struct {
	count       int
	first, last moment
	reply       string          // the last one
	ordinal     int             // the least one of a message that was refused for it; 0 when none is known
	stated      classify.Stated // the last one that has numbers
}

// moment is the time at which something was logged, else its line.
type moment struct {
	time time.Time
	line int
	file string // "" if there is only one
}

func (m moment) String() string {
	switch {
	case !m.time.IsZero():
		return formatTime(m.time)
	case m.file != "":
		return fmt.Sprintf("line %d of %s", m.line, m.file)
	}
	return fmt.Sprintf("line %d", m.line)
}

// add counts an answer; again is true for a line that tells of the same reply once
// more, to another recipient.
func (t *tally) add(a *answer, v classify.Verdict, now moment, again bool) {
	t.pace.add(a, v, again)
	if t.name == "" && a.domain != "" && len(t.domains) < maxNamed && !t.domains[a.domain] {
		if t.domains == nil {
			t.domains = map[string]bool{}
		}
		t.domains[strings.Clone(a.domain)] = true
	}
	if again {
		return
	}
	t.answers++
	t.classes[v.Class]++
	t.history.add(a.time, v.Class == classify.ClassOK)
	t.open.add(a, v)
	if v.Class == classify.ClassOK {
		return
	}
	t.refused++
	t.reply, t.host = keep(t.reply, a.text), keep(t.host, a.host)
	if v.Limit != classify.LimitNone {
		if t.hits[v.Limit] == nil {
			t.hits[v.Limit] = &hit{}
		}
		t.hits[v.Limit].add(a, t.reply, v, now)
	}
	t.letters.add(a, t.reply, v.Class, now)
}

func (h *hit) add(a *answer, text string, v classify.Verdict, now moment) {
	if h.count == 0 {
		h.first = now
	}
	h.count++
	h.last, h.reply = now, text
	if a.ordinal > 1 && (h.ordinal == 0 || a.ordinal < h.ordinal) {
		h.ordinal = a.ordinal
	}
	if v.Stated != (classify.Stated{}) {
		h.stated = v.Stated
	}
}

// title returns the name in the report: that of the only domain, or of the servers and how
// many domains they serve.
func (t *tally) title() string {
	switch {
	case t.name != "":
		return t.name
	case len(t.domains) == 1:
		return t.mailDomain()
	case len(t.domains) > 1:
		return fmt.Sprintf("%s (%d domains)", t.key, len(t.domains))
	}
	return cmp.Or(t.key, "(unknown)")
}

// mailDomain returns a domain of the receiver, whose postmaster can be asked.
func (t *tally) mailDomain() string {
	switch {
	case t.relay:
		return organizationOf(strings.TrimPrefix(t.key, "relay "))
	case t.profile != nil || strings.HasPrefix(t.key, "("):
		return ""
	case len(t.domains) == 1:
		return slices.Collect(maps.Keys(t.domains))[0]
	}
	return t.key
}

// binding returns the limit that was hit most often, LimitNone when none was.
func (t *tally) binding() classify.Limit {
	best, most := classify.LimitNone, 0
	for l, h := range t.hits {
		if h != nil && h.count > most {
			best, most = classify.Limit(l), h.count
		}
	}
	return best
}

func (t *tally) print(w io.Writer, source string) {
	fmt.Fprintf(w, "%s: %s, %d refused\n", printable(t.title()), plural(t.answers, "answer"), t.refused)
	fmt.Fprintf(w, "  classes   %s\n", t.classList())
	if t.refused > 0 {
		t.history.print(w)
	}
	if limit := t.binding(); limit != classify.LimitNone {
		t.printLimit(w, limit)
	}
	t.printLetter(w, source)
}

// printLimit writes which limit binds, and what to set.
func (t *tally) printLimit(w io.Writer, limit classify.Limit) {
	h := t.hits[limit]
	fmt.Fprintf(w, "  limit     %v, %s since %v, last %v\n", limit, plural(h.count, "time"), h.first, h.last)
	fmt.Fprintf(w, "  reply     %s\n", printable(h.reply))
	l, how := t.advice(limit)
	if l == (throttle.Limits{}) {
		fmt.Fprintf(w, "  set       nothing: %s\n", how)
		return
	}
	fmt.Fprintf(w, "  set       %s\n", l)
	fmt.Fprintf(w, "  because   %s\n", how)
	fmt.Fprintf(w, "  config    %s\n", t.setting(l))
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

// printable makes a text fit for a terminal, on one line of sensible length; a reply of
// several lines becomes one.
func printable(text string) string {
	const longest = 160
	if r, err := classify.ParseReply(text); err == nil {
		text = r.Error()
	}
	text = verbatim(text)
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}

// verbatim returns the whole text without what a terminal would obey.
func verbatim(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
}
