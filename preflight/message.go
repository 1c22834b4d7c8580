package preflight

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// message is a sample, taken apart.
type message struct {
	raw    []byte // as it goes over the wire
	fields []headerField
	body   []byte
}

// headerField is one field of the header.
type headerField struct {
	name  string // in lower case
	value string // unfolded
}

// parseMessage takes a message apart. A text whose lines all end in LF is read as if
// they ended in CRLF.
func parseMessage(text []byte) (*message, error) {
	if !bytes.Contains(text, []byte("\r\n")) {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	m := &message{raw: text}
	rest := text
	for n := 1; len(rest) > 0; n++ {
		line, after, ended := bytes.Cut(rest, []byte("\r\n"))
		if rest = after; len(line) == 0 && ended {
			m.body = rest
			break
		}
		if len(m.fields) > 0 && (line[0] == ' ' || line[0] == '\t') {
			last := &m.fields[len(m.fields)-1]
			last.value += string(line)
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || bytes.ContainsAny(bytes.TrimRight(name, " \t"), " \t") || len(name) == 0 {
			return nil, fmt.Errorf("line %d is no header field: %s", n, quote(string(line)))
		}
		m.fields = append(m.fields, headerField{strings.ToLower(strings.TrimRight(string(name), " \t")), string(value)})
	}
	if len(m.fields) == 0 {
		return nil, errors.New("it has no header")
	}
	for i := range m.fields {
		m.fields[i].value = strings.TrimSpace(m.fields[i].value)
	}
	return m, nil
}

// header returns the bytes of the header.
func (m *message) header() []byte { return m.raw[:len(m.raw)-len(m.body)] }

// all returns the values of all fields of a name.
func (m *message) all(name string) (values []string) {
	for _, f := range m.fields {
		if f.name == name {
			values = append(values, f.value)
		}
	}
	return values
}

// value returns the value of the first field of a name; "" if there is none.
func (m *message) value(name string) string {
	if values := m.all(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// selectors returns the names of the keys of the signatures.
func (m *message) selectors() (found []selector) {
	for _, text := range m.all("dkim-signature") {
		t, err := parseTags(text)
		s := selector{strings.ToLower(t.value("s")), strings.ToLower(t.value("d"))}
		if err == nil && s.name != "" && s.domain != "" && len(found) < maxSignatures {
			found = append(found, s)
		}
	}
	return found
}
