package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/internal/golden"
)

// TestForms makes messages and lists of odd parts that are drawn by a seed, and compares
// what becomes of them with testdata/forms.txt: what is sent to Ann, the notes about it,
// the rows of a list and the mistakes in it. Whoever changes that on purpose writes the
// file anew with
//
//	go test ./examples/bulk -run TestForms -update
//
// and reviews the lines that git diff shows.
func TestForms(t *testing.T) {
	golden.Compare(t, "testdata/forms.txt", golden.Lines(t, 60, []golden.Form{
		{Name: "field", Draw: formField}, {Name: "text", Draw: formText}, {Name: "HTML", Draw: formHTML},
		{Name: "list", Draw: func(rng *rand.Rand) (string, string) { return formList(t, rng) }},
	}), true)
}

// oddWords are words of fields and of texts.
var oddWords = []string{
	"Hello", "{{.name}}", "{{.email}}", "{{ .token }}", "Grüße", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "=?utf-8?b?e3submFtZX19?=", "=?x?q?a?=", "{{name}}", "%7B%7B.name%7D%7D",
	"{{\"{{\"}}", "From here", ".", "a=b", "\xe4", "\u00a0", "\"quoted\"", "(comment)", "<ann@example.com>", "{{", "}}", "a\tb", "{{.city}}",
	"https://x.example/?t={{.token}}", "mailto:u+{{.token}}@x.example", "&amp;", "&#123;&#123;.name}}", "日本語",
}

func oddText(rng *rand.Rand, most int) string {
	var words []string
	for range 1 + rng.IntN(most) {
		words = append(words, golden.One(rng, oddWords...))
	}
	return strings.Join(words, golden.One(rng, " ", " ", " ", "  ", "\n ", ""))
}

// sent returns what a message with some fields and a body becomes for Ann, whose token is
// t1: the lines that match what is of interest, and the notes.
func sent(fields, body string, interest *regexp.Regexp) string {
	tmpl, err := parseTemplate("m.eml", []byte("From: News <news@sender.example>\n"+fields+"\n"+body), crowdTerms)
	if err != nil {
		return golden.Outcome("", err)
	}
	values := []string{"ann@example.com", "Ann", "t1"}
	if err := tmpl.check(values); err != nil {
		return golden.Outcome("", err)
	}
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
	text := string(tmpl.appendTo(nil, mailing{from: "news@sender.example", address: values[0], values: values, now: now, id: "1"}))
	outcome := "nothing of it"
	if m := interest.FindStringSubmatch(text); m != nil {
		outcome = fmt.Sprintf("%q", m[1])
	}
	if len(tmpl.notes) > 0 {
		outcome += fmt.Sprintf(", notes %q", tmpl.notes)
	}
	return outcome
}

// formField has one field besides From.
func formField(rng *rand.Rand) (string, string) {
	name := golden.One(rng, "Subject", "subject", "X-A", "Reply-To", "To", "Cc", "Date", "Message-ID", "Bcc", "List-Unsubscribe", "List-Unsubscribe-Post", "Received", "DKIM-Signature", "Return-Path", "Precedence")
	value := oddText(rng, 3)
	switch name {
	case "Reply-To", "To", "Cc":
		value = golden.One(rng, "News <news@sender.example>", "{{.name}} <help@sender.example>", "help+{{.token}}@sender.example, \"a b\"@x.example", "Jörg <j@x.example>", "{{.email}}", "group: a@b.example;")
	case "List-Unsubscribe", "List-Unsubscribe-Post":
		value = golden.One(rng, "<https://x.example/?t={{.token}}>", "<mailto:u+{{.name}}@x.example>,\n <https://x.example/ä>", "List-Unsubscribe=One-Click", "https://x.example")
	}
	field := name + golden.One(rng, ": ", ": ", ":", " : ") + value + "\n"
	return fmt.Sprintf("%q", field), sent(field, "Hello\n", regexp.MustCompile(`(?i)(?:^|\n)(`+name+` *:.*(?:\n[ \t].*)*)`))
}

var bodyOf = regexp.MustCompile(`(?s)\r\n\r\n(.*)$`)

// formText has a body of plain text.
func formText(rng *rand.Rand) (string, string) {
	encoding := golden.One(rng, "8bit", "8bit", "7bit", "quoted-printable")
	body := oddText(rng, 4) + golden.One(rng, "\n", "\n", "\r\n", "\n\n", "\r\r\n", "")
	if encoding == "quoted-printable" {
		body = strings.NewReplacer("=", "=3D", "ü", "=C3=BC", "{{.", "{{=2E").Replace(body) + golden.One(rng, "", "soft=\nbreak\n", "bad=ZZ\n")
	}
	fields := "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: " + encoding + "\n"
	return fmt.Sprintf("%s %q", encoding, body), sent(fields, body, bodyOf)
}

// formHTML has a body of HTML.
func formHTML(rng *rand.Rand) (string, string) {
	body := golden.One(rng, "<p>", "<a href=\"https://x.example/?a={{.name}}\">", "<a href={{.name}}>", "<a href='{{.token}}'>", "<script>x={{.name}}</script>", "<style>", "<!-- {{.name}} -->", "<!-- > {{.name}} -->", "<!DOCTYPE a>", "<!DOCTYPE {{.name}}>",
		"<img src='x?{{.token}}' alt=\"{{.name}}\">", "<textarea>", "<title>{{.name}}</title>", "<p title=\"{{.name}}\" ", "<p style=\"{{.name}}\">", "<{{.name}}>", "<p onclick='{{.name}}'>") +
		golden.One(rng, "{{.name}}", "{{.email}}", "a &amp; b", "{{ .token }}", "Grüße", "&#123;&#123;.name}}", "<b>{{.name}}</b>", "") + golden.One(rng, "</a>", "</p>", "<br/>", "</script>", "") + "\n"
	return fmt.Sprintf("%q", body), sent("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n", body, bodyOf)
}

// formList has a list of up to three rows.
func formList(t *testing.T, rng *rand.Rand) (string, string) {
	separator := golden.One(rng, ",", ",", ";", "\t", "|")
	content := golden.One(rng, "", "", "", "", "", "", "\xef\xbb\xbf", "sep=;\n", "# list\n", "\n\n")
	if rng.IntN(4) > 0 {
		content += strings.Join([]string{golden.One(rng, "name", "Name", "first name"), golden.One(rng, "email", "E-Mail", "mail2", "Email 1", "email", "address"), golden.One(rng, "token", "city", "Email 2", "email")}[rng.IntN(2):], separator) + "\n"
	}
	for range 1 + rng.IntN(3) {
		var cells []string
		for range 1 + rng.IntN(3) {
			cells = append(cells, golden.One(rng, "ann@example.com", "Ann <ann@example.com>", "bob@x.example", "Bob", "\"B, Bob\"", "", " x ", "nobody", "J\xf6rg", "Jörg", "c@x.example;", "<d@x.example>",
				"a\u200bnn@example.com", "ann@exаmple.com", "e@x.example, f@x.example", "mailto:g@x.example", "'h@x.example'", "42", "# d", "i@x.example # note", "k@bücher.example"))
		}
		content += strings.Join(cells, separator) + golden.One(rng, "\n", "\n", "\n", "\r\n", "\n\n")
	}
	o := listOptions{charset: golden.One(rng, "", "", "", "", "", "", "", "", "windows-1252"), column: golden.One(rng, "", "", "", "", "", "", "", "email", "none")}
	in := fmt.Sprintf("%q", content)
	if o.column != "" {
		in += " column " + o.column
	}
	if o.charset != "" {
		in += " in " + o.charset
	}
	l, err := openList(writeFile(t, "list", content), o)
	if err != nil {
		return in, golden.Outcome("", withoutPath(err, ""))
	}
	defer l.close()
	rows, err := readAll(l)
	outcome := fmt.Sprintf("columns %q, rows %q", l.names, rows)
	if len(l.notes) > 0 {
		outcome += fmt.Sprintf(", notes %q", l.notes)
	}
	if err != nil {
		outcome += ", " + golden.Outcome("", withoutPath(err, l.path))
	}
	return in, outcome
}

// withoutPath returns an error in which the folder of the test does not stand.
func withoutPath(err error, path string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if path != "" {
		text = strings.ReplaceAll(text, path, "list")
	}
	if i, k := strings.Index(text, os.TempDir()), strings.Index(text, "/list"); i >= 0 && k > i {
		text = text[:i] + text[k:]
	}
	return errors.New(text)
}
