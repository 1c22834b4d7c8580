package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"
)

// crowd are the columns of the tests of templates.
var crowd = columns{names: []string{"email", "name", "token"}}

// crowdTerms have a sender that is the same for all.
var crowdTerms = terms{columns: crowd, from: sender{phrase{literals: []string{"news@sender.example"}}}}

// render fills a message in for one recipient.
func render(t testing.TB, raw string, name, token string) string {
	t.Helper()
	tmpl := mustTemplate(t, raw)
	values := []string{"ann@example.com", name, token}
	if err := tmpl.check(values); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
	return string(tmpl.appendTo(nil, mailing{from: "news@sender.example", address: "ann@example.com", values: values, now: now, id: rand.Text()}))
}

// parse reads a message as a mail program does.
func parse(t testing.TB, data string) (mail.Header, string) {
	t.Helper()
	if regexp.MustCompile(`[^\r]\n|\r[^\n]`).MatchString(data) {
		t.Errorf("a line does not end in CRLF: %q", data)
	}
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	raw, err := io.ReadAll(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := decodeBody(m.Header.Get("Content-Transfer-Encoding"), raw)
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, string(body)
}

func TestTemplateFields(t *testing.T) {
	const from = "From: News <news@sender.example>\n"
	for name, c := range map[string]struct{ header, name, want string }{
		"untouched":        {"Subject:  Hello,\n   you", "Ann", "Subject:  Hello,\r\n   you\r\n"},
		"raw 8-bit":        {"X-A: café", "Ann", "X-A: =?utf-8?q?caf=C3=A9?=\r\n"},
		"raw 8-bit name":   {"Reply-To: Jörg <help@sender.example>", "", "Reply-To: =?utf-8?q?J=C3=B6rg?= <help@sender.example>\r\n"},
		"raw 8-bit URI":    {"List-Help: <https://x.example/ä>", "", "List-Help: <https://x.example/%C3%A4>\r\n"},
		"long text":        {"Subject: " + strings.Repeat("word ", 300), "", "Subject: " + strings.Repeat("word ", 13) + "word\r\n word"},
		"long word":        {"Subject: " + strings.Repeat("x", 1200), "", "Subject: =?utf-8?q?xxx"},
		"long references":  {"References: " + strings.Repeat("<a@x.example> ", 100), "", "References: <a@x.example>\r\n <a@x.example>\r\n"},
		"filled":           {"Subject: Hello {{.name}}!", "Ann", "Subject: Hello Ann!\r\n"},
		"encoded":          {"Subject: Hello {{.name}}!", "Jörg", "Subject: =?utf-8?q?Hello_J=C3=B6rg!?=\r\n"},
		"in encoded words": {"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?q?_{{=2Ename}}?=", "Ann", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_Ann?=\r\n"},
		"in base64 words":  {"Subject: =?iso-8859-1?b?5CB7ey5uYW1lfX0=?=", "Ann", "Subject: =?utf-8?q?=C3=A4_Ann?=\r\n"},
		"display name":     {"Reply-To: {{.name}} <help@sender.example>", "Ann", "Reply-To: \"Ann\" <help@sender.example>\r\n"},
		"hostile name":     {"Reply-To: {{.name}} <help@sender.example>", `x" <evil@example.com>, "`, `Reply-To: "x\" <evil@example.com>, \"" <help@sender.example>` + "\r\n"},
		"encoded name":     {`Sender: "{{.name}} of News" <help@sender.example>`, "Jörg", "Sender: =?utf-8?q?J=C3=B6rg_of_News?= <help@sender.example>\r\n"},
		"address":          {"Reply-To: Help <help+{{.name}}@sender.example>, {{.email}}", "7", "Reply-To: \"Help\" <help+7@sender.example>,\r\n ann@example.com\r\n"},
		"quoted address":   {`Cc: "a b"@x.example, {{.name}} <c@x.example>`, "Ann", "Cc: \"a b\"@x.example,\r\n \"Ann\" <c@x.example>\r\n"},
		"whole address":    {"Reply-To: x <{{.email}}>", "", "Reply-To: \"x\" <ann@example.com>\r\n"},
		"URI":              {"List-Unsubscribe: <https://x.example/?t={{.name}}>,\n <mailto:u+{{.name}}@x.example>", "a b>", "List-Unsubscribe: <https://x.example/?t=a%20b%3E>,\r\n <mailto:u+a%20b%3E@x.example>\r\n"},
		"to":               {"to: all@example.com,\n everyone@example.com", "Ann", "To: ann@example.com\r\n"},
		"to with a name":   {"To: {{.name}} <{{.email}}>", "Ann", "To: \"Ann\" <ann@example.com>\r\n"},
		"date renewed":     {"Date: Tue, 3 Mar 2015 00:00:00 +0000", "", "Date: Wed, 04 Mar 2026 05:06:07 +0100\r\n"},
		"date added":       {"X: y", "", "Date: Wed, 04 Mar 2026 05:06:07 +0100\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(t, from+c.header+"\n\nbody\n", c.name, "")
			if !strings.Contains(got, "\r\n"+c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
			if !strings.HasPrefix(got, "From: News <news@sender.example>\r\n") || !strings.HasSuffix(got, "\r\n\r\nbody\r\n") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// In each field of mailboxes a name that is filled in is quoted, and stays one name; in
// text it is not.
func TestNamesInFieldsOfMailboxes(t *testing.T) {
	for _, field := range []string{"From", "Sender", "Reply-To", "To", "Cc", "Disposition-Notification-To", "Return-Receipt-To", "Errors-To", "X-Text"} {
		raw := "Subject: x\n" + field + ": {{.name}} <a@sender.example>\n\nbody\n"
		if field != "From" {
			raw = "From: n@sender.example\n" + raw
		}
		got := render(t, raw, "Doe, Ann", "")
		if want := field + `: "Doe, Ann" <`; strings.Contains(got, want) != (field != "X-Text") {
			t.Errorf("%s: got %q", field, got)
		}
	}
}

// No field is HTML: what would be a placeholder of another program there stays as it is.
func TestNoFieldIsHTML(t *testing.T) {
	const field = ": a&lt&ltname&gt&gt\r\n"
	raw := "From: n@sender.example\nX-A" + field + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nContent-Description" + field + "\nHi {{.name}}\n--b--\n"
	if got := render(t, raw, "Ann", ""); !strings.Contains(got, "\r\nX-A"+field) || !strings.Contains(got, "\r\nContent-Description"+field) {
		t.Errorf("got %q", got)
	}
}

// Fields that belong to one recipient are there once, and those of the others
// are not.
func TestTemplateOwnFields(t *testing.T) {
	const raw = "To: a@example.com\r\nTo: b@example.com\r\nBcc: secret@example.com,\r\n c@example.com\r\nReturn-Path: <x@example.com>\r\n" +
		"Message-ID: <old@example.com>\r\nSubject: x\r\n\r\nbody"
	ids := map[string]bool{}
	for range 3 {
		got := render(t, raw, "Ann", "")
		header, body := parse(t, got)
		for name, want := range map[string]int{"To": 1, "Bcc": 0, "Return-Path": 0, "Message-Id": 1, "Date": 1, "From": 1, "Mime-Version": 1, "Subject": 1} {
			if n := len(header[name]); n != want {
				t.Errorf("%d fields %s, want %d: %q", n, name, want, got)
			}
		}
		if header.Get("To") != "ann@example.com" || header.Get("From") != "news@sender.example" || body != "body\r\n" {
			t.Errorf("got %q", got)
		}
		id := header.Get("Message-Id")
		if !regexp.MustCompile(`^<\w{26}@sender\.example>$`).MatchString(id) || ids[id] {
			t.Errorf("Message-ID %q", id)
		}
		ids[id] = true
	}
}

func TestTemplateText(t *testing.T) {
	for name, c := range map[string]struct{ content, body, name, want, encoding string }{
		"plain":            {"", "Hi {{.name}}", "Ann", "Hi Ann", "7bit"},
		"plain umlaut":     {"", "Hi {{.name}}", "Jörg", "Hi Jörg", "quoted-printable"},
		"not escaped":      {"Content-Type: text/plain\n", "Hi {{.name}}", "<A&B>", "Hi <A&B>", "7bit"},
		"escaped":          {"Content-Type: text/html; charset=UTF-8\n", "<b>{{.name}}</b>", `<A&"B">`, "<b>&lt;A&amp;&#34;B&#34;&gt;</b>", "7bit"},
		"8bit":             {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n", "Grüße {{.name}}", "Jörg", "Grüße Jörg", "8bit"},
		"Latin-1":          {"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n", "Gr\xfc\xdfe {{.name}}", "Zoë €", "Grüße Zoë €", "8bit"},
		"quoted-printable": {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: Quoted-Printable\n", "Gr=C3=BC=C3=9Fe {{=\n.na=6De}}", "Jörg", "Grüße Jörg", "quoted-printable"},
		"base64":           {"Content-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: base64\n", "gCB7ey5u\nYW1lfX0=", "Jörg", "€ Jörg", "base64"},
		"no padding":       {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n", " SGkg\n\te3su\nbmFtZX19IQ", "Ann", "Hi Ann!", "base64"},
		"comment":          {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: \"Base64\" (6.8)\n", "SGkge3submFtZX19IQ==", "Ann", "Hi Ann!", "base64"},
		"two lines":        {"", "Hi {{.name}}", "Ann\nSmith\r\nx", "Hi Ann\r\nSmith\r\nx", "7bit"},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(t, "From: n@sender.example\n"+c.content+"Subject: x\n\n"+c.body+"\n", c.name, "")
			header, body := parse(t, got)
			if body = strings.TrimSuffix(body, "\r\n"); body != c.want {
				t.Errorf("body %q, want %q", body, c.want)
			}
			kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
			if err != nil || !strings.HasPrefix(kind, "text/") || !strings.EqualFold(params["charset"], "utf-8") {
				t.Errorf("Content-Type %q", header.Get("Content-Type"))
			}
			if e := header.Get("Content-Transfer-Encoding"); e != c.encoding {
				t.Errorf("encoding %q, want %q", e, c.encoding)
			}
			for _, name := range []string{"Content-Type", "Content-Transfer-Encoding", "Mime-Version"} {
				if len(header[name]) != 1 {
					t.Errorf("%d fields %s", len(header[name]), name)
				}
			}
		})
	}
}

// newsletter has a text and an HTML part to fill in, and files to leave alone.
const newsletter = `From: News <news@sender.example>
Subject: For {{.name}}
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

preamble {{.name}}
--outer
Content-Type: multipart/alternative;
 boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1; format=flowed
Content-Transfer-Encoding: quoted-printable
Content-ID: <text>

F=FCr {{.name}}
--inner  
Content-Type: text/html; charset=utf-8

<p>F&uuml;r {{.name}}
<a href="https://x.example/?t={{.token}}">x</a>

--inner--

--outer
Content-Type: text/plain; name="a.txt"
Content-Disposition: attachment; filename="a.txt"

kept: {{.name}} {{.nobody}}
--outer
Content-Type: text/plain; charset=x-unknown
Content-Transfer-Encoding: x-unknown

no placeholder, } but $%& =ZZ
--outer
Content-Type: message/rfc822

Subject: {{.name}}

kept
--outer
broken part
--outer--
epilogue {{.name}}
`

func TestTemplateMultipart(t *testing.T) {
	for name, raw := range map[string]string{"LF": newsletter, "CRLF": crlf(newsletter)} {
		t.Run(name, func(t *testing.T) {
			got := render(t, raw, "Jörg & Zoë", "1&2")
			for _, kept := range []string{
				"preamble {{.name}}\n--outer\nContent-Type: multipart/alternative;\n boundary=inner\n\n--inner\nContent-ID: <text>\n",
				"\n--inner  \nContent-Type: text/html; charset=utf-8\n",
				newsletter[strings.Index(newsletter, "--inner--"):],
			} {
				if !strings.Contains(got, crlf(kept)) {
					t.Errorf("missing %q in %s", kept, got)
				}
			}
			header, body := parse(t, got)
			if s := header.Get("Subject"); s != "=?utf-8?q?For_J=C3=B6rg_=26_Zo=C3=AB?=" {
				t.Errorf("Subject %q", s)
			}
			parts := readParts(t, body, "outer")
			if len(parts) != 4 {
				t.Fatalf("%d parts: %q", len(parts), parts)
			}
			inner := readParts(t, parts[0], "inner")
			want := []string{
				"Für Jörg & Zoë",
				"<p>F&uuml;r Jörg &amp; Zoë\n<a href=\"https://x.example/?t=1%262\">x</a>\n",
			}
			if len(inner) != 2 || inner[0] != want[0] || lf(inner[1]) != want[1] {
				t.Errorf("got %q, want %q", inner, want)
			}
		})
	}
}

// readParts gives the decoded bodies of a multipart, up to the first that
// cannot be read.
func readParts(t *testing.T, body, boundary string) []string {
	t.Helper()
	var parts []string
	for r := multipart.NewReader(strings.NewReader(body), boundary); ; {
		part, err := r.NextRawPart()
		if err != nil {
			return parts
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if decoded, err := decodeBody(part.Header.Get("Content-Transfer-Encoding"), raw); err == nil {
			raw = decoded
		}
		parts = append(parts, string(raw))
	}
}

// A value cannot end the part that it is filled into.
func TestTemplateDelimiterInValue(t *testing.T) {
	const raw = "From: n@sender.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHi\n{{.name}}\n--b--\n"
	got := render(t, raw, "x\n--b\nContent-Type: text/html\n\nevil", "")
	_, body := parse(t, got)
	if parts := readParts(t, body, "b"); len(parts) != 1 || !strings.Contains(parts[0], "evil") {
		t.Errorf("parts %q", parts)
	}
}

func TestTemplateErrors(t *testing.T) {
	const from, encoded = "From: n@sender.example\n", "SGVsbG8ge3submFtZX19IQ=="
	for name, c := range map[string]struct{ raw, want string }{
		"empty":              {"", "m.eml:1: no header"},
		"no header":          {"\nhello\n", "m.eml:1: no header"},
		"text":               {from + "Hello {{.name}}\n", `m.eml:2: "Hello {{.name}}\r\n" is not a header field`},
		"fold first":         {" x\n", "m.eml:1:"},
		"name with space":    {"Sub ject: x\n", "m.eml:1:"},
		"NUL":                {from + "Subject: a\x00b\n\n", "m.eml:2: a NUL in the header"},
		"unknown name":       {from + "X: 1\nSubject: {{.nmae}}\n\n", `m.eml:3: Subject: {{.nmae}}: unknown name "nmae": the list has email, name, token`},
		"in the text":        {from + "\n\nHi\n{{.nmae}}", `m.eml:5: text/plain part: {{.nmae}}: unknown name`},
		"in base64":          {from + "Content-Transfer-Encoding: base64\n\ne3subm1hZX19", `m.eml:4: text/plain part: {{.nmae}}: unknown name`},
		"both":               {from + "Subject: {{.a}}\n\n{{.b}}", `{{.b}}: unknown name`},
		"in To":              {from + "To: {{.nmae}} <{{.email}}>\n\n", `m.eml:2: To: {{.nmae}}`},
		"no addresses":       {from + "Cc: {{.name}} and others\n\n", "m.eml:2: Cc: no list of addresses"},
		"open":               {from + "Subject: {{.name\n\n", "has no end"},
		"Content-Type":       {from + "Content-Type: text/{{.name}}\n\n", "m.eml:2: Content-Type: a placeholder where none"},
		"unreadable type":    {from + "Content-Type: a b c\n\n{{.name}}", "m.eml:4: a placeholder in a part whose Content-Type"},
		"charset":            {from + "Content-Type: text/plain; charset=ebcdic\n\n{{.name}}", `m.eml:4: text/plain part: the charset "ebcdic" is not known`},
		"charset of words":   {from + "Subject: =?ebcdic?q?x?= {{.name}}\n\n", `m.eml:2: Subject:`},
		"field not UTF-8":    {from + "X-A: caf\xe9\n\n", "m.eml:2: X-A: 8-bit text that is not UTF-8"},
		"type of the text":   {from + "Content-Type: text/plain; name=\"{{.name}}\"\n\n{{.name}}", "m.eml:2: Content-Type: a placeholder where none"},
		"body not UTF-8":     {from + "\n\xe4\n", "m.eml:3: text/plain part with raw 8-bit text: it is not UTF-8 and does not say its charset"},
		"long token":         {from + "X-A: " + strings.Repeat("x", 1200) + "\nReferences: " + strings.Repeat("x", 1200) + "\n\n", "m.eml:3: References: a line of more than 998"},
		"mailbox of two":     {"From a@x.example Thu Jan  1 00:00:00 2015\nSubject: x\n\nx\n\nFrom b@x.example Thu Jan  1 00:00:00 2015\nSubject: y\n\ny\n", "m.eml: the file is a mailbox with several messages"},
		"not UTF-8":          {from + "Subject: \xe4{{.name}}\n\n", `m.eml:2: Subject: a placeholder in a field that is not UTF-8`},
		"no charset":         {from + "\n\xe4 {{.name}}", `m.eml:3: text/plain part: text that is not UTF-8`},
		"bad encoding":       {from + "Content-Transfer-Encoding: base64\n\n!! {{.name}}", "m.eml:4: text/plain part: it cannot be decoded: illegal base64"},
		"text behind base64": {from + "Content-Transfer-Encoding: base64\n\n" + encoded + "\n-- \nList\n", "m.eml:4: text/plain part: it cannot be decoded: illegal base64"},
		"base64 twice":       {from + "Content-Transfer-Encoding: base64\n\nSGkhCg==\n" + encoded, "m.eml:4: text/plain part: it cannot be decoded: illegal base64"},
		"type of base64":     {from + "Content-Type: text/html charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + encoded, "m.eml:5: a placeholder in a part whose Content-Type"},
		"other boundary":     {from + "Content-Type: multipart/mixed; boundary=a\n\n--b\n\n{{.name}}\n--b--\n", `m.eml:4: a placeholder in a multipart without parts: no line of it is "--a"`},
		"unknown encoding":   {from + "Content-Transfer-Encoding: uuencode\n\n{{.name}}", `unknown Content-Transfer-Encoding "uuencode"`},
		"signed": {from + "Content-Type: multipart/signed; boundary=b\n\n--b\n\n{{.name}}\n--b--\n",
			"m.eml:6: text/plain part: a placeholder in a signed part"},
		"broken part": {from + "Content-Type: multipart/mixed; boundary=b\n\n--b\n{{.name}}\n--b--\n", "m.eml:5:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseTemplate("m.eml", []byte(c.raw), crowdTerms)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	deep := from
	for i := range maxDepth + 2 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	if _, err := parseTemplate("m.eml", []byte(deep), crowdTerms); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("deep: %v", err)
	}
}

func TestTemplateCheck(t *testing.T) {
	const raw = "Subject: {{.name}}\nReply-To: {{.token}}\nList-Help: <x:{{.name}}>\n\n{{.name}} {{.token}}"
	tmpl := mustTemplate(t, raw)
	for name, c := range map[string]struct{ name, token, want string }{
		"fine":        {"Jörg", "x@example.com", ""},
		"CR":          {"a\rb", "x@example.com", `Subject: the value of "name" has a line break`},
		"LF":          {"a\nBcc: evil@example.com", "x@example.com", `Subject: the value of "name" has a line break`},
		"escape":      {"a\x1b[2J", "x@example.com", `control character U+001B`},
		"no address":  {"a", "x", `Reply-To: address "x": no @`},
		"two":         {"a", "x@example.com, y@example.com", "Reply-To: address"},
		"LF in it":    {"a", "x@example.com\n", "Reply-To: the value of \"token\" has a line break"},
		"long URI":    {strings.Repeat("a", 1000), "x@example.com", "List-Help: a line of more than 998 octets"},
		"empty value": {"", "x@example.com", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := tmpl.check([]string{"ann@example.com", c.name, c.token})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "Reply-To:") > 1) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	// A line break in the text is a line break in the text.
	body, err := parseTemplate("m.eml", []byte("Subject: x\n\n{{.name}}"), crowdTerms)
	if err != nil || body.check([]string{"", "a\nb", ""}) != nil {
		t.Error("a line break in the text was refused")
	}
}

// Whatever the values, the message has the header that was written, and the
// values come back.
func FuzzTemplate(f *testing.F) {
	f.Add(newsletter, "Jörg", "a@example.com")
	f.Add("Subject: {{.name}}\nReply-To: {{.name}} <{{.token}}>\n\n{{.name}}", "x\n--b\n", "t")
	f.Add("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{{.name}}\n--b--", "\r\n--b--", "t")
	f.Add("a:\n", "", "")
	f.Add(received+"\n{{.name}}", "x", "t")
	f.Add("Subject: ü\nContent-Type: text/html\n\nü <a href='{{.token}}'>{{\"{{\"}}", "", "https://x.example/?a=b&c")
	f.Fuzz(func(t *testing.T, raw, name, token string) {
		tmpl, err := parseTemplate("m.eml", []byte(raw), crowdTerms)
		values := []string{"ann@example.com", name, token}
		if err != nil || tmpl.check(values) != nil {
			return
		}
		data := tmpl.appendTo(nil, mailing{from: "news@sender.example", address: "ann@example.com", values: values})
		if bytes.Contains(bytes.ReplaceAll(data, []byte("\r\n"), nil), []byte("\n")) {
			t.Fatalf("a bare LF in %q", data)
		}
		header, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
		if n := bytes.Count(append([]byte("\r\n"), header...), []byte("\r\nTo: ")); n != 1 {
			t.Fatalf("%d fields To in %q", n, header)
		}
		for line := range bytes.SplitSeq(header, []byte("\r\n")) {
			if _, ok := fieldName(line); !ok && (len(line) == 0 || line[0] != ' ' && line[0] != '\t') {
				t.Fatalf("header line %q", line)
			}
			if len(line) > maxLine {
				t.Fatalf("header line of %d octets: %.80q", len(line), line)
			}
		}
	})
}

func BenchmarkRender(b *testing.B) {
	tmpl, err := parseTemplate("m.eml", []byte(newsletter+strings.Repeat("x", 20_000)), crowdTerms)
	if err != nil {
		b.Fatal(err)
	}
	m := mailing{from: "news@sender.example", address: "ann@example.com", values: []string{"ann@example.com", "Jörg", "1"}}
	b.ReportAllocs()
	for b.Loop() {
		tmpl.appendTo(nil, m)
	}
}
