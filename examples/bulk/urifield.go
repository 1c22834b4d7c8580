package main

import (
	"errors"
	"fmt"
	"strings"
)

// uriField takes a field of RFC 2369 with placeholders; decoded is its value without
// encoded words, which it should not have.
func (p *parser) uriField(f field, decoded string) (piece, error) {
	body := f.body()
	if len(token.FindAllString(body, -1)) < len(token.FindAllString(decoded, -1)) {
		body = " " + decoded
	}
	text, err := parsePhrase(body, p.columns)
	if err == nil && !strings.Contains(body, "<") {
		err = fmt.Errorf("a link needs angle brackets: %s: <%s>", f.shown(), decoded)
	}
	return uriField{f.shown(), text.escapeInBrackets()}, err
}

// uriField is a field of RFC 2369, whose value is URIs in angle brackets.
type uriField struct {
	name string
	text phrase // folded as in the file
}

func (f uriField) appendTo(dst []byte, m mailing) []byte {
	return append(dst, f.name+":"+f.text.fill(m.values)+"\r\n"...)
}

func (f uriField) phrases() []phrase { return []phrase{f.text} }

func (f uriField) check(values []string, c columns) error {
	if err := checkValues(f.name, f.text, values, c); err != nil {
		return err
	}
	if err := errors.Join(f.text.check(values, c), f.text.checkOutside(values, c)); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	for _, s := range f.text.slots {
		if s.link && values[s.column] == "" {
			return fmt.Errorf("%s: the value of %q, which is the link, is empty", f.name, c.names[s.column])
		}
	}
	for line := range strings.SplitSeq(f.text.fill(values), "\r\n") {
		if len(f.name)+1+len(line) > maxLine {
			return fmt.Errorf("%s: a line of more than %d octets", f.name, maxLine)
		}
	}
	return nil
}
