package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
)

// TestCharactersAtTheirBounds looks at the first and the last character of each range
// that is told apart, and at their neighbours.
func TestCharactersAtTheirBounds(t *testing.T) {
	is := func(want bool, f func(rune) bool, name string, all ...rune) {
		for _, r := range all {
			if f(r) != want {
				t.Errorf("%s(%U) is %v", name, r, !want)
			}
		}
	}
	is(true, isInvisible, "isInvisible", 0xad, 0x200b, 0x2060, 0xfeff, 0x200e, 0xe0001)
	is(false, isInvisible, "isInvisible", 'a', ' ', 0x200c, 0x200d, 0xe0020, 0xe0041, 0xe007f)
	is(true, isUnseen, "isUnseen", 0x200c, 0x200d, 0xfe00, 0xfe0f, 0x3164, 0xe0020, 0xe007f, 0xe0100)
	is(false, isUnseen, "isUnseen", 0x200b, 0x200e, 0xfdff, 0xfe10, 0x3163, 0xe0001, 'a')
	is(true, isDirection, "isDirection", 0x61c, 0x200e, 0x200f, 0x202a, 0x202c, 0x202e, 0x2066, 0x2069)
	is(false, isDirection, "isDirection", 0x61b, 0x61d, 0x200d, 0x2010, 0x2029, 0x202f, 0x2065, 0x206a)
	is(true, isAtext, "isAtext", 'a', 'Z', '0', '!', '~', '`', 0xa1, 'ü', '漢')
	is(false, isAtext, "isAtext", ' ', '"', '(', '@', '.', 0x1f, 0x7f, 0x80, 0x9f, 0xa0)
	is(true, func(r rune) bool { return withoutC1(r) == utf8.RuneError }, "withoutC1", 0x80, 0x85, 0x9f)
	is(true, func(r rune) bool { return withoutC1(r) == r }, "kept by withoutC1", 0x7f, 0xa0, 'a', 0x20ac)
	for c := range 256 {
		want := strings.ContainsRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", rune(c)) && c < 0x80
		if isAlnum(byte(c)) != want {
			t.Errorf("isAlnum(%q) is %v", byte(c), !want)
		}
	}
}

// TestURIsAreASCII encodes every octet that is none, the first and the last of them too.
func TestURIsAreASCII(t *testing.T) {
	for in, want := range map[string]string{
		"a?b=c&d=%20~\x7f": "a?b=c&d=%20~\x7f", "\x80": "%80", "\xff": "%FF", "€": "%E2%82%AC", "xüy": "x%C3%BCy", "": "",
	} {
		if got := percentEncodeHigh(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestLongestLineThatIsKept: a line of 998 octets may go as it is (RFC 5322 2.1.1), and
// no longer one.
func TestLongestLineThatIsKept(t *testing.T) {
	for n, want := range map[int]bool{maxLine - 1: true, maxLine: true, maxLine + 1: false} {
		text := "a\n" + strings.Repeat("x", n) + "\nb\n"
		for _, encoding := range []string{"7bit", "8bit"} {
			if body, ok := encodeAs(encoding, text); ok != want || ok && body != strings.ReplaceAll(text, "\n", "\r\n") {
				t.Errorf("%s, %d octets: got %v", encoding, n, ok)
			}
		}
	}
	for text, ascii := range map[string]bool{"": true, "a\x00~\x7f": true, "\x80": false, "a\x80": false, "\xff": false, "ü": false} {
		if isASCII(text) != ascii {
			t.Errorf("%q is ASCII: %v", text, !ascii)
		}
	}
	if _, ok := encodeAs("7bit", "ü\n"); ok {
		t.Error("8-bit text goes as 7bit")
	}
	if maxLine != 998 {
		t.Errorf("lines have %d octets at most, want 998", maxLine)
	}
}

// TestAddressesSayWhatIsWrong names the part of an address that is missing.
func TestAddressesSayWhatIsWrong(t *testing.T) {
	for address, want := range map[string]string{
		"": "no address", "anna": "no @", "@x.example": "nothing before the @", "anna@": "after the @", "@": "nothing before the @",
		"anna@x.example,bob@x.example": "more than one address", "a@b@x.example": "before the @", "anna@x.example\n": "a control character", "\x00anna@x.example": "a control character",
		"anna\xff@x.example": "not UTF-8", "anna@[192.0.2.1": "address literal", "anna@[192.0.2.300]": "address literal",
	} {
		if err := checkAddress(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
	}
	for _, address := range []string{"a@b", "anna@x.example", `"a@b, c"@x.example`, "anna@[192.0.2.1]", "anna@[IPv6:2001:db8::1]"} {
		if err := checkAddress(address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestNamesOfFields have printable ASCII, and blanks behind them only.
func TestNamesOfFields(t *testing.T) {
	for line, want := range map[string]string{
		"Subject: x": "subject", "Subject \t: x": "subject", "!~: x": "!~", "a:": "a",
		"Sub ject: x": "", " Subject: x": "", "Sub\x7fject: x": "", "Sub\x80ject: x": "", "Subject": "", ": x": "", " : x": "", "": "",
	} {
		if name, ok := fieldName([]byte(line)); ok != (want != "") || ok && name != want {
			t.Errorf("%q: got %q, %v, want %q", line, name, ok, want)
		}
	}
}

// TestRepliesThatNameALimit are counted, whatever else is refused or accepted.
func TestRepliesThatNameALimit(t *testing.T) {
	for text, want := range map[string]int64{
		"400 4.7.0 too many messages": 1, "450 4.7.0 too many messages": 1, "550 5.7.0 too many messages": 1,
		"250 2.0.0 too many messages": 0, "399 too many messages": 0, "550 5.1.1 no such user": 0,
	} {
		code, err := strconv.Atoi(text[:3])
		if err != nil {
			t.Fatal(err)
		}
		var c campaign
		c.replied(smtpace.ReplyRead{Stage: classify.StageRcpt, Reply: &classify.Reply{Code: code, Text: text[4:]}})
		if got := c.throttled.Load(); got != want {
			t.Errorf("%s: counted %d times, want %d", text, got, want)
		}
	}
}

// TestWhatIsPercentEncoded is all that may not stand in a part of a URI (RFC 3986), and
// nothing else; what is unreserved stays everywhere.
func TestWhatIsPercentEncoded(t *testing.T) {
	const unreserved = "-._~"
	for c := range 0x80 {
		s := string(rune(c))
		plain := isAlnum(byte(c)) || strings.Contains(unreserved, s)
		if got := percentEncode(s, unreserved); (got == s) != plain || !plain && got != fmt.Sprintf("%%%02X", c) {
			t.Errorf("%q: got %s", s, got)
		}
	}
	if got := percentEncode("ü/a b", unreserved+"/"); got != "%C3%BC/a%20b" {
		t.Errorf("got %s", got)
	}
}

// TestLinesBeginAndEnd where a line feed stands, also the first octet.
func TestLinesBeginAndEnd(t *testing.T) {
	p := &parser{raw: []byte("\na\n\nbc")}
	for at, want := range []int{1, 3, 3, 4, 6, 6} {
		if got := p.lineEnd(at, len(p.raw)); got != want {
			t.Errorf("from %d the line ends at %d, want %d", at, got, want)
		}
	}
	if got := p.lineEnd(0, 0); got != 0 {
		t.Errorf("of nothing the line ends at %d", got)
	}
}

// TestNULsAreFaults, wherever they stand.
func TestNULsAreFaults(t *testing.T) {
	for _, body := range []string{"\x00", "\x00abc\r\n", "abc\x00", "abc\r\n\x00\r\n"} {
		if got := (&parser{}).fault([]byte(body), "8bit"); got != "a NUL" {
			t.Errorf("%q: got %q", body, got)
		}
	}
	for _, header := range []string{"\x00Subject: x\n", "Subject: \x00\n", "Subject: x\n\x00\n", "Subject: x\n \x00\n"} {
		if _, err := parseTemplate("m.eml", []byte("From: n@sender.example\n"+header+"\nHello\n"), crowdTerms); err == nil || !strings.Contains(err.Error(), "a NUL in the header") {
			t.Errorf("%q: got %v", header, err)
		}
	}
}

// TestWhatStandsAtTheBeginning of a text counts as it does elsewhere.
func TestWhatStandsAtTheBeginning(t *testing.T) {
	for before, want := range map[string]linkPart{
		"": linkStart, "//": linkQuery, "https://": linkQuery, "//x.example/": linkPath, "https://x.example/a": linkPath, "a": linkPath, "?a=": linkQuery, "#": linkQuery,
		"mailto:": linkMailto, "MAILTO:a": linkMailto, "mailto": linkPath,
	} {
		if got := partOf(before); got != want {
			t.Errorf("behind %q a value is part %d of a link, want %d", before, got, want)
		}
	}
	for line, want := range map[string]bool{"\rabc\r\n": true, "abc\rd\n": true, "abc\r\n": false, "\r\n": false, "": false} {
		var s survey
		if s.look([]byte(line), 1); s.returns != want {
			t.Errorf("%q has a lone carriage return: %v", line, s.returns)
		}
	}
	for text, want := range map[string]int{"}}": 0, "}} x": 0, "a}}": 1, "{a}}": 2, "{{a:b}}": -1, "{{a}}": 3, "}": -1, "} }": -1, "": -1} {
		if got := strayEnd(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
	for _, text := range []string{"{{name}} Hi", "Hi {{name}}", "}} Hi"} {
		if _, err := parseTemplate("m.eml", []byte("From: n@sender.example\n\n"+text), crowdTerms); err == nil || !strings.Contains(err.Error(), "is no placeholder") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	twice := columns{names: []string{"Name", "email", "NAME"}, email: 1}
	if _, err := twice.find("name"); err == nil || !strings.Contains(err.Error(), `may be the column "Name" or "NAME"`) {
		t.Errorf("of two columns of one name: got %v", err)
	}
	c := columns{names: []string{"Name", "email", "Zip"}, email: 1}
	for name, want := range map[string]int{"Name": 0, "email": 1, "Zip": 2, "name": 0, "EMAIL": 1} {
		if got, err := c.find(name); err != nil || got != want {
			t.Errorf("%s is column %d, %v, want %d", name, got, err, want)
		}
	}
}
