package main

import (
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var updateLetters = flag.Bool("update", false, "write testdata/letters.txt anew")

const lettersFile = "testdata/letters.txt"

// TestLettersAndListsStay makes messages and lists of odd parts and compares digests of
// what becomes of them with testdata/letters.txt: the text that is sent, what is said of
// it, the rows of a list and the mistakes in it. Whoever changes that on purpose writes
// the file anew with
//
//	go test . -run TestLettersAndListsStay -update
//
// A line that differs has the seed of a letter or list; -v prints what becomes of those
// that differ.
func TestLettersAndListsStay(t *testing.T) {
	var got strings.Builder
	texts := map[string]string{} // by line
	sent := 0
	for seed := range uint64(600) {
		if seed%letterOneOf > 0 {
			continue
		}
		for i, text := range []string{oddLetter(rand.New(rand.NewPCG(seed, 1))), oddList(t, rand.New(rand.NewPCG(seed, 2)))} {
			h := fnv.New64a()
			h.Write([]byte(text))
			line := fmt.Sprintf("%s %d %016x\n", []string{"letter", "list"}[i], seed, h.Sum64())
			texts[line] = text
			if strings.Contains(text, "\r\n\r\n") {
				sent++
			}
			got.WriteString(line)
		}
	}
	if sent < 200/letterOneOf {
		t.Errorf("only %d letters can be sent", sent)
	}
	if *updateLetters && letterOneOf == 1 {
		if err := os.WriteFile(lettersFile, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(lettersFile)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(want)) {
		known[line] = true
	}
	for line := range strings.Lines(got.String()) {
		if !known[line] {
			t.Errorf("new: %s", line)
			if testing.Verbose() {
				t.Log(texts[line])
			}
		}
	}
}

// pick returns one of a list.
func pick(rng *rand.Rand, list ...string) string { return list[rng.IntN(len(list))] }

// oddWords are what stands in fields and in texts.
var oddWords = []string{
	"Hello", "{{.name}}", "{{.email}}", "{{ .token }}", "Grüße", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "=?iso-8859-1?b?5CB7ey5uYW1lfX0=?=", "=?x?q?a?=", "{{name}}", "%7B%7B.name%7D%7D",
	"From here", ".", "..", "=", "a=b", "\xe4", "\xc2\xa0", "\"quoted\"", "(comment)", "<ann@example.com>", "x@y.example", "{{", "}}", "a\tb", "trailing ", "--b", "--b--",
	"https://x.example/?t={{.token}}&n={{.name}}", "https://x.example/{{.token}}", "mailto:u+{{.token}}@x.example", "&amp;", "&#123;&#123;.name}}", "<b>{{.name}}</b>", "😀", "日本語",
}

func oddText(rng *rand.Rand, most int) string {
	var words []string
	for range rng.IntN(most + 1) {
		word := oddWords[rng.IntN(len(oddWords))]
		if rng.IntN(12) == 0 {
			word = strings.Repeat(pick(rng, "x", "ü", "word "), 1+rng.IntN(400))
		}
		words = append(words, word)
	}
	return strings.Join(words, pick(rng, " ", " ", " ", "  ", "\n ", ""))
}

func oddField(rng *rand.Rand) string {
	name := pick(rng, "Subject", "subject", "X-A", "Reply-To", "Sender", "To", "Cc", "From", "Date", "Message-ID", "Bcc", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "References", "Comments",
		"Received", "Delivered-To", "DKIM-Signature", "X-Unsent", "Status", "Return-Path", "MIME-Version", "Content-Disposition", "Precedence", "X-Spam-Score", "X-Mailer", "Disposition-Notification-To")
	value := oddText(rng, 5)
	switch rng.IntN(4) {
	case 0:
		value = pick(rng, "News <news@sender.example>", "{{.name}} <help@sender.example>", "help+{{.token}}@sender.example, \"a b\"@x.example", "Jörg <j@x.example>", "{{.email}}", "x", "group: a@b.example;")
	case 1:
		value = pick(rng, "<https://x.example/?t={{.token}}>", "<mailto:u+{{.name}}@x.example>,\n <https://x.example/ä>", "List-Unsubscribe=One-Click", "Tue, 3 Mar 2015 00:00:00 +0000", "<a@b.example> <c@d.example>", "1.0", "inline; filename=\"{{.name}}.txt\"")
	}
	return name + pick(rng, ": ", ": ", ":", " : ") + value + "\n"
}

func oddBody(rng *rand.Rand, depth int) (fields, body string) {
	for range rng.IntN(6) {
		body += oddText(rng, 12) + pick(rng, "\n", "\n", "\r\n", "\n\n", "\r\r\n")
	}
	kind := pick(rng, "text/plain", "text/html", "text/html; charset=utf-8", "text/plain; charset=iso-8859-1", "text/plain; charset=\"x-none\"", "text/calendar", "image/png", "message/rfc822", "text/plain; format=flowed", "bad", "application/pgp-signature")
	if strings.HasPrefix(kind, "text/html") {
		body = pick(rng, "<html><body>", "<p>", "<a href=\"https://x.example/?a={{.name}}\">", "<a href={{.name}}>", "<script>x={{.name}}</script>", "<style>", "<!-- {{.name}} -->", "<img src='x?{{.token}}' alt=\"{{.name}}\">", "<textarea>", "<title>{{.name}}</title>", "<p title=\"{{.name}}\" ") + body + pick(rng, "</a>", "</p>", "<br/>", "</script>", "")
	}
	encoding := pick(rng, "", "", "7bit", "8bit", "quoted-printable", "base64", "binary", "x-none", "QUOTED-PRINTABLE")
	switch {
	case strings.EqualFold(encoding, "quoted-printable"):
		body = strings.NewReplacer("=", "=3D", "ü", "=C3=BC", "{{.", "{{=2E").Replace(body) + pick(rng, "", "soft=\nbreak\n", "bad=ZZ\n")
	case encoding == "base64":
		body = pick(rng, "SGVsbG8ge3submFtZX19Cg==\n", "SGVsbG8g\n5Pb8\n", "!!!\n", "w7w=\n", "SGVsbG8g", "")
	}
	if depth < 2 && rng.IntN(3) == 0 {
		kind = pick(rng, "multipart/alternative", "multipart/mixed", "multipart/signed", "multipart/digest", "multipart/related") + pick(rng, "; boundary=b", "; boundary=\"b\"", "; boundary=\"b b\"", "")
		body = pick(rng, "", "preamble\n")
		for range 1 + rng.IntN(3) {
			head, part := oddBody(rng, depth+1)
			body += "--b" + pick(rng, "\n", "\n", " \n") + pick(rng, head, head, "") + "\n" + part + "\n"
		}
		body += pick(rng, "--b--\n", "--b--\n", "--b--", "")
		encoding = pick(rng, "", "7bit", "base64")
	}
	if rng.IntN(6) > 0 {
		fields += "Content-Type: " + kind + "\n"
	}
	if encoding != "" {
		fields += "Content-Transfer-Encoding: " + encoding + "\n"
	}
	if rng.IntN(8) == 0 {
		fields += "Content-Disposition: attachment; filename={{.name}}\n"
	}
	return fields, body
}

var (
	placeholders = regexp.MustCompile(`\{\{[^}]*\}\}|\{\{|\}\}|%7B%7B.name%7D%7D|&#123;`)
	mistakes     = regexp.MustCompile(`\{\{name\}\}|\{\{ |\}\} |%7B%7B.name%7D%7D|&#123;|<a href=\{\{.name\}\}>|<script>`)
)

// oddLetter makes a message and returns what becomes of it.
func oddLetter(rng *rand.Rand) string {
	raw := ""
	if rng.IntN(8) == 0 {
		raw = pick(rng, "\xef\xbb\xbf", "From ann Tue Mar  3 12:00:00 2015\n", "\xff\xfe", "\n", "%PDF-1.4\n")
	}
	tame := rng.IntN(3) > 0 // without mistakes, mostly
	raw += pick(rng, "From: News <news@sender.example>\n", "From: News <news@sender.example>\n", "")
	for range rng.IntN(5) {
		f := oddField(rng)
		if name, _, _ := strings.Cut(f, ":"); tame && !slices.Contains([]string{"Subject", "X-A", "Reply-To", "To", "Comments", "List-Unsubscribe"}, name) {
			f = placeholders.ReplaceAllString(f, "x")
		}
		raw += f
	}
	fields, body := oddBody(rng, 0)
	switch {
	case !tame:
		raw += fields + pick(rng, "\n", "\n", "\n", "") + body
	case strings.Contains(fields, "text/plain") || strings.Contains(fields, "text/html"):
		raw += placeholders.ReplaceAllString(fields, "x") + "\n" + mistakes.ReplaceAllString(body, "x")
	default:
		raw += placeholders.ReplaceAllString(fields+"\n"+body, "x")
	}
	tm := crowdTerms
	tm.sevenBit = rng.IntN(3) == 0
	tmpl, err := parseTemplate("m.eml", []byte(raw), tm)
	if err != nil {
		return fmt.Sprintf("%q\n%v", raw, err)
	}
	text := fmt.Sprintf("%q\n%q %s %v %d\n", raw, tmpl.notes, tmpl.fromDomain, tmpl.used, tmpl.size)
	for _, values := range [][]string{{"ann@example.com", "Ann", "t1"}, {"bob@example.com", pick(rng, "Jörg & Söhne", "x\" <evil@example.com>", "a\nb", ""), "a b&c=d/é"}} {
		if err := tmpl.check(values); err != nil {
			text += err.Error() + "\n"
			continue
		}
		now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
		text += string(tmpl.appendTo(nil, mailing{from: "news@sender.example", address: values[0], values: values, now: now, id: "1"})) + "\n"
	}
	return text
}

// oddList makes a list and returns its rows and what is said of it.
func oddList(t *testing.T, rng *rand.Rand) string {
	separator := pick(rng, ",", ",", ";", "\t", "|")
	content := pick(rng, "", "", "", "", "", "", "", "\xef\xbb\xbf", "sep=;\n", "# list\n", "\n\n", "\xff\xfe")
	if rng.IntN(4) > 0 {
		content += strings.Join([]string{pick(rng, "name", "Name", "\"name\"", "first name"), pick(rng, "email", "E-Mail", "e-mail address", "mail2", "Email 1", "address"), pick(rng, "token", "city", "Email 2", "email")}[rng.IntN(2):], separator) + "\n"
	}
	for range rng.IntN(7) {
		var cells []string
		for range 1 + rng.IntN(4) {
			cell := pick(rng, "ann@example.com", "Ann <ann@example.com>", "bob@x.example", "Bob", "\"B, Bob\"", "\"un closed", "a\"b", "", " x ", "nobody", "J\xf6rg", "Jörg", "c@x.example;", "<d@x.example>",
				"a\u200bnn@example.com", "ann@exаmple.com", "e@x.example, f@x.example", "\"a,b\"@x.example", "mailto:g@x.example", "'h@x.example'", "42", "\"line\nbreak\"", "#c", "# d", "i@x.example # note", "\x00", "k@bücher.example")
			cells = append(cells, cell)
		}
		content += strings.Join(cells, separator) + pick(rng, "\n", "\n", "\n", "\r\n", "\r", "\n\n", "")
	}
	l, err := openList(writeFile(t, "list", content), listOptions{charset: pick(rng, "", "", "", "", "", "", "utf-8", "windows-1252"), column: pick(rng, "", "", "", "", "", "email", "name", "none")})
	if err != nil {
		return fmt.Sprintf("%q\n%v", content, withoutPath(err, ""))
	}
	defer l.close()
	rows, err := readAll(l)
	return fmt.Sprintf("%q\n%q %q %v %q %v", content, l.names, l.notes, l.csv, rows, withoutPath(err, l.path))
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
