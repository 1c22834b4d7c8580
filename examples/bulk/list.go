package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
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
	err     error    // why it cannot be sent; nil when it can
}

// rows gives the entries of a list one by one, io.EOF after the last. Another
// error means that the rest cannot be read.
type rows interface {
	next() (row, error)
}

// list is a file of recipients: one address a line, or CSV with a header. It is
// read twice, first to check it and then to send, and never held in memory.
type list struct {
	columns
	path   string
	file   *os.File
	size   int64 // what is appended later is not read
	header int   // the line of the CSV header; 0 when it is a plain list
	temp   bool  // file is a copy, to be removed
}

// openList opens the list at path and reads its header. A pipe can be read once
// only and is copied to a temporary file.
func openList(path string) (*list, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &list{path: path, file: file}
	if err := l.prepare(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *list) prepare() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		if err := l.spool(); err != nil {
			return fmt.Errorf("copying %s: %w", l.path, err)
		}
		if info, err = l.file.Stat(); err != nil {
			return err
		}
	}
	l.size = info.Size()
	return l.readHeader()
}

// spool replaces the file by a copy that can be read again.
func (l *list) spool() error {
	copied, err := os.CreateTemp("", "bulk-list-")
	if err != nil {
		return err
	}
	source := l.file
	defer source.Close()
	l.file, l.temp = copied, true
	_, err = io.Copy(copied, source)
	return err
}

func (l *list) close() error {
	err := l.file.Close()
	if l.temp {
		err = errors.Join(err, os.Remove(l.file.Name()))
	}
	return err
}

// readHeader finds out which kind of list it is by its first line that says
// something.
func (l *list) readHeader() error {
	lines := &plainRows{r: l.reader()}
	first, err := lines.line()
	for err == nil && skipped(first) {
		first, err = lines.line()
	}
	if err == io.EOF {
		return fmt.Errorf("%s: the list is empty", l.path)
	}
	if err != nil {
		return err
	}
	header, err := csv.NewReader(strings.NewReader(first)).Read()
	if err == nil {
		c, ok, err := newColumns(header)
		if ok && err != nil {
			return fmt.Errorf("%s:%d: %w", l.path, lines.n, err)
		}
		if ok {
			l.columns, l.header = c, lines.n
			return nil
		}
	}
	if strings.ContainsAny(first, ",;\t") && checkAddress(strings.TrimSpace(first)) != nil {
		return fmt.Errorf("%s:%d: a list with columns needs a header with a column %q, separated by commas", l.path, lines.n, emailColumn)
	}
	l.columns = columns{names: []string{emailColumn}}
	return nil
}

func skipped(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}

// reader reads the file from its start, without a byte order mark.
func (l *list) reader() *bufio.Reader {
	r := bufio.NewReaderSize(io.NewSectionReader(l.file, 0, l.size), 1<<16)
	if mark, err := r.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		r.Discard(len(mark)) // cannot fail: it is buffered
	}
	return r
}

// rows begins to read the entries, from the first.
func (l *list) rows() rows {
	if l.header > 0 {
		return newCSVRows(l)
	}
	return &plainRows{r: l.reader()}
}

// plainRows reads one address a line.
type plainRows struct {
	r *bufio.Reader
	n int // the line that was read last
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
		address := strings.TrimSpace(line)
		return row{line: p.n, address: address, values: []string{address}, err: checkAddress(address)}, nil
	}
}

// line reads one line without its end. Of one that is longer than any buffer
// only the beginning is kept, which is too long for an address anyway.
func (p *plainRows) line() (string, error) {
	line, more, err := p.r.ReadLine()
	if err != nil {
		return "", err
	}
	p.n++
	kept := string(line)
	for more && err == nil {
		_, more, err = p.r.ReadLine()
	}
	if err == io.EOF {
		err = nil
	}
	return kept, err
}

// csvRows reads CSV (RFC 4180), with comment lines.
type csvRows struct {
	columns
	path   string
	header int
	r      *csv.Reader
	left   *io.LimitedReader // what one entry may still take
}

func newCSVRows(l *list) *csvRows {
	left := &io.LimitedReader{R: l.reader(), N: maxRecord}
	r := csv.NewReader(left)
	r.Comment, r.FieldsPerRecord = '#', len(l.names)
	return &csvRows{columns: l.columns, path: l.path, header: l.header, r: r, left: left}
}

func (c *csvRows) next() (row, error) {
	for {
		record, err := c.r.Read()
		if c.left.N <= 0 {
			return row{}, fmt.Errorf("%s: the entry after octet %d is longer than %d octets; is a quote not closed?",
				c.path, c.r.InputOffset(), maxRecord)
		}
		c.left.N = maxRecord
		if err != nil && !errors.Is(err, csv.ErrFieldCount) {
			return c.damaged(record, err)
		}
		line, _ := c.r.FieldPos(0)
		if line <= c.header || skipped(strings.Join(record, "")) {
			continue
		}
		if err != nil {
			return c.damaged(record, err)
		}
		return c.row(line, record), nil
	}
}

func (c *csvRows) row(line int, record []string) row {
	r := row{line: line, address: strings.TrimSpace(record[c.email]), values: record}
	r.values[c.email] = r.address
	r.err = checkAddress(r.address)
	for i, value := range record {
		if r.err == nil && (!utf8.ValidString(value) || strings.ContainsRune(value, 0)) {
			r.err = fmt.Errorf("the value of %q is not UTF-8 text", c.names[i])
		}
	}
	return r
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
		return row{}, fmt.Errorf("%s:%d: an entry of several lines, whose quotes do not match: %w", c.path, parse.StartLine, parse.Err)
	}
	r := row{line: parse.StartLine, err: parse.Err}
	if errors.Is(err, csv.ErrFieldCount) {
		r.err = fmt.Errorf("%d values where the header has %d columns", len(record), len(c.names))
	}
	if c.email < len(record) {
		r.address = strings.TrimSpace(record[c.email])
	}
	return r, nil
}
