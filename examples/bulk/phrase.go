package main

import (
	"errors"
	"fmt"
	"html"
	"regexp"
	"strings"
)

// placeholder is {{.name}}; a name may be anything that a column is called.
var placeholder = regexp.MustCompile(`\{\{[\s\p{Z}\p{Cf}]*\.([^{}]*)\}\}`)

// token is a placeholder, or a text in quotes that stands for itself, for
// literal braces: {{"{{"}}.
var token = regexp.MustCompile(placeholder.String() + `|\{\{\s*(?:"|&quot;)([^\n]*?)(?:"|&quot;)\s*\}\}`)

// phrase is a text with placeholders: literals and slots by turns, a literal
// first and last. The zero value is no text.
type phrase struct {
	literals []string
	slots    []slot
}

// slot is the place of a value.
type slot struct {
	column  int
	escape  func(string) string // for where it stands; nil leaves the value as it is
	link    bool                // whether the value is a whole URI, or its beginning
	outside bool                // whether it is outside of the brackets of a field of URIs
}

// parsePhrase reads a text whose placeholders name columns of the list. What
// looks like a placeholder and is none is a mistake; see lookalikes.
func parsePhrase(text string, c columns) (phrase, error) {
	var p phrase
	var errs []error
	literal, rest := "", 0
	for _, m := range token.FindAllStringSubmatchIndex(text, -1) {
		literal += text[rest:m[0]]
		rest = m[1]
		if m[2] < 0 { // a text in quotes
			literal += text[m[4]:m[5]]
			continue
		}
		name := strings.TrimSpace(text[m[2]:m[3]])
		column, err := c.find(name)
		if err != nil { // editors of HTML write "R&amp;D"
			if found, again := c.find(html.UnescapeString(name)); again == nil {
				column, err = found, nil
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", text[m[0]:m[1]], err))
		}
		p.literals = append(p.literals, literal)
		p.slots = append(p.slots, slot{column: column})
		literal = ""
	}
	p.literals = append(p.literals, literal+text[rest:])
	return p, errors.Join(errs...)
}

// fixed reports whether there is nothing to fill in.
func (p phrase) fixed() bool { return len(p.slots) == 0 }

// fill puts the values in, each escaped for where it stands.
func (p phrase) fill(values []string) string {
	var b strings.Builder
	for i, s := range p.slots {
		b.WriteString(p.literals[i])
		value := values[s.column]
		if s.escape != nil {
			value = s.escape(value)
		}
		b.WriteString(value)
	}
	for _, last := range p.literals[len(p.slots):] {
		b.WriteString(last)
	}
	return b.String()
}

// check reports a value that is no link where one is needed.
func (p phrase) check(values []string, c columns) error {
	for _, s := range p.slots {
		if s.link && !isLink(values[s.column]) {
			return fmt.Errorf("the value of %q is no link that mail can have", c.names[s.column])
		}
	}
	return nil
}
