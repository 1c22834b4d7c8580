package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// separators are the characters that stand between the values of a line, the
// usual first.
var separators = []rune{',', ';', '\t', '|'}

// readHeader finds the kind of the list by its first line with contents. A header may
// have a title above it, in rows with one value or none.
func (l *list) readHeader(column string) error {
	lines := &plainRows{r: l.reader(l.start), at: l.start}
	given, stated, mistake := separators, false, error(nil)
	for {
		line, err := lines.line()
		switch {
		case err == io.EOF && mistake != nil:
			return mistake
		case err == io.EOF:
			return fmt.Errorf("%s: the list is empty", l.path)
		case err != nil:
			return err
		case skipped(line):
		case statesSeparator(line) && !stated:
			given, stated = []rune{rune(bare(line)[len("sep=")])}, true
		default:
			l.startLine = lines.n
			if address, _ := tidyAddress(line); checkAddress(address) == nil && !stated && column == "" {
				l.columns = columns{names: []string{emailColumn}}
				return mistake
			}
			err := l.chooseHeader(line, given, column)
			if err == nil {
				return nil
			}
			if mistake = cmp.Or(mistake, err); !isTitle(line, given) {
				return mistake
			}
			l.note(lines.n, "taken for a title above the header")
		}
		l.start = lines.at
	}
}

// isTitle reports whether a line is a row of a table with one value at most, and no
// address.
func isTitle(line string, separators []rune) bool {
	for _, separator := range separators {
		values := strings.TrimRight(line, string(separator)+"\" ")
		if values != strings.TrimRight(line, "\" ") && !strings.ContainsAny(values, string(separator)+"@") {
			return true
		}
	}
	return false
}

// bare gives a line without the quotes and the separators that a spreadsheet may put
// around its only value.
func bare(line string) string {
	value, _, quoted := strings.Cut(strings.TrimPrefix(line, `"`), `"`)
	if quoted {
		return value
	}
	return line
}

// statesSeparator reports whether a line is the one with which spreadsheets name
// the separator: "sep=;".
func statesSeparator(line string) bool {
	line = bare(line)
	return len(line) == len("sep=;") && strings.EqualFold(line[:4], "sep=") && line[4] < utf8.RuneSelf && line[4] != '"'
}

// chooseHeader takes the first line for the header of CSV, with the separator
// that makes the most columns of it, one of them of addresses.
func (l *list) chooseHeader(line string, candidates []rune, column string) error {
	var best, seen columns
	var mistake, unreadable error
	for _, separator := range candidates {
		header, err := newCSVReader(io.LimitReader(l.reader(l.start), maxRecord), separator).Read()
		if err != nil {
			unreadable = err
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
	case len(seen.names) == 0 && !strings.Contains(line, "@"):
		return fmt.Errorf("%s:%d: the header cannot be read: %w", l.path, l.startLine, unreadable)
	}
	l.columns = columns{names: []string{emailColumn}}
	return nil
}

// skipped reports whether a line is empty or a comment.
func skipped(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}
