package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// separators are the characters that stand between the values of a line, the
// usual first.
var separators = []rune{',', ';', '\t', '|'}

// readHeader finds out which kind of list it is by its first line that says
// something.
func (l *list) readHeader(column string) error {
	lines := &plainRows{r: l.reader(l.start), at: l.start}
	first, err := lines.line()
	var given []rune
	for err == nil && (skipped(first) || len(given) == 0 && statesSeparator(first)) {
		if statesSeparator(first) {
			given = []rune{rune(first[len("sep=")])}
		}
		l.start = lines.at
		first, err = lines.line()
	}
	if err == io.EOF {
		return fmt.Errorf("%s: the list is empty", l.path)
	}
	if err != nil {
		return err
	}
	l.startLine = lines.n
	if address, _ := tidyAddress(first); checkAddress(address) == nil && len(given) == 0 && column == "" {
		l.columns = columns{names: []string{emailColumn}}
		return nil
	}
	if len(given) == 0 {
		given = separators
	}
	return l.chooseHeader(given, column)
}

// statesSeparator reports whether a line is the one with which spreadsheets name
// the separator: "sep=;".
func statesSeparator(line string) bool {
	return len(line) == len("sep=;") && strings.EqualFold(line[:4], "sep=") && line[4] < utf8.RuneSelf && line[4] != '"'
}

// chooseHeader takes the first line for the header of CSV, with the separator
// that makes the most columns of it, one of them of addresses.
func (l *list) chooseHeader(candidates []rune, column string) error {
	var best, seen columns
	var mistake error
	for _, separator := range candidates {
		header, err := newCSVReader(io.LimitReader(l.reader(l.start), maxRecord), separator).Read()
		if err != nil {
			continue
		}
		c, ok, err := newColumns(header, column)
		if len(c.names) > len(seen.names) {
			seen = c
		}
		if !ok || len(c.names) <= len(best.names) {
			continue
		}
		best, mistake = c, err
		l.separator, l.columns, l.csv = separator, c, true
	}
	switch {
	case mistake != nil:
		return fmt.Errorf("%s:%d: %w", l.path, l.startLine, mistake)
	case l.csv:
		return nil
	case column != "":
		return fmt.Errorf("%s:%d: the header has no column %q, but %s", l.path, l.startLine, column, seen.shown())
	case len(seen.names) > 1:
		return fmt.Errorf("%s:%d: a list with columns needs a header with a column %q; here it is %s: -column NAME says which has the addresses",
			l.path, l.startLine, emailColumn, seen.shown())
	}
	l.columns = columns{names: []string{emailColumn}}
	return nil
}

// skipped reports whether a line is empty or a comment.
func skipped(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}
