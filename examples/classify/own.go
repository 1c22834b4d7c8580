package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// decided counts what the sending server has decided by itself, by class.
type decided struct {
	count   int
	classes [classify.Classes]*ownClass
}

type ownClass struct {
	count       int
	first, last moment
	text        string // the last one
	to          map[string]int
}

// maxNamed bounds the names that are counted for a class.
const maxNamed = 1000

func (d *decided) add(a *answer, class classify.Class, now moment) {
	d.count++
	c := d.classes[class]
	if c == nil {
		c = &ownClass{first: now, to: map[string]int{}}
		d.classes[class] = c
	}
	c.count++
	c.last, c.text = now, keep(c.text, a.text)
	name := cmp.Or(a.domain, a.host)
	if _, known := c.to[name]; known || len(c.to) < maxNamed {
		if !known {
			name = strings.Clone(name)
		}
		c.to[name]++
	}
}

// keep returns a copy of a text that may be part of a larger one, or the old one if it
// is the same.
func keep(old, text string) string {
	if old == text {
		return old
	}
	return strings.Clone(text)
}

func (d *decided) print(w io.Writer) {
	if d.count == 0 {
		return
	}
	fmt.Fprintf(w, "the sending server itself: %s, none of them a receiver's reply\n", plural(d.count, "decision"))
	var order []classify.Class
	for class, c := range d.classes {
		if c != nil {
			order = append(order, classify.Class(class))
		}
	}
	slices.SortStableFunc(order, func(a, b classify.Class) int { return d.classes[b].count - d.classes[a].count })
	for _, class := range order {
		c := d.classes[class]
		fmt.Fprintf(w, "  %-9v %s since %v, last %v, to %s\n", class, plural(c.count, "time"), c.first, c.last, topNames(c.to))
		fmt.Fprintf(w, "  words     %s\n", printable(c.text))
		if what := remedies[class]; what != "" {
			fmt.Fprintf(w, "  do        %s\n", what)
		}
	}
}

// remedies say what to look at when the sending server does not go on.
var remedies = map[classify.Class]string{
	classify.ClassNetwork:         "look at the network, the firewall (port 25 is often closed) and DNS of this server",
	classify.ClassTLS:             "look at the TLS policy of this server, and at the certificates that it trusts",
	classify.ClassSMTPAuth:        "look at the login of this server at its relay",
	classify.ClassMessageTooLarge: "send smaller messages: the other server has told its limit (SIZE, RFC 1870)",
	classify.ClassLoop:            "look at the names that this server takes for its own, and at the MX records of the domains",
	classify.ClassBadDomain:       "remove the addresses: their domains take no mail",
}

// topNames returns the names that were counted most, with their counts.
func topNames(counts map[string]int) string {
	const most = 3
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	var parts []string
	for i, name := range names {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d others", len(names)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %d", cmp.Or(printable(name), "(unknown)"), counts[name]))
	}
	return strings.Join(parts, ", ")
}
