package main

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"strings"
)

// place is a scanner's position in HTML.
type place uint8

const (
	inText place = iota
	inComment
	inDeclaration // <!DOCTYPE ...>, <![endif]>
	inTagName
	inTag // between attributes
	inAttribute
	afterAttribute
	beforeValue
	inQuoted
	inUnquoted
	inRaw // in script or style
)

// markup follows HTML far enough to know where a value will stand. It takes what
// programs that make mail write, and any other text without harm: what it cannot
// place is a mistake.
type markup struct {
	place     place
	tag       string // its name, in lower case
	closing   bool   // whether the tag is an end tag
	attribute string
	quote     byte
	before    []byte // of a word, a value or a comment, what stands before
	source    []byte // of the tag, what stands before
}

// escapeInHTML sets how the values of a text in HTML are escaped.
func (p phrase) escapeInHTML() (phrase, error) {
	var m markup
	var errs []error
	for i := range p.slots {
		m.read(p.literals[i])
		part, err := m.slot(p.literals[i+1:])
		if err != nil {
			errs = append(errs, fmt.Errorf("a placeholder behind %q: %w", ending60(p.literals[i]), err))
		}
		escape, inImageList := part.escapeFor(), m.inImageList()
		p.slots[i].link = part == linkStart
		p.slots[i].escape = func(s string) string {
			if escape != nil {
				s = escape(s)
			}
			if inImageList {
				s = strings.ReplaceAll(s, ",", "%2C")
			}
			return html.EscapeString(lf(s))
		}
		m.before = append(m.before, filledIn...)
	}
	return p, errors.Join(errs...)
}

// ending60 gives the last octets of a literal for a message.
func ending60(s string) string {
	return strings.TrimSpace(strings.ToValidUTF8(s[max(0, len(s)-60):], ""))
}

// slot returns how a value is escaped where the scanner stands; rest are the literals behind it.
func (m *markup) slot(rest []string) (linkPart, error) {
	switch m.place {
	case inText:
		if before := string(m.before); before == "<" || before == "</" {
			return notInLink, errors.New("it would be the name of a tag")
		}
		return partInText(lastWord(html.UnescapeString(string(m.before)))), nil
	case inComment:
		return notInLink, nil
	case inRaw:
		return notInLink, fmt.Errorf("inside <%s> no value can be filled in safely", m.tag)
	case beforeValue, inUnquoted:
		return notInLink, fmt.Errorf(`the value of the attribute %s needs quotes: %s="..."`, m.attribute, m.attribute)
	case inQuoted:
		return m.quotedSlot(rest)
	}
	return notInLink, errors.New("in a tag, values can be filled into quoted attributes only")
}

// read follows a piece of text.
func (m *markup) read(s string) {
	for i := range len(s) {
		if m.place >= inTagName && m.place <= inUnquoted {
			m.source = append(m.source, s[i])
		}
		switch m.place {
		case inText:
			m.readText(s[i:])
		case inRaw:
			m.readRaw(s[i:])
		case inComment:
			if m.before = append(m.before, s[i]); bytes.HasSuffix(m.before, []byte("-->")) {
				m.enter(inText)
			}
		case inDeclaration:
			if s[i] == '>' {
				m.enter(inText)
			}
		case inQuoted, inUnquoted, beforeValue:
			m.readValue(s[i])
		default:
			m.readTag(s[i])
		}
	}
}

// enter goes to another place.
func (m *markup) enter(p place) { m.place, m.before = p, m.before[:0] }

// readText takes the first octet of s in text.
func (m *markup) readText(s string) {
	switch {
	case strings.HasPrefix(s, "<!--") && !strings.HasPrefix(s, "<!--["):
		m.enter(inComment)
	case strings.HasPrefix(s, "<!"), strings.HasPrefix(s, "<?"): // a conditional comment has HTML in it
		m.enter(inDeclaration)
	case len(s) > 1 && s[0] == '<' && isLetter(s[1]):
		m.startTag(false)
	case len(s) > 2 && s[:2] == "</" && isLetter(s[2]):
		m.startTag(true)
	default:
		if lastWord(s[:1]) == "" {
			m.before = m.before[:0]
		}
		if s[0] == '<' || lastWord(s[:1]) != "" {
			m.before = append(m.before, s[0])
		}
	}
}

// startTag begins a tag behind its bracket.
func (m *markup) startTag(closing bool) {
	m.enter(inTagName)
	m.tag, m.closing, m.attribute, m.source = "", closing, "", m.source[:0]
}

// readRaw takes the first octet of s in a script or style.
func (m *markup) readRaw(s string) {
	if end := "</" + m.tag; len(s) >= len(end) && strings.EqualFold(s[:len(end)], end) {
		m.startTag(true)
	}
}

// readTag takes an octet of a tag, outside of the values of attributes.
func (m *markup) readTag(c byte) {
	blank := strings.IndexByte(" \t\r\n\f", c) >= 0
	switch {
	case c == '>':
		m.endTag()
	case m.place == inTagName && c == '/' && m.tag == "": // of an end tag
	case blank && m.place == inAttribute:
		m.place = afterAttribute
	case blank && m.place == inTagName:
		m.place = inTag
	case blank:
	case c == '/':
		m.place = inTag
	case m.place == inTagName:
		m.tag += string(lower(c))
	case c == '=' && m.place != inTag:
		m.place = beforeValue
	case m.place == inAttribute:
		m.attribute += string(lower(c))
	default:
		m.place, m.attribute = inAttribute, string(lower(c))
	}
}

// readValue takes an octet of the value of an attribute, or before it.
func (m *markup) readValue(c byte) {
	blank := strings.IndexByte(" \t\r\n\f", c) >= 0
	switch {
	case m.place == inQuoted && c == m.quote:
		m.enter(inTag)
	case m.place == inQuoted:
		m.before = append(m.before, c)
	case c == '>':
		m.endTag()
	case blank && m.place == inUnquoted:
		m.enter(inTag)
	case blank:
	case m.place == beforeValue && (c == '"' || c == '\''):
		m.enter(inQuoted)
		m.quote = c
	default:
		m.place = inUnquoted
	}
}

// endTag goes to what follows a tag.
func (m *markup) endTag() {
	if !m.closing && (m.tag == "script" || m.tag == "style") {
		m.enter(inRaw)
		return
	}
	m.enter(inText)
}

// lower gives an ASCII letter in lower case, and any other octet as it is.
func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func isLetter(c byte) bool { return lower(c) >= 'a' && lower(c) <= 'z' }
