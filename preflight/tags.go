package preflight

import (
	"errors"
	"fmt"
	"strings"
)

// tag is one name=value of a tag list.
type tag struct{ name, value string }

// tags is a list of name=value with semicolons between them, as DKIM keys, DMARC,
// MTA-STS, TLS-RPT and BIMI records are (RFC 6376 3.2).
type tags []tag

// parseTags reads a tag list. A name that comes twice is a mistake, as is text without
// an equals sign.
func parseTags(text string) (t tags, err error) {
	for part := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		switch _, twice := t.find(name); {
		case !ok:
			return t, fmt.Errorf("%s has no \"=\"", quote(strings.TrimSpace(part)))
		case name == "":
			return t, errors.New("a tag without a name")
		case twice:
			return t, fmt.Errorf("the tag %s is there twice", quote(name))
		}
		t = append(t, tag{name, strings.TrimSpace(value)})
	}
	return t, nil
}

// find returns the value of a tag, and whether it is there.
func (t tags) find(name string) (string, bool) {
	for _, one := range t {
		if one.name == name {
			return one.value, true
		}
	}
	return "", false
}

// value returns the value of a tag; "" when it is not there.
func (t tags) value(name string) string {
	value, _ := t.find(name)
	return value
}

// hasVersion reports whether the first tag of a record is v with the given value, as
// the records of DMARC, MTA-STS, TLS-RPT and BIMI demand.
func hasVersion(record, version string) bool {
	first, _, _ := strings.Cut(record, ";")
	name, value, _ := strings.Cut(first, "=")
	return strings.TrimSpace(name) == "v" && strings.TrimSpace(value) == version
}

// versioned returns the records of a version, and those that look as if they should
// be: their version begins with the same three letters, or stands in front without a name.
func versioned(records []string, version string) (right, close []string) {
	for _, r := range records {
		text := strings.ToLower(tidy(r))
		name, value, _ := strings.Cut(text, "=")
		switch {
		case hasVersion(r, version):
			right = append(right, r)
		case strings.TrimSpace(name) == "v" && strings.HasPrefix(strings.TrimSpace(value), strings.ToLower(version[:3])),
			strings.HasPrefix(text, strings.ToLower(version)):
			close = append(close, r)
		}
	}
	return right, close
}

// pasted are the characters that text processors and web forms leave in records.
var pasted = strings.NewReplacer(`"`, "", `\`, "", "“", "", "”", "", "\ufeff", "", "\u200b", "", "\u00a0", " ", "‘", "", "’", "")

// tidy returns a record without quotation marks, backslashes and blanks that no record has.
func tidy(record string) string {
	return strings.Join(strings.Fields(pasted.Replace(record)), " ")
}

// pastedNote says why a record that has such characters cannot be read; "" for one without.
func pastedNote(record string) string {
	if pasted.Replace(record) == record {
		return ""
	}
	return "; it has quotation marks, backslashes or other characters that a zone file or a form leaves in it"
}
