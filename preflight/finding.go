package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/internal/printable"
)

// Level is the result of one check. The zero value is Unknown.
type Level int

// The levels, the better before the worse.
const (
	// Unknown means that nothing can be said: DNS or a server did not answer, or the
	// Sender does not tell what the check needs.
	Unknown Level = iota
	// OK means that nothing needs to be done.
	OK
	// Warn means that mail is accepted, but less of it or for less long than it
	// could be.
	Warn
	// Fail means that receivers refuse mail for this, or take it for spam.
	Fail
)

var levelNames = [...]string{Unknown: "unknown", OK: "ok", Warn: "warn", Fail: "fail"}

// String returns "ok", "warn", "fail" or "unknown".
func (l Level) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return levelNames[l]
}

// MarshalText returns what String does.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (l *Level) UnmarshalText(text []byte) error {
	i := slices.Index(levelNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("preflight: level %q: want ok, warn, fail or unknown", text)
	}
	*l = Level(i)
	return nil
}

// Finding is the result of one check. Its texts are printable, each in one line of at
// most 4 KiB.
type Finding struct {
	// ID names the check, such as "spf.source". It does not change from one release
	// to the next; the package comment lists all of them.
	ID string `json:"id"`
	// Subject is the address, name or list that was checked; "" where a check has one
	// subject only.
	Subject string `json:"subject,omitempty"`
	Level   Level  `json:"level"`
	// Why gives the reason of the level.
	Why string `json:"why"`
	// Mend says what to do; "" where nothing is to be done.
	Mend string `json:"mend,omitempty"`
	// Record is the DNS record to publish, as a line of a zone file; "" where no
	// record mends it, or it has parts that only you know.
	Record string `json:"record,omitempty"`
	// Reference is the RFC section or the page with the rule.
	Reference string `json:"reference"`
}

// Worst returns the highest level of findings, for the exit status of a program.
// Unknown is lower than OK: it is returned only if there is nothing else.
func Worst(findings []Finding) (worst Level) {
	for _, f := range findings {
		worst = max(worst, f.Level)
	}
	return worst
}

// maxText is the greatest length in bytes of a text of a Finding, which has room for a
// DKIM record with a key of 4,096 bits.
const maxText = 4 << 10

// maxQuote is the greatest length in bytes of a quotation in a sentence.
const maxQuote = 200

// quote returns text from outside as a part of a sentence.
func quote(s string) string { return `"` + printable.Text(s, maxQuote) + `"` }

// cause returns the text of an error as a part of a sentence.
func cause(err error) string { return printable.Text(err.Error(), maxQuote) }

// list returns up to ten items with commas between them.
func list(items []string) string {
	if len(items) > 10 {
		return strings.Join(items[:10], ", ") + fmt.Sprintf(" and %d more", len(items)-10)
	}
	return strings.Join(items, ", ")
}

// finding begins a Finding of a check; about is its Subject.
func finding(id, about string) Finding {
	return Finding{ID: id, Subject: about, Reference: kindOf(id).reference}
}

// is returns f with a level and a reason.
func (f Finding) is(l Level, format string, args ...any) Finding {
	f.Level, f.Why = l, fmt.Sprintf(format, args...)
	return f
}

// mend returns f with what to do.
func (f Finding) mend(format string, args ...any) Finding {
	f.Mend = fmt.Sprintf(format, args...)
	return f
}

// publish returns f with a record to publish, unless its text is empty.
func (f Finding) publish(name, text string) Finding {
	if text != "" {
		f.Record = txtRecord(name, text)
	}
	return f
}

// clean returns f with printable texts.
func (f Finding) clean() Finding {
	for _, text := range []*string{&f.Subject, &f.Why, &f.Mend, &f.Record, &f.Reference} {
		*text = printable.Text(*text, maxText)
	}
	return f
}

// txtRecord returns a TXT record as a line of a zone file (RFC 1035 5.1): strings of at
// most 255 octets, in which quotes and backslashes are escaped.
func txtRecord(name, text string) string {
	var b strings.Builder
	b.WriteString(name + ". IN TXT")
	for first := true; first || text != ""; first = false {
		n := min(len(text), 255)
		b.WriteString(` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text[:n]) + `"`)
		text = text[n:]
	}
	return b.String()
}
