package main

import (
	"mime"
	"strings"
	"testing"
)

// received is a mail as it lies in a mailbox.
const received = `From ann@x.example Thu Jan  1 00:00:00 2015
Return-Path: <ann@x.example>
Delivered-To: me@sender.example
Received: from inner.x.example ([192.0.2.7]) by mx.sender.example;
 Thu, 1 Jan 2015 00:00:00 +0000
Received: by inner.x.example
Authentication-Results: mx.sender.example; dkim=pass
ARC-Seal: i=1; a=rsa-sha256
ARC-Message-Signature: i=1
DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; h=to:from;
 bh=x; b=y
X-Unsent: 1
X-Mozilla-Status: 0001
X-Mozilla-Status2: 00800000
Status: RO
X-Spam-Status: No
Resent-From: other@x.example
Bcc: secret@x.example
Date: Thu, 1 Jan 2015 00:00:00 +0000
From: News <news@sender.example>
Subject: News
Subject: again
X-Mailer: kept
To: me@sender.example
Message-ID: <1@x.example>

Hello
>From here on
>>From there
`

// What a mail has from its earlier way is left out, with a word.
func TestReceivedMail(t *testing.T) {
	tmpl := mustTemplate(t, received)
	got := render(t, received, "", "")
	header, body := parse(t, got)
	for name := range header {
		switch name {
		case "From", "Subject", "X-Mailer", "To", "Date", "Message-Id", "Mime-Version":
			if len(header[name]) != 1 {
				t.Errorf("%d fields %s", len(header[name]), name)
			}
		default:
			t.Errorf("the field %s is left: %q", name, header[name])
		}
	}
	if body != "Hello\r\nFrom here on\r\n>From there\r\n" || strings.Contains(got, "2015") || strings.Contains(got, "inner") {
		t.Errorf("got %q", got)
	}
	notes := strings.Join(tmpl.notes, "\n")
	for _, want := range []string{"of a mailbox", "Received (2)", "DKIM-Signature", "X-Unsent", "Resent-From", "Bcc", "Subject"} {
		if !strings.Contains(notes, want) {
			t.Errorf("want %q in notes %q", want, notes)
		}
	}
	if tmpl, err := parseTemplate("m.eml", []byte(plainMessage), crowdTerms); err != nil || len(tmpl.notes) > 0 {
		t.Errorf("notes about a plain message: %q, %v", tmpl.notes, err)
	}
}

// Text that some receivers would refuse is encoded anew, with a word, and reads
// the same.
func TestMendedBody(t *testing.T) {
	long := strings.Repeat("long line ", 120)
	for name, c := range map[string]struct{ content, body, want, encoding, note string }{
		"UTF-8, not declared": {"", "Grüße", "Grüße", "quoted-printable", "raw 8-bit text"},
		"Latin-1, 7bit":       {"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 7bit\n", "Gr\xfc\xdfe", "Gr\xfc\xdfe", "quoted-printable", "raw 8-bit text"},
		"8bit":                {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n", "Grüße", "Grüße", "8bit", ""},
		"long line":           {"", long, long, "quoted-printable", "lines of more than 998"},
		"long line, 8bit":     {"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n", "ä" + long, "ä" + long, "quoted-printable", "lines of more than 998"},
		"long base64":         {"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n", strings.Repeat("QUJD", 300), strings.Repeat("ABC", 300), "base64", "lines of more than 998"},
		"binary file":         {"Content-Type: image/png\nContent-Transfer-Encoding: binary\n", "\x89PNG\x00", "\x89PNG\x00\r\n", "base64", "a NUL"},
		"binary":              {"Content-Type: text/plain\nContent-Transfer-Encoding: binary\n", "Hello", "Hello", "quoted-printable", "the encoding binary"},
		"Binary of 8 bits":    {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: Binary\n", "Grüße", "Grüße", "quoted-printable", "the encoding binary"},
		"7bit":                {"Content-Type: text/plain\nContent-Transfer-Encoding: 7bit\n", "Hello", "Hello", "7bit", ""},
		"NUL in text":         {"", "a\x00b", "a\x00b", "quoted-printable", "a NUL"},
		"byte order mark":     {"", "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			raw := "From: n@sender.example\n" + c.content + "Subject: x\n\n" + c.body + "\n"
			if name == "byte order mark" {
				raw = "\xef\xbb\xbf" + raw
			}
			tmpl := mustTemplate(t, raw)
			header, body := parse(t, render(t, raw, "", ""))
			if !strings.HasPrefix(c.encoding, "base64") {
				body = strings.TrimSuffix(body, "\r\n")
			}
			if encoding := header.Get("Content-Transfer-Encoding"); body != c.want || encoding != c.encoding {
				t.Errorf("body %q in %s, want %q in %s", body, encoding, c.want, c.encoding)
			}
			if notes := strings.Join(tmpl.notes, "\n"); !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			_, params, _ := mime.ParseMediaType(header.Get("Content-Type"))
			if name == "UTF-8, not declared" && params["charset"] != "utf-8" {
				t.Errorf("Content-Type %q", header.Get("Content-Type"))
			}
		})
	}
}

// A signed part stays octet for octet as it is, whatever is odd about it.
func TestSignedPartKept(t *testing.T) {
	signed := "--b\r\nContent-Type: text/plain; name=ä\r\n\r\nGrüße  \r\n" + strings.Repeat("x", 1200) + "\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nAAAA\r\n--b--\r\n"
	raw := "From: n@sender.example\r\nSubject: {{.name}}\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n" + signed
	tmpl := mustTemplate(t, raw)
	if got := render(t, raw, "Ann", ""); !strings.HasSuffix(got, "\r\n\r\n"+signed) || !strings.Contains(got, "Subject: Ann\r\n") {
		t.Errorf("got %q", got)
	}
	if notes := strings.Join(tmpl.notes, "\n"); !strings.Contains(notes, "left as it is, for it is signed") {
		t.Errorf("notes %q", notes)
	}
}

func TestUTF16Message(t *testing.T) {
	raw := "\xff\xfe"
	for _, c := range plainMessage {
		raw += string([]byte{byte(c), 0})
	}
	if got := render(t, raw, "", ""); !strings.HasPrefix(got, "From: News <news@sender.example>\r\n") || !strings.HasSuffix(got, "\r\n\r\nHello\r\n") {
		t.Errorf("got %q", got)
	}
}

// With a signature to come nothing is left in 8bit, which a relay may encode
// anew (RFC 6376 5.3).
func TestSevenBit(t *testing.T) {
	const raw = "From: n@sender.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße {{.name}}\n" +
		"--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n--b--\n"
	t7 := crowdTerms
	t7.sevenBit = true
	tmpl, err := parseTemplate("m.eml", []byte(raw), t7)
	if err != nil {
		t.Fatal(err)
	}
	got := string(tmpl.appendTo(nil, mailing{from: "n@sender.example", address: "ann@example.com", values: []string{"", "Jörg", ""}}))
	if _, body := parse(t, got); !isASCII(got) || strings.Join(readParts(t, body, "b"), "|") != "Grüße Jörg|Grüße" {
		t.Errorf("got %q", got)
	}
}

// A received message has fields of programs that no list names. What its author wrote
// is kept, and what is filled in.
func TestReceivedFieldsUnheardOf(t *testing.T) {
	const fields = "X-Shiny-Filter: passed\nAuto-Submitted: auto-replied\nS: x\nX-Mailer: kept\nX-Own: {{.name}}\nThread-Topic: kept\n"
	const rest = "From: n@sender.example\nSubject: x\n\nHello\n"
	for trace, want := range map[string]int{"": 6, "Delivered-To: me@x.example\n": 3, "X-MS-Exchange-Organization-SCL: 1\n": 3, "X-Mozilla-Status: 1\n": 6} {
		got := render(t, trace+fields+rest, "Ann", "")
		n := 0
		for line := range strings.SplitSeq(fields, "\n") {
			if name, _, _ := strings.Cut(line, ":"); name != "" {
				n += strings.Count("\r\n"+got, "\r\n"+name+":")
			}
		}
		if n != want || !strings.Contains(got, "X-Own: Ann\r\n") || !strings.Contains(got, "X-Mailer: kept\r\n") {
			t.Errorf("with %q: %d fields, want %d: %q", trace, n, want, got)
		}
	}
}

// What is kept and may be meant for others is said.
func TestNotesOnSources(t *testing.T) {
	const from = "From: n@sender.example\n"
	for name, c := range map[string]struct{ raw, want string }{
		"Cc":                        {"Cc: Boss <boss@x.example>\n\nx", "every recipient sees who is in it, and those get no mail: Boss <boss@x.example>"},
		"Cc that is filled in":      {"Cc: {{.email}}\n\nx", ""},
		"link of one recipient":     {"Received: by x\nList-Unsubscribe: <https://x.example/u/77>\n\nx", "it will unsubscribe that one: <https://x.example/u/77>"},
		"link of each recipient":    {"Received: by x\nList-Unsubscribe: <https://x.example/u/{{.token}}>\n\nx", "Received"},
		"link in new mail":          {"List-Unsubscribe: <https://x.example/u>\n\nx", ""},
		"winmail.dat":               {"Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\neJ8+\n", "a part is winmail.dat"},
		"HTML as plain text":        {"\n\n<!DOCTYPE html>\n<p>{{.name}}", "begins like HTML"},
		"HTML as plain text, fixed": {"Content-Type: text/plain\n\n <html>", "begins like HTML"},
		"HTML":                      {"Content-Type: text/html\n\n<html>", ""},
		"placeholder in a file":     {"Content-Type: text/html\nContent-Disposition: attachment; filename=x.html\n\n{{.name}}", "{{.name}} in a text/html attachment is sent as it is"},
		"placeholder in a message":  {"Content-Type: message/rfc822\n\nSubject: {{.name}}\n\n", "{{.name}} in a message/rfc822 attachment is sent as it is"},
		"braces in a file":          {"Content-Type: text/plain\nContent-Disposition: attachment\n\n{{.nobody}} {{x}}", ""},
		"line ends twice":           {"\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			raw := from + c.raw + "\n"
			if name == "line ends twice" {
				raw = strings.ReplaceAll(from+"Subject: x\n\nHi\n", "\n", "\r\r\n")
				if header, body := parse(t, render(t, raw, "", "")); header.Get("Subject") != "x" || body != "Hi\r\n" {
					t.Errorf("header %q, body %q", header, body)
				}
			}
			notes := strings.Join(mustTemplate(t, raw).notes, "\n")
			if !strings.Contains(notes, c.want) || c.want == "" && notes != "" || strings.Contains(notes, "unsubscribe") && name != "link of one recipient" {
				t.Errorf("notes %q, want %q", notes, c.want)
			}
		})
	}
}

// What is shown inline is text to read, whatever it is called; every dialect of HTML is
// escaped as such.
func TestPartsThatAreFilledIn(t *testing.T) {
	for content, want := range map[string]string{
		"Content-Type: text/html; name=x.html\nContent-Disposition: inline; filename=x.html": "&lt;A&gt;",
		"Content-Type: text/plain\nContent-Disposition: INLINE; filename=x.txt":              "<A>",
		"Content-Type: text/x-amp-html":                                                      "&lt;A&gt;",
		"Content-Type: text/watch-html":                                                      "&lt;A&gt;",
		"Content-Type: application/xhtml+xml":                                                "&lt;A&gt;",
		"Content-Type: text/plain":                                                           "<A>",
	} {
		_, body := parse(t, render(t, "From: n@sender.example\n"+content+"\n\n{{.name}}\n", "<A>", ""))
		if body != want+"\r\n" {
			t.Errorf("%q: %q, want %q", content, body, want)
		}
	}
}

// Of several fields Content-Type the first counts, with a word, and a value is escaped
// for the type that the mail is sent with.
func TestSeveralContentTypes(t *testing.T) {
	const plain, html = "Content-Type: text/plain; charset=utf-8\n", "Content-Type: text/html; charset=utf-8\n"
	for fields, want := range map[string]string{plain + html: "text/plain; charset=utf-8: <b>", html + plain: "text/html; charset=utf-8: &lt;b&gt;"} {
		for _, head := range []string{"From: n@sender.example\n", "From: n@sender.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"} {
			raw := head + fields + "\n{{.name}}\n"
			got := render(t, raw, "<b>", "")
			kind, value, _ := strings.Cut(want, ": ")
			if !strings.Contains(got, kind) || !strings.HasSuffix(strings.TrimSpace(got), "\r\n\r\n"+value) || strings.Count(got, "Content-Type: text/") != 1 {
				t.Errorf("got %q, want %s", got, want)
			}
			if notes := strings.Join(mustTemplate(t, raw).notes, "\n"); !strings.Contains(notes, "several fields Content-Type") {
				t.Errorf("notes %q", notes)
			}
		}
	}
}
