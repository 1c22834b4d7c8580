package main

import (
	"mime"
	"net/mail"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUnstructured(t *testing.T) {
	long := strings.Repeat("many words ", 30) + "end"
	for name, c := range map[string]struct{ text, want string }{
		"plain":        {"Hello Ann", " Hello Ann"},
		"empty":        {"", " "},
		"umlaut":       {"Grüße, Ann", " =?utf-8?q?Gr=C3=BC=C3=9Fe=2C_Ann?="},
		"encoded word": {"=?utf-8?q?x?=", " =?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?="},
		"tab":          {"a\tb", " =?utf-8?q?a=09b?="},
	} {
		t.Run(name, func(t *testing.T) {
			if got := unstructured("Subject", c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	for name, text := range map[string]string{
		"long ASCII": long, "long umlauts": strings.Repeat("Grüße ", 40), "astral": strings.Repeat("😀", 50),
		"one long word": strings.Repeat("x", 2000), "two spaces": strings.Repeat("a  b ", 40) + "c",
		"spaces around": "  " + long + "  ",
	} {
		t.Run(name, func(t *testing.T) {
			got := unstructured("Subject", text)
			for i, line := range strings.Split("Subject:"+got, "\r\n") {
				if len(line) > maxHeaderLine || i > 0 && line[0] != ' ' {
					t.Errorf("line %d of %d octets: %q", i, len(line), line)
				}
				if !utf8.ValidString(line) || strings.TrimSpace(line) == "" {
					t.Errorf("line %q", line)
				}
			}
			if back := readHeader(t, "Subject:"+got); back != text {
				t.Errorf("read back as %q", back)
			}
		})
	}
}

// A first word that is too long for the line begins it all the same: a line with nothing
// but the field's name would be left.
func TestFoldKeepsTheFirstWord(t *testing.T) {
	long := strings.Repeat("x", maxHeaderLine)
	if got, ok := fold(len("Subject:"), long+" y"); got != " "+long+"\r\n y" || !ok {
		t.Errorf("got %q, %v", got, ok)
	}
}

// readHeader reads a header field as a mail program does.
func readHeader(t *testing.T, field string) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(field + "\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEncodeBody(t *testing.T) {
	for name, c := range map[string]struct {
		text, wanted, encoding string
		delimiters             []string
	}{
		"7bit":                   {"a\nb\n", "7bit", "7bit", nil},
		"none is 7bit":           {"a\n", "", "7bit", nil},
		"7bit with umlaut":       {"ä\n", "7bit", "quoted-printable", nil},
		"8bit":                   {"ä\n", "8bit", "8bit", nil},
		"8bit with a long line":  {strings.Repeat("ä", 500), "8bit", "quoted-printable", nil},
		"binary":                 {"ä\n", "binary", "8bit", nil},
		"quoted-printable":       {"ä = 1\n" + strings.Repeat("x", 99), "quoted-printable", "quoted-printable", nil},
		"base64":                 {strings.Repeat("ä\n", 99), "base64", "base64", nil},
		"delimiter":              {"a\n--b\n", "7bit", "base64", []string{"--a", "--b"}},
		"delimiter in front":     {"--b", "7bit", "base64", []string{"--b"}},
		"delimiter with an =":    {"a\n--=b\n", "7bit", "quoted-printable", []string{"--=b"}},
		"delimiter within lines": {"a --b\n", "7bit", "7bit", []string{"--b"}},
		"empty":                  {"", "base64", "base64", nil},
	} {
		t.Run(name, func(t *testing.T) {
			encoding, body := encodeBody(c.text, c.wanted, c.delimiters)
			if encoding != c.encoding {
				t.Errorf("encoding %q, want %q", encoding, c.encoding)
			}
			limit := maxLine
			if encoding == "base64" || encoding == "quoted-printable" {
				limit = maxEncodedLine
			}
			for line := range strings.SplitSeq(body, "\r\n") {
				if len(line) > limit || strings.ContainsAny(line, "\r\n") {
					t.Errorf("line of %d octets: %q", len(line), line)
				}
			}
			back, err := decodeBody(encoding, []byte(body))
			if err != nil || lf(string(back)) != c.text {
				t.Errorf("read back as %q, %v", back, err)
			}
		})
	}
}
