package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Fields with a grammar of their own, in which a bracket or a blank of a value would mean
// something.

// messageIDs matches a list of message IDs (RFC 5322 3.6.4).
var messageIDs = regexp.MustCompile(`^(?:<[!-;=?A-~]+@[!-;=?A-~]+>(?: |$))+$`)

// asciiFields are fields of tokens, which have no encoded words.
var asciiFields = map[string]bool{
	"auto-submitted": true, "precedence": true, "importance": true, "priority": true, "sensitivity": true, "x-priority": true, "x-msmail-priority": true,
	"x-auto-response-suppress": true, "feedback-id": true, "bimi-selector": true, "autocrypt": true, "openpgp": true,
}

// isStructured reports whether a field is a structuredField.
func isStructured(name string) bool {
	return name == "references" || name == "in-reply-to" || asciiFields[name]
}

// structuredField is a field of message IDs or of tokens.
type structuredField struct {
	name string
	text phrase
}

// isASCII reports whether the field is one of tokens.
func (f structuredField) isASCII() bool { return asciiFields[strings.ToLower(f.name)] }

// fill gives the text; of message IDs with one blank between them.
func (f structuredField) fill(values []string) string {
	text := f.text.fill(values)
	if !f.isASCII() {
		text = strings.Join(strings.Fields(text), " ")
	}
	return text
}

func (f structuredField) appendTo(dst []byte, m mailing) []byte {
	text, _ := fold(len(f.name)+1, f.fill(m.values)) // check has made sure that it can be
	return append(dst, f.name+":"+text+"\r\n"...)
}

func (f structuredField) phrases() []phrase { return []phrase{f.text} }

func (f structuredField) check(values []string, c columns) error {
	if err := checkValues(f.name, f.text, values, c); err != nil {
		return err
	}
	text := f.fill(values)
	_, short := fold(len(f.name)+1, text)
	switch {
	case !f.isASCII() && !messageIDs.MatchString(text):
		return fmt.Errorf("%s: the message IDs %.60q, of %s, are not each in angle brackets", f.name, text, f.text.sources(c))
	case !isPrintable(text):
		return fmt.Errorf("%s: %.60q, of %s, is not ASCII", f.name, text, f.text.sources(c))
	case !short:
		return fmt.Errorf("%s: a line would be longer than %d octets, by %s", f.name, maxLine, f.text.sources(c))
	}
	return nil
}

// sources names the columns that a text is filled in from.
func (p phrase) sources(c columns) string {
	var names []string
	for _, s := range p.slots {
		names = append(names, fmt.Sprintf("the value of %q", c.names[s.column]))
	}
	return strings.Join(names, " and ")
}

// listID is List-Id (RFC 2919): a name, which may be empty, and an identifier.
type listID struct {
	field    string
	name, id phrase
}

// dotAtom matches an identifier (RFC 5322 3.2.3).
var dotAtom = regexp.MustCompile("^[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*$")

// maxListID is the greatest length of an identifier (RFC 2919 2).
const maxListID = 255

func newListID(field, decoded string, c columns) (piece, error) {
	name, id, ok := strings.Cut(decoded, "<")
	if at := strings.LastIndexByte(decoded, '<'); ok {
		name, id = strings.TrimSpace(decoded[:at]), decoded[at+1:]
	}
	if id, ok = strings.CutSuffix(id, ">"); !ok {
		return nil, fmt.Errorf("an identifier needs angle brackets: %s: NAME <news.example.com>", field)
	}
	if len(name) > 1 && name[0] == '"' && name[len(name)-1] == '"' {
		name = quotedPair.ReplaceAllString(name[1:len(name)-1], "$1")
	}
	text, err1 := parsePhrase(name, c)
	identifier, err2 := parsePhrase(id, c)
	return listID{field, text, identifier}, errors.Join(err1, err2)
}

// quotedPair matches a character with the backslash in front of it (RFC 5322 3.2.1).
var quotedPair = regexp.MustCompile(`\\(.)`)

func (l listID) appendTo(dst []byte, m mailing) []byte {
	id, name := l.id.fill(m.values), l.name.fill(m.values)
	text := "<" + id + ">"
	if name != "" {
		text = formatMailbox(len(l.field)+2, name, id)
	}
	return append(dst, l.field+": "+text+"\r\n"...)
}

func (l listID) phrases() []phrase { return []phrase{l.name, l.id} }

func (l listID) check(values []string, c columns) error {
	if err := errors.Join(checkValues(l.field, l.name, values, c), checkValues(l.field, l.id, values, c)); err != nil {
		return err
	}
	switch id := l.id.fill(values); {
	case l.id.fixed():
	case !dotAtom.MatchString(id):
		return fmt.Errorf("%s: the identifier %.60q, of %s, may have letters, digits, hyphens and single dots", l.field, id, l.id.sources(c))
	case len(id) > maxListID:
		return fmt.Errorf("%s: an identifier of more than %d octets, of %s", l.field, maxListID, l.id.sources(c))
	}
	return nil
}

// checkOutside refuses what has a meaning outside of the angle brackets of a field of URIs.
func (p phrase) checkOutside(values []string, c columns) error {
	for _, s := range p.slots {
		value := values[s.column]
		if !s.outside || s.escape != nil {
			continue
		}
		special := func(r rune) bool { return r >= utf8.RuneSelf || strings.ContainsRune("<>(),\"\\", r) }
		if i := strings.IndexFunc(value, special); i >= 0 {
			r, _ := utf8.DecodeRuneInString(value[i:])
			return fmt.Errorf("the value of %q has %q, which has a meaning in this field outside of the angle brackets", c.names[s.column], r)
		}
	}
	return nil
}
