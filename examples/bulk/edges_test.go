package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
)

// parseFlags reads a command line with everything that is needed, and more.
func parseFlags(t *testing.T, more ...string) (options, error) {
	t.Helper()
	t.Setenv("BULK_TEST_PASSWORD", "canary")
	return parseOptions(append([]string{
		"-relay", "mail.example.com:25", "-from", "n@sender.example", "-to", "list", "-message", "m.eml",
	}, more...), io.Discard)
}

// TestFlagsAtTheirBounds takes values that are just allowed.
func TestFlagsAtTheirBounds(t *testing.T) {
	login := []string{"-tls", "none", "-user", "u", "-password-env", "BULK_TEST_PASSWORD", "-relay"}
	for name, c := range map[string]struct {
		args []string
		want string // in the error; "" is none
	}{
		"as many as the relay":          {[]string{"-connections", "5", "-domain-limit", "a.example=connections:5"}, ""},
		"one more than the relay":       {[]string{"-connections", "4", "-domain-limit", "a.example=connections:5"}, "contradict"},
		"more than the only one":        {[]string{"-connections", "1", "-domain-limit", "a.example=connections:2"}, "contradict"},
		"many, and no bound":            {[]string{"-domain-limit", "a.example=connections:500"}, ""},
		"as fast as the relay":          {[]string{"-rate", "60/m", "-domain-limit", "a.example=rate:1/s"}, ""},
		"a little faster":               {[]string{"-rate", "59/m", "-domain-limit", "a.example=rate:1/s"}, "contradicts"},
		"no rate of the domain":         {[]string{"-rate", "1/h", "-domain-limit", "a.example=connections:1"}, ""},
		"one connection":                {[]string{"-connections", "1"}, ""},
		"lowest port":                   {[]string{"-relay", "h:1"}, ""},
		"highest port":                  {[]string{"-relay", "h:65535"}, ""},
		"no port":                       {[]string{"-relay", "h:0"}, "-relay"},
		"shortest expiry":               {[]string{"-expire", "1ns"}, ""},
		"no expiry":                     {[]string{"-expire", "0s"}, "-expire"},
		"charset":                       {[]string{"-charset", "Windows-1252"}, ""},
		"empty charset":                 {[]string{"-charset", ""}, "-charset"},
		"changed without -resume":       {[]string{"-changed"}, "belong to -resume"},
		"skip without -resume":          {[]string{"-unknown", "skip"}, ""},
		"resume, changed":               {[]string{"-resume", "-changed", "-unknown", "resend", "-report", "r"}, ""},
		"login to a number":             {append(login, "192.0.2.1:25"), "clear text"},
		"login to a name":               {append(login, "localhost.example:25"), "clear text"},
		"login to this host":            {append(login, "LocalHost:25"), ""},
		"login to this host's number":   {append(login, "127.8.0.1:25"), ""},
		"login to this host's IPv6":     {append(login, "[::1]:25"), ""},
		"placeholder in from":           {[]string{"-from", "b+{{.email}}@x.example"}, ""},
		"limit of an address literal":   {[]string{"-domain-limit", "[192.0.2.1]=connections:1"}, ""},
		"-auth without user":            {[]string{"-auth", "plain"}, "-auth needs -user"},
		"-helo in brackets":             {[]string{"-helo", "[192.0.2.1]"}, ""},
		"-helo beyond ASCII":            {[]string{"-helo", "bücher.example"}, "-helo"},
		"DKIM key without selector":     {[]string{"-dkim-key", "k"}, "need -dkim-selector"},
		"DKIM domain without selector":  {[]string{"-dkim-domain", "a.example"}, "need -dkim-selector"},
		"DKIM selector without key":     {[]string{"-dkim-selector", "s"}, "needs -dkim-key"},
		"key without certificate":       {[]string{"-cert-key", "k"}, "-cert-key needs -cert"},
		"authorities and no encryption": {[]string{"-tls", "none", "-ca", "/nowhere"}, "-ca and -cert need TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseFlags(t, c.args...)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	o, err := parseFlags(t, "-charset", "Latin1", "-unknown", "resend", "-resume", "-report", "r", "-auth", "plain", "-user", "u", "-password-env", "BULK_TEST_PASSWORD",
		"-domain-limit", "[IPv6:2001:DB8::1]=connections:3", "-domain-limit", "Bücher.Example.=rate:2/s", "-expire", "90m", "-connections", "7", "-helo", "h.example", "-progress", "on")
	if err != nil {
		t.Fatal(err)
	}
	if o.list.charset != "iso-8859-1" || !o.resend || o.relay.Auth != "PLAIN" || o.expire != 90*time.Minute || o.relay.Limits.Connections != 7 ||
		o.relay.HELO != "h.example" || o.progress != "on" {
		t.Errorf("got %+v", o)
	}
	if o.destinations["[IPv6:2001:DB8::1]"].Connections != 3 || o.destinations["xn--bcher-kva.example"].MessageRate.Count != 2 || len(o.destinations) != 2 {
		t.Errorf("limits of domains: %+v", o.destinations)
	}
}

// TestWhatWaitsFitsIntoMemory bounds the messages that are taken from the list by
// what they occupy.
func TestWhatWaitsFitsIntoMemory(t *testing.T) {
	for size, want := range map[int]int{
		0: maxPulled / pulledCost, 1 << 20: maxPulled / (1<<20 + pulledCost), 8 << 20: 100, 100 << 20: 100,
	} {
		c := &campaign{template: &template{size: size}, console: newConsole(io.Discard)}
		cfg := c.config()
		if cfg.MaxQueued != want || cfg.MaxHeld != min(want, mostHeld) {
			t.Errorf("template of %d octets: %d messages, %d of them rendered; want %d", size, cfg.MaxQueued, cfg.MaxHeld, want)
		}
	}
}

// TestASCIILetters goes over all octets.
func TestASCIILetters(t *testing.T) {
	for i := range 256 {
		c := byte(i)
		ascii := c < 0x80
		letter := ascii && unicode.IsLetter(rune(c))
		if got := isLetter(c); got != letter {
			t.Errorf("%q: a letter: %v", c, got)
		}
		if want := ascii && (letter || unicode.IsDigit(rune(c))); isAlnum(c) != want {
			t.Errorf("%q: a letter or digit: %v", c, !want)
		}
		want := c
		if letter {
			want = byte(unicode.ToLower(rune(c)))
		}
		if got := lower(c); got != want {
			t.Errorf("%q in lower case: %q", c, got)
		}
		if got := isPrintable("a" + string([]byte{c})); got != (ascii && unicode.IsPrint(rune(c))) {
			t.Errorf("%q: printable: %v", c, got)
		}
	}
}

func TestTidyAddressEdges(t *testing.T) {
	for in, want := range map[string]string{
		"mailto:": "mailto:", "mailto:a": "a", "MailTo:ann@x.example": "ann@x.example",
		"<>": "", "Ann <ann@x.example>": "ann@x.example", " <ann@x.example> ": "ann@x.example", "ann@x.example>": "ann@x.example>",
		"a<b@x.example": "a<b@x.example", "\u200bann@x.example": "ann@x.example", "a\u200dnn@x.example": "ann@x.example",
	} {
		if got, _ := tidyAddress(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestKeysOfAddresses: two addresses that reach one mailbox are one.
func TestKeysOfAddresses(t *testing.T) {
	same := [][]string{
		{"ann@example.com", "Ann@EXAMPLE.com", "ann@example.com.", `"ann"@example.com`},
		{"a@bücher.example", "A@xn--bcher-kva.example", "a@BÜCHER.example"},
		{`"a b"@example.com`, `"A b"@example.com`}, {`"a..b"@example.com`, "a..b@example.com"},
		{`"ann@example.com`}, {`a"@example.com`}, {"ann.example.com"}, {"ann+x@example.com"}, {`"a\b"@example.com`}, {`ab@example.com`}, {""},
	}
	seen := map[recipientKey]int{}
	for i, group := range same {
		for _, address := range group {
			if known, ok := seen[keyOf(address)]; ok && known != i {
				t.Errorf("%s has the key of %s", address, same[known][0])
			} else if !ok && address != group[0] {
				t.Errorf("%s has another key than %s", address, group[0])
			}
			seen[keyOf(address)] = i
		}
	}
}

// TestWhatARecordMeansLater has each kind of record.
func TestWhatARecordMeansLater(t *testing.T) {
	const id = campaignID("x")
	for _, c := range []struct {
		record record
		want   ending
	}{
		{record{Status: smtpace.Delivered}, endedDelivered},
		{record{Status: smtpace.Delivered, Ambiguous: 2}, endedDelivered},
		{record{Status: smtpace.Refused, Tries: 1, Code: 550, Campaign: id}, endedRefused},
		{record{Status: smtpace.Refused, Code: 550, Campaign: id}, endedRefused},
		{record{Status: smtpace.Refused, Tries: 1, Campaign: id}, endedRefused},
		{record{Status: smtpace.Refused}, endedRefused}, // of a version without identities
		{record{Status: smtpace.Refused, Campaign: id}, endedBadLine},
		{record{Status: smtpace.Unknown}, endedUnknown},
		{record{Status: smtpace.GaveUp, Ambiguous: 1}, endedUnknown},
		{record{Status: smtpace.NotTried, Ambiguous: 1}, endedUnknown},
		{record{Status: smtpace.GaveUp, Tries: 9}, endedOpen},
		{record{Status: smtpace.NotTried}, endedOpen},
	} {
		if got := c.record.ending(); got != c.want {
			t.Errorf("%+v: got %d, want %d", c.record, got, c.want)
		}
	}
	if !(endedOpen < endedBadLine && endedBadLine < endedUnknown && endedUnknown < endedRefused && endedRefused < endedDelivered) {
		t.Error("of several records the wrong one would count")
	}
}

func TestSummaryCountsEveryWay(t *testing.T) {
	var s summary
	for i, status := range []smtpace.Status{smtpace.Delivered, smtpace.Refused, smtpace.GaveUp, smtpace.NotTried, smtpace.Unknown} {
		for range i + 1 {
			s.add(record{Status: status, Tries: 2, Ambiguous: 1})
		}
	}
	if want := (summary{Messages: 15, Delivered: 1, Refused: 2, GaveUp: 3, NotTried: 4, Unknown: 5, Ambiguous: 15, Tries: 30}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	reply := &smtpace.Recipient{Address: "a@b", Status: smtpace.Refused, Tries: 3, Attempts: 2, Ambiguous: 1, Class: classify.ClassBadMailbox,
		Reply: &classify.Reply{Code: 550, Enhanced: "5.1.1", Text: "no"}, Err: errors.New("other")}
	got := newRecord(reply, 1234567*time.Microsecond)
	if want := (record{Address: "a@b", Status: smtpace.Refused, Code: 550, Enhanced: "5.1.1", Text: "no", Class: classify.ClassBadMailbox, Tries: 3, Attempts: 2, Ambiguous: 1, Seconds: 1.235}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := newRecord(&smtpace.Recipient{Err: io.EOF}, 0); got.Text != "EOF" || got.Code != 0 {
		t.Errorf("without a reply: %+v", got)
	}
}

// TestTextsAtTheirBounds: what just fits stays as it is, and one more does not.
func TestTextsAtTheirBounds(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int // the length that fits
		fits func(n int) bool
	}{
		{"a header line", maxHeaderLine - len("Subject: "), func(n int) bool {
			return !strings.Contains(unstructured("Subject", strings.Repeat("a", n/2)+" "+strings.Repeat("b", n-n/2-1)), "\r\n")
		}},
		{"a folded line", maxHeaderLine - 1, func(n int) bool {
			folded, ok := fold(0, strings.Repeat("x", 40)+" "+strings.Repeat("a", n/2)+" "+strings.Repeat("b", n-n/2-1))
			return ok && strings.Count(folded, "\r\n") == 1
		}},
		{"a word in a header", maxLine - 1, func(n int) bool { _, ok := fold(0, "a "+strings.Repeat("x", n)); return ok }},
		{"an encoded word", maxEncodedLine - len(wordOpening) - len(wordClosing) - len("Subject: "), func(n int) bool {
			return !strings.Contains(encodedWords(len("Subject: "), strings.Repeat("a", n)), "\r\n")
		}},
		{"a further encoded word", maxEncodedLine - len(wordOpening) - len(wordClosing) - 1, func(n int) bool {
			return strings.Count(encodedWords(maxEncodedLine-len(wordOpening)-len(wordClosing)-1, "a"+strings.Repeat("b", n)), "\r\n") == 1
		}},
		{"base64", maxEncodedLine, func(n int) bool { return !strings.Contains(wrap(strings.Repeat("a", n)), "\r\n") }},
		{"a line of a body", maxLine, func(n int) bool { _, ok := encodeAs("7bit", "a\n"+strings.Repeat("x", n)+"\n"); return ok }},
		{"a line of a file", maxLine, func(n int) bool { return (&parser{}).fault([]byte("a\r\n"+strings.Repeat("x", n)+"\r\n"), "") == "" }},
		{"a display name on one line", maxHeaderLine - len(`To: "" <a@x.example>`), func(n int) bool {
			return !strings.Contains(formatMailbox(len("To: "), strings.Repeat("n", n), "a@x.example"), "\r\n")
		}},
		{"a further mailbox on one line", maxHeaderLine - len(` "" <b@x.example>`), func(n int) bool {
			got := render(t, "From: A <a@sender.example>, \""+strings.Repeat("n", n)+"\" <b@x.example>\nSender: a@sender.example\nReply-To: A <a@x.example>, {{.name}} <b@x.example>\n\nx\n", strings.Repeat("n", n), "")
			return strings.Contains(got, "Reply-To: \"A\" <a@x.example>,\r\n \""+strings.Repeat("n", n)+"\" <b@x.example>\r\n")
		}},
		{"a display name as it is", maxLine/2 - 2, func(n int) bool { return formatMailbox(0, strings.Repeat("n", n), "a@x.example")[0] == '"' }},
		{"a line of a screen", 20, func(n int) bool { return cut(strings.Repeat("ä", n), 20) == strings.Repeat("ä", n) }},
		{"a line of links", maxLine - len("List-Help:"), func(n int) bool {
			text, err := parsePhrase("<{{.name}}>", people)
			return err == nil && uriField{"List-Help", text}.check([]string{strings.Repeat("x", n-2), "", ""}, people) == nil
		}},
		{"a field of the file", maxLine, func(n int) bool { return longestLine([]byte("a\r\n"+strings.Repeat("x", n)+"\r\n")) <= maxLine }},
		{"progress", len("0 % 0/9 1.0/s"), func(n int) bool {
			return progress{total: 9, rate: 1}.short(len("0 % 0/9 1.0/s")*2-n) == "0 % 0/9 1.0/s"
		}},
	} {
		if !c.fits(c.n) {
			t.Errorf("%s: %d do not fit", c.name, c.n)
		}
		if c.fits(c.n + 1) {
			t.Errorf("%s: %d fit, want %d at most", c.name, c.n+1, c.n)
		}
	}
	if got := cut("abcdef", 4); got != "abc…" {
		t.Errorf("cut: %q", got)
	}
	if got := cut("abc", 0); got != "…" {
		t.Errorf("cut to nothing: %q", got)
	}
}

func TestDurationsAtTheirBounds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 s", 1400 * time.Millisecond: "1 s", 1600 * time.Millisecond: "2 s", 99 * time.Second: "99 s",
		100 * time.Second: "2 min", 99 * time.Minute: "99 min", 100 * time.Minute: "2 h", 71 * time.Hour: "71 h", 72 * time.Hour: "3 days", 95 * time.Hour: "3 days",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
	for rate, want := range map[float64]string{9.94: "0 % 0/0 9.9/s", 10: "0 % 0/0 10/s"} {
		if got := strings.Replace(progress{rate: rate}.short(80), "100 %", "0 %", 1); got != want {
			t.Errorf("%v a second: %q", rate, got)
		}
	}
}

// TestLookalikesAreShownShort: what is shown of a placeholder that is none is one
// line of at most 60 characters.
func TestLookalikesAreShownShort(t *testing.T) {
	for text, want := range map[string]string{
		"{{" + strings.Repeat("ü", 56) + "}}":   "{{" + strings.Repeat("ü", 56) + "}} is no placeholder",
		"{{" + strings.Repeat("ü", 57) + "}}":   "{{" + strings.Repeat("ü", 57) + "}... ",
		"{{na\nme}} x":                          "{{na begins like a placeholder",
		"a {{ name }} b":                        "{{ name }} is no placeholder: write {{.name}}",
		"a {{}} b":                              "write {{.name of a column}}",
		"closed only }} here":                   "closed only }} is no placeholder",
		strings.Repeat("x", 40) + " name}} end": strings.Repeat("x", 25) + " name}} is no placeholder",
	} {
		err := (&parser{terms: terms{columns: people}}).lookalikes(text, false)
		if err == nil && strings.Contains(text, "closed only") || err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// TestLinksOfFields: a value that is a whole URI is checked, one in a part of a URI
// or in a comment is not.
func TestLinksOfFields(t *testing.T) {
	if got := render(t, "From: n@sender.example\nList-Help: =?utf-8?q?<https://x.example/=7B=7B.name=7D=7D>?=\n\nx\n", "Ann", ""); !strings.Contains(got, "List-Help: <https://x.example/Ann>\r\n") {
		t.Errorf("a link in an encoded word: got %q", got)
	}
	for _, c := range []struct {
		field string
		value string
		fine  bool
	}{
		{"<{{.name}}>", "https://x.example/u", true}, {"<{{.name}}>", "javascript:x", false}, {"<mailto:a@b>, <{{.name}}>", "data:x", false},
		{"<https://x.example/?u={{.name}}>", "javascript:x", true}, {"<{{.name}}>", "no scheme", true}, {"<{{.name}}>", "MAILTO:a@b", true},
		{"(see {{.name}}) <mailto:a@b>", "javascript:x", true}, {"<https://{{.name}}/>", "x y", true},
	} {
		text, err := parsePhrase(" "+c.field, people)
		if err != nil {
			t.Fatal(err)
		}
		f := uriField{"List-Unsubscribe", text.escapeInBrackets()}
		if err := f.check([]string{c.value, "", ""}, people); (err == nil) != c.fine {
			t.Errorf("%s with %q: %v", c.field, c.value, err)
		}
	}
}

// TestValuesThatBeginLinks: of two values in a row the first begins the link.
func TestValuesThatBeginLinks(t *testing.T) {
	for field, want := range map[string][2]bool{
		"<{{.name}}{{.Email}}>": {true, false}, "<{{.name}}>, <{{.Email}}>": {true, true}, "<https:{{.name}}>, <{{.Email}}/x>": {false, true}, "{{.name}} <{{.Email}}>": {false, true},
	} {
		text, err := parsePhrase(field, people)
		if err != nil {
			t.Fatal(err)
		}
		slots := text.escapeInBrackets().slots
		if got := [2]bool{slots[0].link, slots[1].link}; got != want {
			t.Errorf("%s: the values begin links: %v, want %v", field, got, want)
		}
	}
}

// TestValuesOutsideBrackets: in the comments of a field of URIs values are text, but within
// a link.
func TestValuesOutsideBrackets(t *testing.T) {
	for field, want := range map[string]bool{"(see https://x.example/?u={{.name}}) <mailto:a@b>": true, "(see {{.name}}) <mailto:a@b>": false} {
		text, err := parsePhrase(field, people)
		if err != nil {
			t.Fatal(err)
		}
		if escape := text.escapeInBrackets().slots[0].escape; (escape != nil) != want {
			t.Errorf("%s: the value is escaped: %v, want %v", field, escape != nil, want)
		}
	}
}

// TestMendedFields: fields that some receivers refuse are written anew and say the
// same; what cannot be is a mistake.
func TestMendedFields(t *testing.T) {
	long := strings.Repeat("x", 60)
	ids := strings.TrimSpace(strings.Repeat("<"+long+"@example.com> ", 20))
	for name, c := range map[string]struct{ field, want, mistake string }{
		"file name":          {"Content-Disposition: inline; filename=\"Grüße.txt\"", "Grüße.txt", ""},
		"file name too long": {"Content-Disposition: inline; filename=\"" + strings.Repeat("long ", 220) + "\"", "", "that cannot be mended"},
		"unreadable":         {"Content-Disposition: ;;; ä", "", "Content-Disposition: "},
		"references":         {"References: " + ids, ids, ""},
		"links":              {"List-Help: <https://x.example/ä>", "<https://x.example/%C3%A4>", ""},
		"too long":           {"Message-X: a\nReferences: <" + strings.Repeat("x", 1000) + ">", "", "that cannot be mended"},
		"as it may be":       {"X-A: " + strings.Repeat("x", maxLine-len("X-A: ")), strings.Repeat("x", maxLine-len("X-A: ")), ""},
		"one too long":       {"X-A: " + strings.Repeat("x", maxLine-len("X-A: ")+1), strings.Repeat("x", maxLine-len("X-A: ")+1), ""},
		"raw, addresses":     {"Reply-To: Jörg <j@x.example>", `=?utf-8?q?J=C3=B6rg?= <j@x.example>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			raw := "From: n@sender.example\n" + c.field + "\n\nx\n"
			tmpl, err := parseTemplate("m.eml", []byte(raw), crowdTerms)
			if c.mistake != "" {
				if err == nil || !strings.Contains(err.Error(), c.mistake) {
					t.Errorf("got %v, want %q", err, c.mistake)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := string(tmpl.appendTo(nil, mailing{from: "n@sender.example", address: "a@x.example", values: []string{"", "", ""}}))
			for line := range strings.SplitSeq(got, "\r\n") {
				if len(line) > maxLine || !isASCII(line) {
					t.Errorf("a line of %d octets: %.80q", len(line), line)
				}
			}
			field, _, _ := strings.Cut(c.field, ":")
			header, _ := parse(t, got)
			value := header.Get(field)
			if _, params, err := mime.ParseMediaType(value); field == "Content-Disposition" && err == nil {
				value = params["filename"]
			} else if decoded, err := new(mime.WordDecoder).DecodeHeader(value); err == nil && strings.HasPrefix(field, "X-") {
				value = decoded
			}
			if value != c.want {
				t.Errorf("got %.100q, want %.100q", value, c.want)
			}
		})
	}
	// A checksum of the body is wrong when the body is encoded anew.
	raw := "From: n@sender.example\nContent-MD5: abc\nX-Kept: yes\n\n" + strings.Repeat("y", maxLine+1) + "\n"
	if got := render(t, raw, "", ""); strings.Contains(got, "Content-MD5") || !strings.Contains(got, "X-Kept: yes\r\n") {
		t.Errorf("got %.300q", got)
	}
}

// TestNestedMultiparts reads as deep as 20.
func TestNestedMultiparts(t *testing.T) {
	message := func(depth int) []byte {
		var head, tail string
		for i := range depth {
			head += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
			tail = fmt.Sprintf("\n--b%d--\n", i) + tail
		}
		return []byte("From: n@sender.example\n" + head + "\nHi {{.name}}" + tail)
	}
	if _, err := parseTemplate("m.eml", message(maxDepth), crowdTerms); err != nil {
		t.Error(err)
	}
	if _, err := parseTemplate("m.eml", message(maxDepth+1), crowdTerms); err == nil || !strings.Contains(err.Error(), "nested more than 20 deep") {
		t.Errorf("one deeper: %v", err)
	}
}

// TestNotesAreBounded: of many oddities the first 20 are told, and how many there
// are.
func TestNotesAreBounded(t *testing.T) {
	for n, want := range map[int]int{maxNotes: maxNotes, maxNotes + 1: maxNotes + 1, 50: maxNotes + 1} {
		r := &recipients{known: map[recipientKey]known{}}
		r.leaveOut(row{line: 1, address: "a@x.example"})
		for i := range n {
			if !r.leaveOut(row{line: i + 2, address: "A@X.example"}) {
				t.Fatal("a second entry is not left out")
			}
		}
		var out buffer
		r.tell(newConsole(&out), "list", "report")
		lines := strings.Count(out.String(), "\n")
		if lines != want || strings.Contains(out.String(), fmt.Sprintf("%d entries", n)) != (n > maxNotes) || !strings.Contains(out.String(), "line 1 already") {
			t.Errorf("%d repeated: %d lines\n%s", n, lines, out.String())
		}
		if r.leaveOut(row{line: 1, address: "a@x.example"}) || !r.leaveOut(row{line: 2, address: "a@x.example"}) {
			t.Error("read again, other entries are left out")
		}
	}
}

// TestThoseWithAnAnswerAreTold, each number from one on.
func TestThoseWithAnAnswerAreTold(t *testing.T) {
	for _, c := range []struct{ settled, unknown int }{{0, 0}, {1, 0}, {1, 1}, {3, 2}} {
		var out buffer
		(&recipients{settled: c.settled, unknown: c.unknown}).tell(newConsole(&out), "list", "report")
		for words, n := range map[string]int{" recipients have their answer in report": c.settled, " of them are unknown": c.unknown} {
			if told := strings.Contains(out.String(), strconv.Itoa(n)+words); told != (n > 0) || strings.Contains(out.String(), words) != (n > 0) {
				t.Errorf("%+v: got %q", c, out.String())
			}
		}
	}
}

// TestWhoIsLeftOut goes by how an earlier run has ended.
func TestWhoIsLeftOut(t *testing.T) {
	bad := errors.New("bad")
	for _, c := range []struct {
		end       ending
		err       error
		resend    bool
		out       bool
		settled   int
		uncertain int
	}{
		{endedOpen, nil, false, false, 0, 0}, {endedBadLine, nil, false, false, 0, 0}, {endedUnknown, nil, false, true, 1, 1},
		{endedUnknown, nil, true, false, 0, 0}, {endedRefused, nil, true, true, 1, 0}, {endedDelivered, nil, true, true, 1, 0},
		{endedOpen, bad, false, false, 0, 0}, {endedBadLine, bad, false, true, 0, 0}, {endedDelivered, bad, false, true, 0, 0},
	} {
		r := &recipients{known: map[recipientKey]known{keyOf("a@x.example"): {end: c.end}}, resend: c.resend}
		out := r.leaveOut(row{line: 3, address: "a@x.example", err: c.err})
		if out != c.out || r.settled != c.settled || r.unknown != c.uncertain {
			t.Errorf("%+v: left out %v, %d settled, %d unknown", c, out, r.settled, r.unknown)
		}
	}
}

// TestReportErrorsAreThoseOfTheFile: what a failing file says is passed on, once,
// and nothing else.
func TestReportErrorsAreThoseOfTheFile(t *testing.T) {
	full := errors.New("full")
	var lost bytes.Buffer
	r := &report{lost: &lost, file: &failingFile{room: 30, err: full}, end: 0}
	if err := r.add(record{Address: "a@x.example", Status: smtpace.Delivered}); !errors.Is(err, full) || err.Error() != "full" {
		t.Errorf("got %v, want %v", err, full)
	}
	if err := r.add(record{Address: "b@x.example", Status: smtpace.Delivered}); err != nil {
		t.Errorf("the error is told twice: %v", err)
	}
	if err := r.add(record{Address: "c@x.example", Status: smtpace.NotTried}); err != nil {
		t.Errorf("the error is told twice: %v", err)
	}
	for address, want := range map[string]bool{"a@x.example": true, "b@x.example": true, "c@x.example": false} {
		if strings.Contains(lost.String(), address) != want {
			t.Errorf("%s is among the lost records: %v", address, !want)
		}
	}
	if got := r.file.(*failingFile).text; len(got) != 0 {
		t.Errorf("half a line is left: %q", got)
	}
}

// failingFile takes room octets.
type failingFile struct {
	text []byte
	room int
	err  error
}

func (f *failingFile) Write(p []byte) (int, error) {
	n := min(len(p), f.room-len(f.text))
	f.text = append(f.text, p[:n]...)
	if n < len(p) {
		return n, f.err
	}
	return n, nil
}

func (f *failingFile) Truncate(size int64) error {
	f.text = f.text[:size]
	return nil
}

func (f *failingFile) Close() error { return nil }

// TestColumnsOfHeaders finds the column of the addresses.
func TestColumnsOfHeaders(t *testing.T) {
	for header, want := range map[string]string{
		"email": "email", "Name|E-Mail": "E-Mail", "Email Address|Email": "Email", "Courriel|x": "Courriel", "E-Mail 2|Name": "E-Mail 2", "x|y": "",
		"E-mail|Email address": "?", "Mail Address": "Mail Address", "e mail|E-MAIL": "?", "Email Address|Emailadresse": "?", "a|a|email": "email",
		"E-mail 2 Address|E-mail Address|E-mail 3 Address": "E-mail Address", "E-mail 2 - Value|E-mail 1 - Value": "E-mail 1 - Value",
		"Email 12|Email 9": "Email 9", "Email 1|E-Mail 1": "?", "Primary Email|Secondary Email": "Primary Email", "customer_email|Email Type": "customer_email",
		"Work Email|Home Email": "?", "Billing Email|Email": "Email", "Email opt-in|x": "", "User Email Address": "User Email Address", "Adresse de messagerie|x": "Adresse de messagerie",
	} {
		c, ok, err := newColumns(strings.Split(header, "|"), "")
		got := ""
		switch {
		case err != nil:
			got = "?"
		case ok:
			got = c.names[c.email]
		}
		if got != want {
			t.Errorf("%s: got %q, %v, want %q", header, got, err, want)
		}
	}
	if _, ok, err := newColumns([]string{"email", ""}, ""); !ok || err != nil {
		t.Errorf("two columns, one without a name: %v, %v", ok, err)
	}
	if c, ok, _ := newColumns([]string{"email", "Other  Mail"}, "other mail"); !ok || c.email != 1 {
		t.Errorf("the column that is wanted: %+v, %v", c, ok)
	}
	if _, ok, _ := newColumns([]string{"email"}, "other"); ok {
		t.Error("a column is found that was not wanted")
	}
	if i := slices.IndexFunc(charsets(), func(s string) bool { return s == "utf-8" }); i != 0 {
		t.Errorf("the usual charset is named as number %d", i)
	}
}

// TestIdentitiesOfMailings are of a form that later runs can compare.
func TestIdentitiesOfMailings(t *testing.T) {
	list, message := sha256.Sum256([]byte("list")), sha256.Sum256([]byte("message"))
	id, again := newCampaignID(list, message), newCampaignID(list, message)
	if !regexp.MustCompile(`^[A-Z2-7]{16}-[0-9a-f]{16}-[0-9a-f]{16}$`).MatchString(string(id)) || id == again {
		t.Errorf("identities %s and %s", id, again)
	}
	other := newCampaignID(message, message)
	for _, c := range []struct {
		then, now campaignID
		want      string
	}{
		{id, again, ""}, {id, other, "the list"}, {id, newCampaignID(list, list), "the message"}, {id, newCampaignID(message, list), "the list, the message"},
		{"", id, ""}, {"one-two", id, ""}, {id, "one", ""},
	} {
		if got := strings.Join(c.then.changed(c.now), ", "); got != c.want {
			t.Errorf("%s, then %s: %q changed, want %q", c.then, c.now, got, c.want)
		}
	}
	if got := id.continued(other); string(got[:16]) != string(id[:16]) || string(got[16:]) != string(other[16:]) {
		t.Errorf("%s continued with %s is %s", id, other, got)
	}
	ann, bob := keyOf("ann@x.example"), keyOf("bob@x.example")
	if a := id.messageID(ann); len(a) != 26 || a != id.continued(other).messageID(ann) || a == id.messageID(bob) || a == again.messageID(ann) {
		t.Errorf("Message-ID %s", a)
	}
}

// TestHelpFitsTheScreen breaks lines before the width, and not earlier than needed.
func TestHelpFitsTheScreen(t *testing.T) {
	for text, want := range map[string]string{
		"aaa bbb": "aaa bbb", "aaa bbbb": "aaa|bbbb", "üüü bbb": "üüü bbb", "": "", "aaaaaaaaa b": "aaaaaaaaa|b", "a b c d e": "a b c d|e", " a  b ": "a b",
	} {
		if got := strings.Join(wrapped(text, 7), "|"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	_, err := parseFlags(t, "-relay", "", "-from", "")
	if err == nil || strings.Count(err.Error(), "-relay") != 1 || strings.Count(err.Error(), "-from") != 1 {
		t.Errorf("what is missing is named as %v, want each once", err)
	}
}

// TestWhatIsNoUTF8IsShown with 20 octets before and behind.
func TestWhatIsNoUTF8IsShown(t *testing.T) {
	content := "a@x.example\n" + strings.Repeat("b", 25) + "\xf6" + strings.Repeat("c", 25) + "\nx\xe4\n"
	l, err := openList(writeFile(t, "list", content), listOptions{})
	if err == nil {
		l.close()
	}
	want := `list:2: the list is not in UTF-8. As windows-1252 "` + strings.Repeat("b", 20) + `\xf6` + strings.Repeat("c", 19) + `" is`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	for content, want := range map[string]string{"sep=;\nemail;n\na@x.example;1\n": "1", "SEP=|\nemail|n\na@x.example|2\n": "2", "sep=;x\nemail;n\na@x.example;3\n": "", "sep=\"\nemail,n\na@x.example,4\n": ""} {
		l, err := openList(writeFile(t, "list", content), listOptions{})
		if err != nil {
			if want != "" {
				t.Errorf("%q: %v", content, err)
			}
			continue
		}
		if got, err := readAll(l); want != "" && (err != nil || len(got) != 1 || !strings.HasSuffix(got[0], "|"+want)) {
			t.Errorf("%q: got %q, %v", content, got, err)
		}
		l.close()
	}
}

// TestTagsAreFollowed to where the next value stands.
func TestTagsAreFollowed(t *testing.T) {
	for text, want := range map[string]string{
		`<b/>V`: "text", `</b>V`: "text", `</b >V`: "text", `<b x=/>V`: "text", `<br/ title="V">`: "quoted", `<b/title="V">`: "quoted", `<b title = "V">`: "quoted",
		`<b title="V`: "quoted", `<b a=b title='V'>`: "quoted", `<b a=b/c title='V'>`: "quoted", "<b\ttitle='V'>": "quoted", "<b\f\ntitle='V'>": "quoted", `<b x title='V'>`: "quoted",
		`<b ="V">`: "mistake", `<b title=V>`: "mistake", `<b V>`: "mistake", `<b title="x"V>`: "mistake", `<style>V`: "mistake", `<SCRIPT>"V"`: "mistake",
		`<style></style>V`: "text", `<style></styl>V`: "mistake", `<style></STYLE >V`: "text", `</style>V`: "text", `<!x>V`: "text", `<?x?>V`: "text", `<!--x>V`: "text",
		`<1>V`: "text", `</1>V`: "text", `<b onclick="V">`: "mistake", `<b style="V">`: "mistake", `<b srcdoc="V">`: "mistake", `<b once="V">`: "mistake", `<b title="a>b" alt="V">`: "quoted",
	} {
		p, err := parsePhrase(strings.ReplaceAll(text, "V", "{{.name}}"), people)
		if err != nil {
			t.Fatal(err)
		}
		var m markup
		m.read(p.literals[0])
		_, err = m.slot(nil)
		got := "text"
		switch {
		case err != nil:
			got = "mistake"
		case m.place == inQuoted:
			got = "quoted"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestUnusedReports are those that have nothing of an earlier run.
func TestUnusedReports(t *testing.T) {
	full, empty := writeFile(t, "full", "a\nb\nc"), writeFile(t, "empty", "")
	for _, c := range []struct {
		report    string
		overwrite bool
		want      string
	}{{"", false, ""}, {full, true, ""}, {empty, false, ""}, {full + "x", false, ""}, {os.DevNull, false, ""}, {t.TempDir(), false, ""}, {full, false, "has 2 lines"}} {
		err := (&options{report: c.report, overwrite: c.overwrite}).checkUnused()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestPlaceholdersInPieces: what a reader sees as a placeholder is a mistake, though
// tags or codes stand within it; what nobody reads is none.
func TestPlaceholdersInPieces(t *testing.T) {
	for text, want := range map[string]bool{
		"<p>{<b>{name}</b>}</p>": true, "<p>{<!-- x -->{name}}</p>": true, "<p>&#123;{name}}</p>": true, "%7B%7Bname%7D%7D": true, "｛｛name｝｝": true,
		"<style>a{b{c:d}}</style>": false, "<script>f({{a:1}})</script>": true, "<p>{ {name} }</p>": false, "<p>{\u200b{name}}</p>": true, "<p>name}<i>}</i></p>": true,
	} {
		err := (&parser{terms: terms{columns: columns{names: []string{"x"}}}}).lookalikes(text, true)
		if (err != nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestFieldsThatStandOnce: of the fields that a message may have once (RFC 5322 3.6)
// the first is kept, of others all are.
func TestFieldsThatStandOnce(t *testing.T) {
	const message = "From: n@sender.example\n%[1]s: %[2]s\n%[1]s: %[2]s\n\nx\n"
	for name, want := range map[string]int{
		"Sender": 1, "Reply-To": 1, "Cc": 1, "To": 1, "Subject": 1, "In-Reply-To": 1, "References": 1, "MIME-Version": 1, "Content-Type": 1,
		"Content-Transfer-Encoding": 1, "Date": 1, "Message-ID": 1, "Comments": 2, "Keywords": 2, "X-A": 2, "List-Help": 2,
	} {
		value := "a@x.example"
		switch name {
		case "MIME-Version":
			value = "1.0"
		case "Content-Type":
			value = "text/plain"
		case "Content-Transfer-Encoding":
			value = "7bit"
		}
		got := render(t, fmt.Sprintf(message, name, value), "", "")
		if n := strings.Count("\r\n"+got, "\r\n"+name+": "); n != want {
			t.Errorf("%s: %d times, want %d", name, n, want)
		}
	}
	for name, earlier := range map[string]bool{"x-spam-score": true, "x-spam": true, "x-spa": false, "received": true, "received-": false, "x-received": true, "subject": false, "resent-to": true, "resent": false, "x-gm-": true} {
		f := field{name: name, raw: []byte(name + ": x\r\n")}
		if got := isEarlier(f, false); got != earlier {
			t.Errorf("%s is left out: %v", name, got)
		}
		if got := isEarlier(f, true); got != (name != "subject") {
			t.Errorf("%s of a received message is left out: %v", name, got)
		}
	}
}

// TestListsOfAddressesHaveNoColumns: where a column or a separator is named, the
// first line is a header.
func TestListsOfAddressesHaveNoColumns(t *testing.T) {
	for _, c := range []struct {
		content, column string
		want            []string // nil is a mistake
	}{
		{"a@x.example\nb@x.example\n", "", []string{"1 a@x.example", "2 b@x.example"}}, {"a@x.example\nb@x.example\n", "email", nil},
		{"email\na@x.example\n", "email", []string{"2 a@x.example"}}, {"email\na@x.example\n", "", []string{"2 a@x.example"}},
	} {
		l, err := openList(writeFile(t, "list", c.content), listOptions{column: c.column})
		if err != nil {
			if c.want != nil {
				t.Errorf("%q: %v", c.content, err)
			}
			continue
		}
		if got, err := readAll(l); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q, column %q: got %q, %v, want %q", c.content, c.column, got, err, c.want)
		}
		l.close()
	}
}
