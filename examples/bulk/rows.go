package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxRecord bounds one entry of the list in octets, so that a quote that is
// never closed is found before it has swallowed the file.
const maxRecord = 1 << 20

// row is one entry of the list.
type row struct {
	line    int // where it begins, from 1
	address string
	values  []string // one per column
	note    string   // what was odd and is mended, or does no harm; "" is nothing
	err     error    // why it cannot be sent; nil when it can
}

// plainRows reads one address a line.
type plainRows struct {
	r  *bufio.Reader
	n  int   // the line that was read last
	at int64 // the offset behind it
}

func (p *plainRows) next() (row, error) {
	for {
		line, err := p.line()
		if err != nil {
			return row{}, err
		}
		if skipped(line) {
			continue
		}
		address, found := tidyAddress(strings.TrimRight(line, " \t,;"))
		return row{
			line: p.n, address: address, values: []string{address},
			note: removed(found, "the address"), err: checkAddress(address),
		}, nil
	}
}

// removed says that a character was taken out; "" when it is 0.
func removed(found rune, from string) string {
	if found == 0 {
		return ""
	}
	return fmt.Sprintf("a %s was removed from %s", runeName(found), from)
}

// line reads one line without its end. Of one that is longer than any buffer
// only the beginning is kept, which is too long for an address anyway.
func (p *plainRows) line() (string, error) {
	part, err := p.r.ReadSlice('\n')
	if len(part) == 0 {
		return "", err
	}
	p.n++
	kept := string(part)
	p.at += int64(len(part))
	for err == bufio.ErrBufferFull {
		part, err = p.r.ReadSlice('\n')
		p.at += int64(len(part))
	}
	if err == io.EOF {
		err = nil
	}
	return strings.TrimSuffix(strings.TrimSuffix(kept, "\n"), "\r"), err
}

// csvRows reads CSV (RFC 4180), with comment lines, from its header on.
type csvRows struct {
	columns
	path   string
	before int // the lines before the header
	header bool
	r      *csv.Reader
	left   *io.LimitedReader // what one entry may still take
}

func newCSVRows(l *list) *csvRows {
	left := &io.LimitedReader{R: l.reader(l.start), N: maxRecord}
	return &csvRows{columns: l.columns, path: l.path, before: l.startLine - 1, r: newCSVReader(left, l.separator), left: left}
}

// newCSVReader returns a reader of any number of values a line.
func newCSVReader(in io.Reader, separator rune) *csv.Reader {
	r := csv.NewReader(in)
	r.Comma, r.Comment, r.FieldsPerRecord = separator, '#', -1
	r.TrimLeadingSpace = separator != '\t' // or two tabs would be one
	return r
}

func (c *csvRows) next() (row, error) {
	for {
		record, err := c.r.Read()
		if c.left.N <= 0 {
			return row{}, fmt.Errorf("%s: the entry after octet %d is longer than %d octets; is a quote not closed?",
				c.path, c.r.InputOffset(), maxRecord)
		}
		c.left.N = maxRecord
		if err != nil {
			return c.damaged(record, err)
		}
		if !c.header {
			c.header = true
			continue
		}
		line, _ := c.r.FieldPos(0)
		if skipped(strings.Join(record, "")) {
			continue
		}
		for len(record) < len(c.names) && c.names[len(record)] == "" {
			record = append(record, "")
		}
		for len(record) > len(c.names) && strings.TrimSpace(record[len(record)-1]) == "" {
			record = record[:len(record)-1] // what spreadsheets add
		}
		if len(record) != len(c.names) {
			return c.miscounted(line, record)
		}
		return c.row(line, record), nil
	}
}

// row makes an entry of the values of a line.
func (c *csvRows) row(line int, record []string) row {
	r := row{line: c.before + line, values: record}
	for i, value := range record {
		var found rune
		if i == c.email {
			r.values[i], found = tidyAddress(value)
		} else {
			r.values[i], found = tidyValue(value)
		}
		if found != 0 && r.note == "" {
			r.note = removed(found, fmt.Sprintf("%q", c.names[i]))
		}
		if r.note == "" && strings.ContainsRune(value, utf8.RuneError) && utf8.ValidString(value) {
			r.note = fmt.Sprintf("the value of %q has %U, for a character that was lost before", c.names[i], utf8.RuneError)
		}
	}
	r.address = r.values[c.email]
	r.err = checkAddress(r.address)
	for i, value := range record {
		if r.err == nil && (!utf8.ValidString(value) || strings.ContainsRune(value, 0)) {
			r.err = fmt.Errorf("the value of %q is not UTF-8 text", c.names[i])
		}
	}
	return r
}

// miscounted makes an entry of a line with too many or too few values.
func (c *csvRows) miscounted(line int, record []string) (row, error) {
	if strings.Contains(strings.Join(record, ""), "\n") {
		return row{}, c.tangled(line, csv.ErrFieldCount)
	}
	return row{
		line: c.before + line, address: c.addressOf(record),
		err: fmt.Errorf("%d values where the header has %d columns", len(record), len(c.names)),
	}, nil
}

// damaged makes an entry of a line that cannot be read. An entry of several
// lines may have swallowed others whole: nobody could say which recipients are
// missing, and that is an error of the list.
func (c *csvRows) damaged(record []string, err error) (row, error) {
	parse, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return row{}, err
	}
	if parse.StartLine != parse.Line || strings.Contains(strings.Join(record, ""), "\n") {
		return row{}, c.tangled(parse.StartLine, parse.Err)
	}
	return row{line: c.before + parse.StartLine, address: c.addressOf(record), err: parse.Err}, nil
}

// tangled says that the quotes of an entry do not match.
func (c *csvRows) tangled(line int, err error) error {
	return fmt.Errorf("%s:%d: an entry of several lines, whose quotes do not match: %w", c.path, c.before+line, err)
}

// addressOf gives what may be the address of a line that is wrong.
func (c *csvRows) addressOf(record []string) string {
	if c.email >= len(record) {
		return ""
	}
	address, _ := tidyAddress(record[c.email])
	return address
}
