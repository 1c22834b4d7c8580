package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestRotatedSetsAreReadInOrder(t *testing.T) {
	for _, tt := range []struct{ given, want string }{
		{"mail.log mail.log.1 mail.log.2.gz", "mail.log.2.gz mail.log.1 mail.log"},
		{"mail.log.1 mail.log.10.gz mail.log.2.gz mail.log", "mail.log.10.gz mail.log.2.gz mail.log.1 mail.log"},
		{"a/mail.log b/mail.log.1 a/mail.log.1 b/mail.log", "a/mail.log.1 a/mail.log b/mail.log.1 b/mail.log"},
		{"maillog maillog-20261122.gz maillog-20261115.gz", "maillog-20261115.gz maillog-20261122.gz maillog"},
		{"mainlog mainlog.20261122 mainlog.20261123.bz2", "mainlog.20261122 mainlog.20261123.bz2 mainlog"},
		{"mail.log mail.log-2026-11-22.gz mail.log-2026-11-23", "mail.log-2026-11-22.gz mail.log-2026-11-23 mail.log"},
		{"maillog maillog.0 maillog.1.gz", "maillog.1.gz maillog.0 maillog"},
		{"MSGTRK2026112301-1.LOG MSGTRK2026112302-1.LOG", "MSGTRK2026112301-1.LOG MSGTRK2026112302-1.LOG"},
		{"replies.txt other", "replies.txt other"},
	} {
		var got []string
		for _, f := range inOrder(strings.Fields(tt.given)) {
			got = append(got, f.name)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s are read as %s, want %s", tt.given, got, tt.want)
		}
	}
}

// postfixLine returns a line of Postfix's about one recipient.
func postfixLine(at, id, to, relay, status string) string {
	return at + " mail postfix/smtp[99]: " + id + ": to=<" + to + ">, relay=" + relay + ", delay=1, delays=0/0/0/1, dsn=4.0.0, status=" + status + "\n"
}

// The year turns between the files of a set, which the shell gives in the other order.
func TestASetOverTheTurnOfAYear(t *testing.T) {
	dir := t.TempDir()
	const relay, busy = "mx.example.net[192.0.2.1]:25", "deferred (host mx.example.net[192.0.2.1] refused to talk to me: 421 too many connections)"
	write := func(name, text string, packed bool) string {
		var b bytes.Buffer
		if packed {
			z := gzip.NewWriter(&b)
			z.Write([]byte(text))
			z.Close()
		} else {
			b.WriteString(text)
		}
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	names := []string{
		write("mail.log", postfixLine("Jan  1 00:10:00", "4C", "ann@example.net", relay, busy), false),
		write("mail.log.1", postfixLine("Dec 31 23:50:00", "4B", "ann@example.net", relay, busy), false),
		write("mail.log.2.gz", postfixLine("Dec 31 23:40:00", "4A", "ann@example.net", relay, busy), true),
	}
	stdout, stderr, status := execute(t, "", names...)
	if status != statusDone || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	mustHave(t, stdout, "connections, 3 times since Dec 31 23:40:00, last Jan  1 00:10:00\n",
		"when      Dec 31 23:40:00 to Jan  1 00:11:00, a sign is 1 minute\n",
		"refused   █·········█···················█\n")
}

// A log may be packed, in UTF-16, with marks of the order of bytes or without, and end
// its lines as it likes.
func TestEncodings(t *testing.T) {
	const text = "450 4.2.1 first\t\ta.example\n550 5.1.1 no such user ü\t\tb.example\n"
	utf16le := func(s string) []byte {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return b
	}
	utf16be := func(s string) []byte {
		b := utf16le(s)
		for i := 0; i < len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
		return b
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(utf16le("\ufeff" + text))
	z.Close()
	for name, input := range map[string][]byte{
		"plain": []byte(text), "CRLF": []byte(strings.ReplaceAll(text, "\n", "\r\n")), "BOM": []byte("\ufeff" + text),
		"UTF-16": utf16le("\ufeff" + text), "UTF-16BE": utf16be("\ufeff" + text), "UTF-16 without a mark": utf16le(text),
		"UTF-16BE without a mark": utf16be(text), "gzip over UTF-16": packed.Bytes(), "no last end": []byte(strings.TrimSuffix(text, "\n")),
	} {
		got := objectsOf(t, string(input))
		if len(got) != 2 || got[0]["reply"] != "450 4.2.1 first" || got[1]["reply"] != "550 5.1.1 no such user ü" {
			t.Errorf("%s: %v", name, got)
		}
	}
	for head, want := range map[string]string{"\xfd7zXZ\x00": "want xzcat", "\x28\xb5\x2f\xfd": "want zstdcat", "\x1f\x8b\x08": "EOF"} {
		if _, stderr, status := execute(t, head); status != statusIO || !strings.Contains(stderr, want) {
			t.Errorf("%q: status %d, stderr %q, want %s", head, status, stderr, want)
		}
	}
}

// What is broken in a log is skipped, counted and shown, and the rest is read.
func TestBrokenLines(t *testing.T) {
	good := func(i int) string {
		return postfixLine("Nov 23 10:11:12", fmt.Sprintf("4F%d", i), "ann@example.net", "mx.example.net[192.0.2.1]:25", "sent (250 Ok)")
	}
	garbage := strings.Repeat("\xff\xfe\x01\x02garbage", 50)
	input := good(1) + garbage + "\n" + strings.Repeat("\x00", 500) + good(2) + good(3)[:70] + "\n" + good(4)[:110] + "\n\n" +
		strings.Repeat("x", maxLine+1) + "\n" + strings.Repeat("x", 3*chunkSize) + "\n" + strings.ReplaceAll(good(5), "\n", "\r\n") + good(6)[:100]
	stdout, stderr, status := execute(t, input, "-log", "auto")
	if status != statusDone || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	mustHave(t, stdout, "example.net: 3 answers, 0 refused\n", "  3 lines that are cut short, such as line 4: ", "  1 lines of no format that is known, such as line 2: ",
		"  1 empty lines, such as line 6: ", "2 lines with mistakes:\n  line 7: longer than 65536 bytes\n  line 8: longer")
	for _, c := range stdout {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 {
			t.Fatalf("%q has %U", stdout, c)
		}
	}
}

// The chunks in which an input comes change nothing.
func TestLineReader(t *testing.T) {
	lines := []string{"a", "", "b\r", strings.Repeat("c", maxLine), strings.Repeat("d", maxLine+1), "e", strings.Repeat("f", chunkSize), strings.Repeat("g", 2*chunkSize+7), "h"}
	for _, size := range []int{1000, maxLine, chunkSize - 1, chunkSize, 10 * chunkSize} {
		for _, end := range []string{"", "\n"} {
			rest := strings.Join(lines, "\n") + end
			in := readerFunc(func(p []byte) (int, error) {
				if rest == "" {
					return 0, fmt.Errorf("over")
				}
				n := copy(p[:min(size, len(p))], rest)
				rest = rest[n:]
				return n, nil
			})
			all, err := bufferAll(in)
			if err != nil {
				t.Fatal(err)
			}
			l := newLineReader(bytes.NewReader(all))
			var got []string
			for l.next() {
				if l.number != len(got)+1 {
					t.Fatalf("line %d has number %d", len(got)+1, l.number)
				}
				if l.err != nil {
					l.text = "!"
				}
				got = append(got, l.text)
			}
			want := slices.Clone(lines)
			want[2], want[4], want[6], want[7] = "b", "!", "!", "!"
			if !slices.Equal(got, want) {
				t.Errorf("in pieces of %d: %d lines, want %d", size, len(got), len(want))
			}
		}
	}
}

func bufferAll(in readerFunc) ([]byte, error) {
	var all bytes.Buffer
	p := make([]byte, chunkSize)
	for {
		n, err := in(p)
		all.Write(p[:n])
		if err != nil {
			return all.Bytes(), nil
		}
	}
}
