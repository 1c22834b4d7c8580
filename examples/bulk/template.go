package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// template is the message file, taken apart into what is the same for every
// recipient and what is filled in. It is not changed after it was made.
type template struct {
	terms
	pieces []piece
	size   int      // of the file
	used   []bool   // by column: its value is filled in
	notes  []string // what was odd in the file and is sent as it is, or mended

	fromDomain string // of the first address in From; "" when that is filled in
}

// piece is a part of a message; pieces follow each other without a gap.
type piece interface {
	appendTo(dst []byte, m mailing) []byte
}

// checker is a piece that not every value may be filled into.
type checker interface {
	check(values []string, c columns) error
}

// mailing is the parts of one recipient's message.
type mailing struct {
	from    string // the envelope sender
	address string
	values  []string
	now     time.Time
	id      string // the left side of the Message-ID
}

// filled is a piece that values are filled into.
type filled interface {
	phrases() []phrase
}

// uses reports whether the value of a column is filled in anywhere.
func (t *template) uses(column int) bool {
	texts := []phrase{t.from.address}
	for _, p := range t.pieces {
		if f, ok := p.(filled); ok {
			texts = append(texts, f.phrases()...)
		}
	}
	return slices.ContainsFunc(texts, func(p phrase) bool {
		return slices.ContainsFunc(p.slots, func(s slot) bool { return s.column == column })
	})
}

// literal is a piece that stays as it is.
type literal []byte

func (l literal) appendTo(dst []byte, _ mailing) []byte { return append(dst, l...) }

// check reports why the values of a recipient cannot be filled in.
func (t *template) check(values []string) error {
	if err := t.from.check(values); err != nil {
		return err
	}
	for _, p := range t.pieces {
		if c, ok := p.(checker); ok {
			if err := c.check(values, t.columns); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendTo appends the message of one recipient.
func (t *template) appendTo(dst []byte, m mailing) []byte {
	for _, p := range t.pieces {
		dst = p.appendTo(dst, m)
	}
	return dst
}

// terms are the conditions that a template is made for.
type terms struct {
	columns
	from     sender // for fields that are missing
	sevenBit bool   // whether nothing may be left for a relay to encode: it would break a signature
}

// parseTemplate takes apart an RFC 5322 message. path names it in errors.
func parseTemplate(path string, raw []byte, t terms) (*template, error) {
	p := &parser{path: path, terms: t}
	var err error
	if p.raw, p.notes, err = readSource(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	fields, body, err := p.header(0, len(p.raw))
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return nil, p.errorAt(0, errors.New(`no header: a message begins with fields such as "Subject: ..." and an empty line`))
	}
	p.entity(entity{fields: fields, body: body, end: len(p.raw), top: p.topFields})
	made := &template{pieces: p.pieces, terms: t, size: len(p.raw), notes: p.notes, fromDomain: p.fromDomain(fields)}
	for column := range t.names {
		made.used = append(made.used, made.uses(column))
	}
	return made, errors.Join(p.errs...)
}

// fromDomain gives the domain of the first address in From; "" when it is filled
// in or cannot be read.
func (p *parser) fromDomain(fields []field) string {
	for _, f := range fields {
		if f.name != "from" {
			continue
		}
		made, err := newAddressField(f, p.columns)
		if err != nil || len(made.boxes) == 0 || !made.boxes[0].address.fixed() {
			return ""
		}
		return domainOf(made.boxes[0].fillAddress(nil))
	}
	if !p.from.fixed() {
		return ""
	}
	return domainOf(p.from.fill(nil))
}

// parser collects the pieces of a template, and what is wrong with it.
type parser struct {
	path string
	raw  []byte // every line ends in CRLF
	terms
	pieces []piece
	errs   []error
	notes  []string // what is odd and no mistake
}

// errorAt says where in the file an error is.
func (p *parser) errorAt(offset int, err error) error {
	return fmt.Errorf("%s:%d: %w", p.path, 1+bytes.Count(p.raw[:offset], []byte("\n")), err)
}

func (p *parser) failAt(offset int, err error) {
	p.errs = append(p.errs, p.errorAt(offset, err))
}

func (p *parser) add(made piece) { p.pieces = append(p.pieces, made) }

// header reads header fields up to the empty line and gives the offset behind
// it.
func (p *parser) header(start, end int) (fields []field, body int, err error) {
	for at := start; at < end; {
		next := p.lineEnd(at, end)
		line := p.raw[at:next]
		switch {
		case string(line) == "\r\n":
			return fields, next, nil
		case bytes.IndexByte(line, 0) >= 0:
			return nil, 0, p.errorAt(at, errors.New("a NUL in the header"))
		case (line[0] == ' ' || line[0] == '\t') && len(fields) > 0:
			f := &fields[len(fields)-1]
			f.raw = p.raw[f.start:next]
		default:
			name, ok := fieldName(line)
			if !ok {
				return nil, 0, p.errorAt(at, fmt.Errorf(`%.60q is not a header field ("Name: value"); an empty line must end the header`, line))
			}
			if twoBraces.MatchString(name) {
				return nil, 0, p.errorAt(at, fmt.Errorf("%.60s: %w", field{raw: line}.shown(), errFixedField))
			}
			fields = append(fields, field{name: name, raw: line, start: at})
		}
		at = next
	}
	return fields, end, nil
}

// fieldName reads the name of a field (RFC 5322 2.2), in lower case.
func fieldName(line []byte) (string, bool) {
	name, _, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return "", false
		}
	}
	return strings.ToLower(string(name)), ok && len(name) > 0
}

// lineEnd gives the offset behind the line that begins at at.
func (p *parser) lineEnd(at, end int) int {
	if i := bytes.IndexByte(p.raw[at:end], '\n'); i >= 0 {
		return at + i + 1
	}
	return end
}

// topFields adds the fields of the message itself: those that are each
// recipient's own are replaced, those of an earlier delivery left out, what must
// be there and is not is added.
func (p *parser) topFields(fields []field) {
	seen := map[string]bool{}
	received := wasReceived(fields)
	var left leftOut
	for _, f := range fields {
		again := seen[f.name]
		seen[f.name] = true
		own := f.name == "message-id" || f.name == "date" // each message has its own
		switch earlier := isEarlier(f, received); {
		case (own || earlier) && twoBraces.Match(f.raw):
			p.failAt(f.start, fmt.Errorf("%s: %w: the field is left out, or each message has its own", f.shown(), errFixedField))
		case own:
			seen[f.name] = false
		case earlier, again && singleFields[f.name]:
			left.add(f)
		case f.name != "to" || !again:
			p.leftover(f, received)
			p.fill(f)
		}
	}
	if note := left.note(); note != "" {
		p.note(note)
	}
	if !seen["from"] && !p.from.fixed() {
		p.failAt(0, errNoFrom)
		return
	}
	for _, missing := range []struct {
		name string
		made piece
	}{
		{"from", fromField{}}, {"to", toField{}}, {"date", dateField{}},
		{"message-id", idField{}}, {"mime-version", literal("MIME-Version: 1.0\r\n")},
	} {
		if !seen[missing.name] {
			p.add(missing.made)
		}
	}
}

// fill adds a field with its placeholders.
func (p *parser) fill(f field) {
	made, err := p.fillField(f)
	if err != nil {
		p.failAt(f.start, fmt.Errorf("%s: %w", f.shown(), err))
		return
	}
	if f.name == "to" {
		made = newToField(made)
	}
	p.add(made)
}
