package main

import (
	"io"
	"mime"
	"slices"
	"strings"
	"testing"
)

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ charset, text, want string }{
		{"UTF-8", "ä€", "ä€"}, {"us-ascii", "a", "a"}, {"", "a", "a"},
		{"ISO-8859-1", "\xe4", "ä"}, {"windows-1252", "\x80 \xe4 \x9f", "€ ä Ÿ"}, {"KOI8-R", "\xe9\xd7\xc1\xce", "Иван"},
		{"windows-1252", "a\x81b", "a\ufffdb"}, {"iso-8859-1", "a\x85b\xa0", "a\ufffdb\u00a0"},
		{"Shift_JIS", "\x8eR\x93c \xb1", "山田 ｱ"}, {"cp932", "\x87@", "①"},
		{"EUC-JP", "\xbb\xb3\xc5\xc4", "山田"}, {"ISO-2022-JP", "Mr \x1b$B;3ED\x1b(B.", "Mr 山田."},
		{"GB18030", "\xcd\xf5\xce\xb0 \x81\x30\x84\x36", "王伟 ¥"}, {"gb2312", "\xcd\xf5", "王"},
		{"Big5", "\xa4\xfd", "王"}, {"EUC-KR", "\xb1\xe8", "김"}, {"ks_c_5601-1987", "\xb1\xe8", "김"},
	} {
		if got, err := toUTF8(c.charset, []byte(c.text)); err != nil || got != c.want {
			t.Errorf("%q in %s: got %q, %v, want %q", c.text, c.charset, got, err, c.want)
		}
	}
	for _, c := range []struct{ charset, text, want string }{
		{"utf-8", "\xe4", "text that is not UTF-8"}, {"ebcdic", "a", `the charset "ebcdic" is not known`},
	} {
		if _, err := toUTF8(c.charset, []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.charset, err, c.want)
		}
	}
	if _, err := charsetReader("ebcdic", strings.NewReader("x")); err == nil {
		t.Error("charsetReader: no error")
	}
	if r, err := charsetReader("windows-1252", strings.NewReader("\x80")); err != nil {
		t.Error(err)
	} else if b, _ := io.ReadAll(r); string(b) != "€" {
		t.Errorf("charsetReader: %q", b)
	}
	for _, name := range charsets() {
		if got, ok := charsetName(strings.ToUpper(name)); !ok || got != name {
			t.Errorf("%s is read as %q", name, got)
		}
	}
	for alias := range charsetAliases {
		if _, ok := charsetName(alias); !ok {
			t.Errorf("%q stands for a charset that is not known", alias)
		}
	}
}

// TestMarkedCharset finds UTF-16 by its zero octets: more than one in 32, on one side of
// the pairs.
func TestMarkedCharset(t *testing.T) {
	const le, be = "a\x00", "\x00a"
	for text, want := range map[string]string{
		"\xef\xbb\xbfa": "utf-8", "\xff\xfea\x00": "utf-16le", "\xfe\xff\x00a": "utf-16be",
		"": "", "ann@example.com": "", "a\x00bcdefg": "",
		strings.Repeat(le, 8): "utf-16le",
		strings.Repeat(be, 8): "utf-16be",
		strings.Repeat(le, 9) + strings.Repeat("\x30\x42", 135): "", // one in 32 and not more
		strings.Repeat(le, 9) + strings.Repeat("\x30\x42", 134): "utf-16le",
		"\xff\xfe\x00\x00a\x00\x00\x00":                         "utf-32le", "\x00\x00\xfe\xff\x00\x00\x00a": "utf-32be",
		strings.Repeat(be, 10) + strings.Repeat("\x42\x30", 8):   "utf-16be",
		strings.Repeat(le, 8) + "\x00a" + strings.Repeat("a", 8): "",
		strings.Repeat(be, 8) + "a\x00" + strings.Repeat("a", 8): "",
		strings.Repeat(le, 16) + "\x00a":                         "utf-16le",
		strings.Repeat(le+be, 8):                                 "", // binary
	} {
		if got := markedCharset([]byte(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestListOfEastAsia reads lists in charsets of several octets. A text that passes for
// UTF-8 by accident is read in the charset that the user names.
func TestListOfEastAsia(t *testing.T) {
	const head, row = "email,name\n", "ann@x.example,"
	for name, c := range map[string]struct{ value, charset, want string }{
		"Shift_JIS, with a backslash": {"\x83\x5c\x95\x5c", "shift_jis", "ソ表"},
		"EUC-JP":                      {"\xbb\xb3\xc5\xc4", "euc-jp", "山田"},
		"ISO-2022-JP":                 {"\x1b$B;3ED\x1b(B", "iso-2022-jp", "山田"},
		"ISO-2022-JP, not said":       {"\x1b$B;3ED\x1b(B", "", "山田"},
		"GB18030, of four octets":     {"\x95\x32\x82\x36", "gb18030", "𠀀"},
		"Big5":                        {"\xa4\xfd", "big5", "王"},
		"EUC-KR":                      {"\xb1\xe8", "euc-kr", "김"},
		"EUC-KR, UTF-8 by accident":   {"\xc5\xbe", "euc-kr", "탑"},
	} {
		t.Run(name, func(t *testing.T) {
			l := mustList(t, head+row+c.value+"\n", listOptions{charset: c.charset})
			if got, err := readAll(l); err != nil || !slices.Equal(got, []string{"2 ann@x.example|" + c.want}) {
				t.Errorf("got %q, %v, want %s", got, err, c.want)
			}
		})
	}
	for value, charset := range map[string]string{"山田": "shift_jis", "Jörg": "windows-1252", "\x1b$B;3ED\x1b(B": "euc-jp"} {
		l, err := openList(writeFile(t, "list", head+row+value+"\n"), listOptions{charset: charset})
		if err == nil {
			l.close()
		}
		if err == nil || !strings.Contains(err.Error(), "and -charset says "+charset) {
			t.Errorf("%q as %s: got %v, want the mistake named", value, charset, err)
		}
	}
}

// TestTemplateOfEastAsia fills in templates in charsets of several octets. What
// goes out is UTF-8, which has every value.
func TestTemplateOfEastAsia(t *testing.T) {
	for name, c := range map[string]struct{ content, subject, body, wantSubject, wantBody string }{
		"Shift_JIS":   {"text/plain; charset=Shift_JIS", "=?Shift_JIS?B?jlKTYw==?=", "\x8eR\x93c {{.name}}", "山田", "山田 김 王"},
		"ISO-2022-JP": {"text/plain; charset=ISO-2022-JP", "=?ISO-2022-JP?B?GyRCOzNFRBsoQg==?=", "\x1b$B;3ED\x1b(B {{.name}}", "山田", "山田 김 王"},
		"GB18030":     {"text/html; charset=gb2312", "=?gb2312?Q?=CD=F5?=", "<p>\xcd\xf5 {{.name}}</p>", "王", "<p>王 김 王</p>"},
		"EUC-KR":      {"text/plain; charset=ks_c_5601-1987", "=?euc-kr?B?seg=?=", "\xb1\xe8 {{.name}}", "김", "김 김 王"},
	} {
		t.Run(name, func(t *testing.T) {
			raw := "From: n@sender.example\nSubject: " + c.subject + " {{.name}}\nContent-Type: " + c.content +
				"\nContent-Transfer-Encoding: 8bit\n\n" + c.body + "\n"
			header, body := parse(t, render(t, raw, "김 王", ""))
			if body = strings.TrimSuffix(body, "\r\n"); body != c.wantBody {
				t.Errorf("body %q, want %q", body, c.wantBody)
			}
			if got, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject")); err != nil || got != c.wantSubject+" 김 王" {
				t.Errorf("Subject %q, %v, want %q", got, err, c.wantSubject+" 김 王")
			}
			if _, params, err := mime.ParseMediaType(header.Get("Content-Type")); err != nil || params["charset"] != "utf-8" {
				t.Errorf("Content-Type %q", header.Get("Content-Type"))
			}
		})
	}
}

// A list is UTF-8 where it has characters beyond ASCII and nothing else, wherever that
// stands; with characters of two octets alone, a charset of East Asia that is named counts.
func TestWhatOctetsShow(t *testing.T) {
	for name, c := range map[string]struct {
		found survey
		said  string
		want  string
	}{
		"ASCII":                        {survey{}, "", ""},
		"UTF-8":                        {survey{multibyte: true}, "", "utf-8"},
		"none in the first line":       {survey{multibyte: true, wide: true, line: 1}, "", ""},
		"none further below":           {survey{multibyte: true, line: 7}, "", ""},
		"two octets, East Asia":        {survey{multibyte: true}, severalOctets[0], ""},
		"two octets, another is named": {survey{multibyte: true}, "windows-1252", "utf-8"},
		"three octets, East Asia":      {survey{multibyte: true, wide: true}, severalOctets[0], "utf-8"},
		"Japanese":                     {survey{escapes: true}, "", "iso-2022-jp"},
		"escapes in UTF-8":             {survey{escapes: true, multibyte: true}, "", "utf-8"},
		"escapes and none":             {survey{escapes: true, line: 1}, "", ""},
	} {
		if got := c.found.charset(c.said); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestUTF16WithoutAMark: a part of a message in UTF-16 is read in either order of octets,
// which a mark tells, or else the zero octets of its letters.
func TestUTF16WithoutAMark(t *testing.T) {
	const text = "Hello {{.name}}"
	le := strings.Join(strings.SplitAfter(text, ""), "\x00") + "\x00"
	be := "\x00" + strings.TrimSuffix(le, "\x00")
	for name, octets := range map[string]string{
		"big-endian": be, "little-endian": le, "big-endian, marked": "\xfe\xff" + be, "little-endian, marked": "\xff\xfe" + le,
	} {
		if got, err := toUTF8("UTF-16", []byte(octets)); got != text || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if got, err := toUTF8("utf-16", []byte("\x42\x30")); got != "あ" || err != nil { // nothing tells
		t.Errorf("got %q, %v", got, err)
	}
}
