package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// placeholder is {{.name}}; a name may be anything that a column is called.
var placeholder = regexp.MustCompile(`\{\{\s*\.([^{}]*)\}\}`)

// opening is how a placeholder begins.
var opening = regexp.MustCompile(`\{\{\s*\.`)

// phrase is a text with placeholders: literals and columns by turns, a literal
// first and last. The zero value is no text.
type phrase struct {
	literals []string
	columns  []int
}

// parsePhrase reads a text whose placeholders name columns of the list.
func parsePhrase(text string, c columns) (phrase, error) {
	var p phrase
	var errs []error
	rest := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		column, err := c.find(strings.TrimSpace(text[m[2]:m[3]]))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", text[m[0]:m[1]], err))
		}
		p.literals = append(p.literals, text[rest:m[0]])
		p.columns = append(p.columns, column)
		rest = m[1]
	}
	p.literals = append(p.literals, text[rest:])
	for _, literal := range p.literals {
		if opening.MatchString(literal) {
			errs = append(errs, errors.New("a placeholder begins with {{. and has no end"))
		}
	}
	return p, errors.Join(errs...)
}

// fixed reports whether there is nothing to fill in.
func (p phrase) fixed() bool { return len(p.columns) == 0 }

// fill puts the values in, each passed through escape unless that is nil.
func (p phrase) fill(values []string, escape func(string) string) string {
	var b strings.Builder
	for i, column := range p.columns {
		b.WriteString(p.literals[i])
		value := values[column]
		if escape != nil {
			value = escape(value)
		}
		b.WriteString(value)
	}
	for _, last := range p.literals[len(p.columns):] {
		b.WriteString(last)
	}
	return b.String()
}
