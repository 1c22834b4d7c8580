package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// csvRows reads CSV (RFC 4180), with comment lines, from its header on.
type csvRows struct {
	columns
	list    *list
	before  int   // the lines before the header, and those that r does not read
	skipped int64 // octets that r does not read
	header  bool
	counted int64     // the offset up to which lineAt has counted
	lines   int       // that it has counted
	in      plainRows // what r reads from
	r       *csv.Reader
	left    *io.LimitedReader // what one entry may still take
}

func newCSVRows(l *list) *csvRows {
	left := &io.LimitedReader{R: l.reader(l.start), N: maxRecord}
	in := bufio.NewReaderSize(left, 1<<16) // csv takes a large buffer as it is
	return &csvRows{columns: l.columns, list: l, before: l.startLine - 1, in: plainRows{r: in}, r: newCSVReader(in, l.separator), left: left}
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
		if r, odd := c.comments(); odd {
			return r, nil
		}
		start := c.offset()
		record, err := c.r.Read()
		if c.left.N <= 0 {
			return row{}, fmt.Errorf("%s: the entry after octet %d is longer than %d octets; is a quote not closed?", c.list.path, start, maxRecord)
		}
		c.left.N = maxRecord
		if err != nil {
			return c.damaged(record, start, err)
		}
		if !c.header {
			c.header = true
			continue
		}
		if line, _ := c.r.FieldPos(0); !skipped(strings.Join(record, "")) {
			return c.entry(line, record)
		}
	}
}

// offset returns where in the file the next entry begins.
func (c *csvRows) offset() int64 { return c.list.start + c.skipped + c.r.InputOffset() }

// comments skips empty lines and comments. One that has an address, behind a first
// value that begins like a comment, may be none; odd is true for it.
func (c *csvRows) comments() (r row, odd bool) {
	for c.header {
		next, _ := c.in.r.Peek(2)
		if len(next) == 0 || next[0] != '#' && next[0] != '\n' && string(next) != "\r\n" {
			break
		}
		start := c.offset()
		line, _ := c.in.line() // an error comes again
		c.before, c.skipped, c.in.at = c.before+1, c.skipped+c.in.at, 0
		record, err := newCSVReader(strings.NewReader(" "+line), c.list.separator).Read()
		if address := c.addressOf(record); err == nil && c.email > 0 && checkAddress(address) == nil {
			return row{
				line: c.lineAt(start), address: address, comment: true,
				note: "begins with # and is skipped as a comment, although it has an address: " + address,
			}, true
		}
	}
	return row{}, false
}

// lineAt returns the number of the line at an offset. The offset is not less than in the
// call before.
func (c *csvRows) lineAt(offset int64) int {
	passed := bufio.NewReader(io.NewSectionReader(c.list.file, c.counted, offset-c.counted))
	for err := error(nil); err != io.EOF; {
		var part []byte
		if part, err = passed.ReadSlice('\n'); err == nil {
			c.lines++
		} else if len(part) == 0 {
			break
		}
	}
	c.counted = offset
	return c.lines + 1
}

// entry makes an entry of a line that could be read.
func (c *csvRows) entry(line int, record []string) (row, error) {
	given := len(record)
	for len(record) < len(c.names) && (c.names[len(record)] == "" || c.mayEnd(record)) {
		record = append(record, "")
	}
	record = c.withoutExcess(record)
	if len(record) != len(c.names) {
		return c.miscounted(line, record)
	}
	r := c.row(line, record)
	if given < len(c.names) {
		r.given = given
	}
	return r, nil
}

// withoutExcess gives the values of a line without the empty ones that spreadsheets add
// behind the last column.
func (c *csvRows) withoutExcess(record []string) []string {
	for len(record) > len(c.names) && strings.TrimSpace(record[len(record)-1]) == "" {
		record = record[:len(record)-1]
	}
	return record
}

// mayEnd reports whether the values behind those of a line may have been left out
// because they are empty, as spreadsheets do. At the end of a file that was cut off
// they may not.
func (c *csvRows) mayEnd(record []string) bool {
	if len(record) <= c.email || strings.Contains(strings.Join(record, ""), "\n") {
		return false
	}
	last := make([]byte, 1)
	end := c.offset()
	_, err := c.list.file.ReadAt(last, end-1)
	return err == nil && (end < c.list.size || last[0] == '\n')
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
		err: errCount(len(record), len(c.names)),
	}, nil
}

func errCount(values, columns int) error {
	return fmt.Errorf("%d values where the header has %d columns", values, columns)
}

// damaged makes an entry of a line that cannot be read. An entry of several
// lines may have swallowed others whole: nobody could say which recipients are
// missing, and that is an error of the list.
func (c *csvRows) damaged(record []string, start int64, err error) (row, error) {
	parse, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return row{}, err
	}
	if parse.StartLine != parse.Line || strings.Contains(strings.Join(record, ""), "\n") {
		return row{}, c.tangled(parse.StartLine, parse.Err)
	}
	if record := c.lenient(start); record != nil {
		r, err := c.entry(parse.StartLine, record)
		r.note = cmp.Or(r.note, "quotes that do not match are taken for what they are")
		return r, err
	}
	return row{line: c.before + parse.StartLine, address: c.addressOf(record), err: parse.Err}, nil
}

var blankBehindQuote = regexp.MustCompile(`"[ \t]+$`)

// lenient reads the line at an offset as spreadsheets do, where a quote inside a value
// is a character and a blank behind one nothing; nil when that makes no entry of it.
func (c *csvRows) lenient(start int64) []string {
	raw := make([]byte, c.offset()-start)
	if _, err := c.list.file.ReadAt(raw, start); err != nil {
		return nil
	}
	separator := string(c.list.separator)
	values := strings.Split(strings.TrimRight(string(raw), "\r\n"), separator)
	for i, value := range values {
		values[i] = blankBehindQuote.ReplaceAllString(value, `"`)
	}
	r := newCSVReader(strings.NewReader(strings.Join(values, separator)), c.list.separator)
	r.LazyQuotes = true
	record, err := r.Read()
	if record = c.withoutExcess(record); err != nil || len(record) != len(c.names) {
		return nil
	}
	return record
}

// tangled says that the quotes of an entry do not match.
func (c *csvRows) tangled(line int, err error) error {
	return fmt.Errorf("%s:%d: an entry of several lines, whose quotes do not match: %w", c.list.path, c.before+line, err)
}

// addressOf gives what may be the address of a line that is wrong.
func (c *csvRows) addressOf(record []string) string {
	if c.email >= len(record) {
		return ""
	}
	address, _ := tidyAddress(record[c.email])
	return address
}
