package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// Domains are compared as DNS knows them: in small letters, without the last dot, and
// with the underscores that IDNA refuses.
func TestDomainsInTheirNormalForm(t *testing.T) {
	for domain, want := range map[string]string{
		"example.com": "example.com", "Example.COM.": "example.com", "Bücher.Example": "xn--bcher-kva.example",
		"A_b.Example.": "a_b.example", "_DMARC.Example": "_dmarc.example",
	} {
		if got, err := asciiDomain(domain); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", domain, got, err, want)
		}
	}
	if got, err := asciiDomain("bü_cher.example"); err == nil {
		t.Errorf("got %q, want an error", got)
	}
}

// What is mended in a field is told as what it was, and words that cannot be decoded
// stay as they are.
func TestMendedFieldsAreTold(t *testing.T) {
	long := strings.Repeat("word ", 300)
	for name, c := range map[string]struct{ field, note, has string }{
		"8-bit":                         {"X-A: café", "X-A: raw 8-bit text is encoded", "=?utf-8?q?caf=C3=A9?="},
		"a long line":                   {"X-A: " + long, "X-A: a line of more than 998 octets is folded", "word word"},
		"a word that cannot be decoded": {"X-A: =?no-such-charset?q?a?= café", "X-A: raw 8-bit text is encoded", "no-such-charset"},
		"a line of just 998 octets":     {"X-A: " + strings.Repeat("x", 993), "", "X-A: xx"},
		"white space before the colon":  {"X-A \t: hello", "", "\r\nX-A: hello\r\n"},
		"neither":                       {"X-A: hello", "", "X-A: hello\r\n"},
	} {
		tmpl := mustTemplate(t, "From: n@sender.example\n"+c.field+"\n\nHello\n")
		notes := strings.Join(tmpl.notes, "\n")
		if !strings.Contains(notes, c.note) || c.note == "" && strings.Contains(notes, "X-A") {
			t.Errorf("%s: got the notes %q, want %q", name, notes, c.note)
		}
		got := render(t, "From: n@sender.example\n"+c.field+"\n\nHello\n", "Ann", "x")
		if !strings.Contains(got, c.has) {
			t.Errorf("%s: got %q, want %q in it", name, got, c.has)
		}
		for line := range strings.SplitSeq(got, "\r\n") {
			if len(line) > 998 || !isASCII(line) {
				t.Errorf("%s: got the line %.100q", name, line)
			}
		}
	}
}

// A part of a digest that has no type is a message, not a text: nothing is filled in there (RFC 2046 5.1.5).
func TestPartsOfADigest(t *testing.T) {
	const digest = "From: n@sender.example\nMIME-Version: 1.0\nContent-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nHello {{.name}}\n--b\n\nSubject: two\n\nBye\n--b--\n"
	got := render(t, digest, "Ann", "x")
	if !strings.Contains(got, "--b\r\n\r\nSubject: one\r\n\r\nHello {{.name}}\r\n--b\r\n\r\nSubject: two\r\n\r\nBye\r\n--b--\r\n") {
		t.Errorf("got %q", got)
	}
}

// A report that cannot be read again cannot be resumed.
func TestResumeOfADevice(t *testing.T) {
	if _, err := os.Stat("/dev/null"); err != nil {
		t.Skip("no /dev/null here")
	}
	srv := newServer(t, smtptest.Config{})
	j := job{list: "ann@example.com\n", message: plainMessage}
	var stdout, stderr buffer
	status := run(t.Context(), append(j.args(t, srv.Addr), "-report", "/dev/null", "-resume"), &stdout, &stderr, nil)
	if status != statusUsage || !strings.Contains(stderr.String(), "-resume: /dev/null is no file that can be read again") {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
}

// A list whose first line is empty, or that has a single line end, is one of lines.
func TestListsWithAnEmptyFirstLine(t *testing.T) {
	for content, want := range map[string]string{
		"\nann@x.example":     "2 ann@x.example",
		"\rann@x.example":     "2 ann@x.example",
		"\r\nann@x.example":   "2 ann@x.example",
		"\n\n\rann@x.example": "",
		"ann@x.example\n":     "1 ann@x.example",
		"ann@x.example\r":     "1 ann@x.example",
	} {
		got, err := readAll(mustList(t, content, listOptions{}))
		if want != "" && (err != nil || strings.Join(got, "|") != want) {
			t.Errorf("%q: got %q, %v, want %q", content, got, err, want)
		}
	}
}

// A list that cannot be read any more is an error at every step, not an end.
func TestListThatIsGone(t *testing.T) {
	l := mustList(t, "email\nann@x.example\n", listOptions{})
	if err := l.file.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"charset": l.decode(""), "header": l.readHeader(""),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: got %v, want that the file is closed", name, err)
		}
	}
	if _, err := l.survey(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("survey: got %v", err)
	}
	if _, err := l.rows().next(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("rows: got %v", err)
	}
	other := mustList(t, "ann@x.example\n", listOptions{})
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "absent"))
	if err := other.spool(strings.NewReader("x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a folder for copies: got %v", err)
	}
	if _, err := openList(writeFile(t, "list", "email,name\nann@x.example,Gr\xfc\n"), listOptions{charset: "windows-1252"}); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "copying ") {
		t.Errorf("a list that must be copied: got %v", err)
	}
}

// A list that has become shorter since it was opened is read as far as it goes.
func TestListThatHasShrunk(t *testing.T) {
	l := mustList(t, "ann@x.example\n", listOptions{})
	l.size = 100
	if err := l.decode(""); err != nil {
		t.Error(err)
	}
}

// A list that cannot be read further in the middle of a line is not taken for one that ends.
func TestListThatBreaksOff(t *testing.T) {
	broken := errors.New("broken")
	for _, text := range []string{"", "ann@x.exam", "ann@x.example\nbob@x.exam"} {
		rows := &plainRows{r: bufio.NewReader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))}
		var err error
		for err == nil {
			var r row
			if r, err = rows.next(); err == nil && r.address != "ann@x.example" {
				t.Errorf("%q: got %q", text, r.address)
			}
		}
		if !errors.Is(err, broken) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// A line of 998 octets, the CRLF not counted, stays as it is (RFC 5322 2.1.1); a longer one
// does not.
func TestLinesOf998Octets(t *testing.T) {
	for _, n := range []int{998, 999} {
		tmpl := mustTemplate(t, "From: n@sender.example\n\n"+strings.Repeat("x", n)+"\n")
		if noted := strings.Contains(strings.Join(tmpl.notes, "\n"), "998"); noted != (n > 998) {
			t.Errorf("body of %d: got the notes %q", n, tmpl.notes)
		}
		list := "List-Help: <https://x.example/" + strings.Repeat("x", n-len("List-Help: <https://x.example/>,")) + ">,"
		_, err := parseTemplate("m.eml", []byte("From: n@sender.example\n"+list+"\n <https://y.example/ä>\n\nHello\n"), crowdTerms)
		if refused := err != nil && strings.Contains(err.Error(), "cannot be mended"); refused != (n > 998) {
			t.Errorf("field of %d: got %v", n, err)
		}
	}
}

// Braces that are meant to be read stand in quotes; what is behind them is read on.
func TestQuotedBraces(t *testing.T) {
	for text, want := range map[string]string{
		`{{"{{"}}`: "{{", `{{"}}"}}`: "}}", `{{""}}`: "", `{{.name}}{{"{{"}}{{.name}}`: "Ann{{Ann", `{{"{{"}}{{.name}}`: "{{Ann", `a{{&quot;{{&quot;}}b`: "a{{b",
	} {
		p, err := parsePhrase(text, people)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.fill([]string{"Ann", "Ann", "Ann"}); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// Characters that cannot be seen are named, also those without a name of their own.
func TestNamesOfInvisibleCharacters(t *testing.T) {
	for r, want := range map[rune]string{
		'\u200b': "a zero-width space (U+200B)", '\u200e': "a left-to-right mark (U+200E)",
		'\u00ad': "a soft hyphen (U+00AD)", '\u200c': "a zero-width non-joiner (U+200C)", '\u200d': "a zero-width joiner (U+200D)",
		'\u2060': "a word joiner (U+2060)", '\ufeff': "a byte order mark (U+FEFF)", '\u200f': "a right-to-left mark (U+200F)",
		'\u202e': "a mark of writing direction (U+202E)", '\u2064': "an invisible character (U+2064)",
	} {
		if got := runeName(r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The flag -preflight is on or off, and anything else is a mistake that says so.
func TestPreflightFlag(t *testing.T) {
	for value, want := range map[string]bool{"on": false, "off": true} {
		var o options
		if err := o.setPreflight(value); err != nil || o.noPreflight != want {
			t.Errorf("%q: got %v, off is %v", value, err, o.noPreflight)
		}
	}
	for _, value := range []string{"", "On", "true", "no"} {
		var o options
		if err := o.setPreflight(value); err == nil || !strings.Contains(err.Error(), "on or off") || o.noPreflight {
			t.Errorf("%q: got %v, off is %v", value, err, o.noPreflight)
		}
	}
}

// A character that was lost before, when the list was saved, is told of; of several odd
// things in a row the first.
func TestLostCharactersAreTold(t *testing.T) {
	for value, want := range map[string]string{
		"Gr\ufffd\ufffde": "lost before", "Grüße": "", "Gr\u200be": "zero-width space", "Gr\u200b\ufffde": "zero-width space", "\xff": "",
	} {
		c := &csvRows{columns: columns{names: []string{"email", "name"}}}
		if got := c.row(1, []string{"ann@example.com", value}); want == "" && got.note != "" || !strings.Contains(got.note, want) {
			t.Errorf("%q: got the note %q, want %q", value, got.note, want)
		}
	}
}

// Addresses in fields have quotes only where their dots need them (RFC 5321 4.1.2), and a
// domain in ASCII where the rest is.
func TestAddressesInFields(t *testing.T) {
	for address, want := range map[string]string{
		"ann@x.example": "ann@x.example", "ann.a@x.example": "ann.a@x.example", "a..b@x.example": `"a..b"@x.example`, ".a@x.example": `".a"@x.example`, "a.@x.example": `"a."@x.example`,
		`"a..b"@x.example`: `"a..b"@x.example`, `"a b"@x.example`: `"a b"@x.example`, "@x.example": "@x.example", "ann": "ann",
		"ann@bücher.example": "ann@xn--bcher-kva.example", "änn@bücher.example": "änn@bücher.example",
	} {
		if got := headerAddress(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
	for to, want := range map[string]string{ // of a To with placeholders the name is kept, if it has one address
		"{{.name}} <{{.email}}>": `To: "Ann" <ann@example.com>`, "{{.name}} <{{.email}}>, Bob <bob@x.example>": "To: ann@example.com", "{{.email}}": "To: ann@example.com",
	} {
		if got := render(t, "From: n@sender.example\nTo: "+to+"\n\nx\n", "Ann", ""); !strings.Contains(got, want+"\r\n") {
			t.Errorf("%s: got %q, want %q in it", to, got, want)
		}
	}
}

// Values that end a field or begin another are refused in every field that is filled in.
func TestValuesThatEndFields(t *testing.T) {
	for _, field := range []string{"Subject: {{.name}}", "To: {{.name}} <{{.email}}>", "Reply-To: {{.name}} <r@sender.example>", "X-A: {{.name}}", "List-Help: <https://x.example/{{.name}}> {{.name}}"} {
		tmpl := mustTemplate(t, "From: n@sender.example\n"+field+"\n\nx\n")
		name, _, _ := strings.Cut(field, ":")
		for value, fine := range map[string]bool{"Ann": true, "A\tnn": true, "Ann\nBcc: x@example.com": false, "Ann\rx": false, "Ann\x00": false} {
			err := tmpl.check([]string{"ann@example.com", value, ""})
			if (err == nil) != fine || err != nil && !strings.HasPrefix(err.Error(), name+": ") {
				t.Errorf("%s with %q: got %v", field, value, err)
			}
		}
	}
}

// The file of a report that cannot be opened, or cut, is an error; a blank line is none.
func TestReportsThatFail(t *testing.T) {
	file := writeFile(t, "report", "\n  \n"+`{"address":"ann@x.example","status":"delivered"}`+"\n\n")
	if e, err := readEarlier(file); err != nil || e.lines != 1 || len(e.known) != 1 {
		t.Errorf("blank lines: got %d records, %v", e.lines, err)
	}
	if _, err := readEarlier(filepath.Join(file, "x")); err == nil {
		t.Error("a file in a file was read")
	}
	if e, err := readEarlier(file + ".absent"); err != nil || e.lines != 0 {
		t.Errorf("a file that is not there: got %d records, %v", e.lines, err)
	}
	reading, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	r := &report{file: reading}
	if err := r.begin(0); err == nil {
		t.Error("a file that is open to be read was cut")
	}
}

// Line feeds take the place of lone carriage returns, however little is read at once.
func TestLineEndsInPieces(t *testing.T) {
	for _, size := range []int{1, 2, 3, 100} {
		l := &lineEnds{r: bufio.NewReader(strings.NewReader("a\rb\r\nc\nd,\"e\rf\"\r\rg\r"))}
		var got []byte
		for p := make([]byte, size); ; {
			n, err := l.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				break
			}
		}
		if want := "a\nb\r\nc\nd,\"e\rf\"\r\ng\n"; string(got) != want {
			t.Errorf("%d octets at once: got %q, want %q", size, got, want)
		}
	}
}

// What is odd at the beginning of a text is told apart as elsewhere.
func TestOddBeginnings(t *testing.T) {
	for text, want := range map[string]string{"\x1b[2J": `\x1b[2J`, "\u202eabc": `\u202eabc`, "a\x07": `a\a`, "a\tb\n": "a\tb\n", "": "", "a\u2028b": `a\u2028b`, "a\u2029b": `a\u2029b`} {
		if got := printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for line, want := range map[string]bool{"sep=;": true, "SEP=,": true, `"sep=;"`: true, "sep=\x7f": true, "sep=\x80": false, `sep="`: false, "sep=": false, "sep=;;": false, "xep=;": false} {
		if got := statesSeparator(line); got != want {
			t.Errorf("%q states a separator: %v", line, got)
		}
	}
	for text, odd := range map[string]int{"a\x7fb": 0, "a\x80b": 1, "\x80": 1, "ab": 0, "ä": 0, "ä\xff": 1} {
		var s survey
		if s.look([]byte(text), 1); s.line != odd || s.multibyte != strings.HasPrefix(text, "ä") {
			t.Errorf("%q: line %d is not UTF-8, several octets %v", text, s.line, s.multibyte)
		}
	}
}

// A separator that is stated counts once, and what follows is a header, also one that looks
// like an address.
func TestStatedSeparators(t *testing.T) {
	for content, want := range map[string][]string{
		"sep=;\nemail;name\na@x.example;A,B\n":  {"3 a@x.example|A,B"},
		"sep=,\nsep=;\na@x.example\n":           {"2 sep=! address \"sep=\": no @", "3 a@x.example"},
		"sep=;\nemail@x.example\na@x.example\n": {"2 email@x.example", "3 a@x.example"},
		"email@x.example\na@x.example\n":        {"1 email@x.example", "2 a@x.example"},
	} {
		if got, err := readAll(mustList(t, content, listOptions{})); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", content, got, err, want)
		}
	}
}

// A list that has a title and nothing below it has no header.
func TestListsOfATitle(t *testing.T) {
	for content, want := range map[string]string{"Customers,,\n": "list:1: ", "Customers,,\n2026,,\n": "list:1: ", "\n# x\n": "the list is empty", "sep=;\n": "the list is empty"} {
		if _, err := openList(writeFile(t, "list", content), listOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
}

// A placeholder of another program names a column by its letters and digits.
func TestNamesLikeColumns(t *testing.T) {
	c := columns{names: []string{"email", "First Name", "Zip-2", "---"}}
	for name, want := range map[string]string{
		"first_name": "First Name", "contact.FirstName": "First Name", "FIRST NAME": "FIRST NAME", "x.zip2": "Zip-2", "zip": "", "---": "---", "": "", "..": "", "last_name": "", "FIRST-NAME": "First Name",
	} {
		if got, ok := c.like(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", name, got, ok, want)
		}
	}
}

// A placeholder in a part that is sent as it is is a mistake where it can be read: also
// in a text that is encoded.
func TestPlaceholdersInOtherParts(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte("Hello {{.name}}"))
	for part, want := range map[string]bool{
		"Content-Type: text/css\n\n{{.name}}":                                                                                  true,
		"Content-Type: text/css\nContent-Transfer-Encoding: base64\n\n" + encoded:                                              true,
		"Content-Type: application/x\nContent-Transfer-Encoding: base64\n\n" + encoded:                                         false,
		"Content-Type: application/x\n\n{{.name}}":                                                                             true,
		"Content-Type: application/x\nContent-Disposition: attachment; filename=a\n\n{{.name}}":                                false,
		"Content-Type: text/css\nContent-Disposition: attachment; filename=a\nContent-Transfer-Encoding: base64\n\n" + encoded: false,
	} {
		_, err := parseTemplate("m.eml", []byte("From: n@sender.example\nMIME-Version: 1.0\n"+part+"\n"), crowdTerms)
		if (err != nil) != want {
			t.Errorf("%q: got %v", part, err)
		}
	}
}

// A part of which neither the type nor the text can be read may have a placeholder.
func TestPartsThatCannotBeRead(t *testing.T) {
	const mistake = "a placeholder in a part whose Content-Type cannot be read"
	for part, want := range map[string]bool{
		"Content-Transfer-Encoding: base64\n\n!!!": true, "Content-Transfer-Encoding: base64\n\naGVsbG8=": false,
		"Content-Transfer-Encoding: x-other\n\nHello": false, "X-A: b\n\nHello": false, "X-A: b\n\n{{.name}}": true,
		"Content-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("Hello {{.name}}")): true,
	} {
		_, err := parseTemplate("m.eml", []byte("From: n@sender.example\nMIME-Version: 1.0\nContent-Type: text/plain; =\n"+part+"\n"), crowdTerms)
		if got := err != nil && strings.Contains(err.Error(), mistake); got != want {
			t.Errorf("%q: got %v", part, err)
		}
	}
}

// A fault of the settings is told before anything is sent, one of the relay's state is not.
func TestFaultsOfSettings(t *testing.T) {
	at := func(stage classify.Stage, err error) error {
		return &pool.Error{Endpoint: "mx.test", Stage: stage, Err: err}
	}
	reply := func(code int, text string) error { return &classify.Reply{Code: code, Text: text} }
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{&net.DNSError{Err: "no such host", Name: "mx.test", IsNotFound: true}, true},
		{&net.DNSError{Err: "server misbehaving", Name: "mx.test"}, false},
		{os.ErrDeadlineExceeded, false},
		{at(classify.StageConnect, os.ErrDeadlineExceeded), false},
		{at(classify.StageAuth, reply(535, "5.7.8 bad credentials")), true},
		{at(classify.StageEHLO, reply(500, "5.5.2 what?")), true},
		{at(classify.StageEHLO, reply(499, "what?")), false},
		{at(classify.StageAuth, reply(454, "4.7.0 temporary failure")), false},
		{at(classify.StageConnect, reply(554, "5.7.1 too many connections")), false},
		{at(classify.StageEHLO, pool.ErrNoTLS), true},
		{at(classify.StageEHLO, pool.ErrNoAuth), true},
		{at(classify.StageConnect, pool.ErrProtocol), true},
	} {
		if got := isSetting(tt.err); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
}
