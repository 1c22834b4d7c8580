package smtpace

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/wneessen/go-mail"
)

func TestNormalLines(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"clean", "A: b\r\n\r\nc\r\n", "A: b\r\n\r\nc\r\n"},
		{"LF", "A: b\n\nc\n", "A: b\r\n\r\nc\r\n"},
		{"no line end at the end", "A: b\r\n\r\nc", "A: b\r\n\r\nc\r\n"},
		{"bare CR", "A: b\r\n\r\n\r.\rc\r\n", "A: b\r\n\r\n\r\n.\r\nc\r\n"},
		{"bare LF dot", "A: b\r\n\r\nx\n.\nc\r\n", "A: b\r\n\r\nx\r\n.\r\nc\r\n"},
		{"CR at the end", "A: b\r\n\r\nc\r", "A: b\r\n\r\nc\r\n"},
		{"CR CR LF", "A: b\r\n\r\nc\r\r\n", "A: b\r\n\r\nc\r\n\r\n"},
		{"empty lines", "A: b\n\n\n\n", "A: b\r\n\r\n\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(normalLines([]byte(tc.in))); got != tc.want {
				t.Errorf("normalLines(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
	clean := []byte("A: b\r\n\r\nc\r\n")
	if got := normalLines(clean); &got[0] != &clean[0] {
		t.Error("clean data was copied")
	}
}

var bareLineEnd = regexp.MustCompile(`[^\r]\n|^\n|\r[^\n]|\r$`)

func FuzzNormalLines(f *testing.F) {
	for _, s := range []string{"a\r\nb", "\r.\r", "\n.\n", "\r\n.\r", "\x00\r\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got := normalLines(bytes.Clone(in))
		if bareLineEnd.Match(got) {
			t.Fatalf("normalLines(%q) = %q has a bare CR or LF", in, got)
		}
		strip := func(b []byte) string { return strings.NewReplacer("\r", "", "\n", "").Replace(string(b)) }
		if strip(got) != strip(in) {
			t.Fatalf("normalLines(%q) = %q changed more than line ends", in, got)
		}
	})
}

func TestCheckHeader(t *testing.T) {
	for _, tc := range []struct{ name, in, why string }{
		{"good", "From: a\r\nSubject: b\r\n c\r\n\r\nbody", ""},
		{"header only", "From: a\r\n", ""},
		{"LF", "From: a\n\nbody", ""},
		{"space before the colon", "From : a\r\n\r\n", ""},
		{"empty", "", "no header"},
		{"body only", "\r\nbody", "no header"},
		{"no colon", "From: a\r\nhello\r\n\r\n", "line 2"},
		{"space in a name", "From: a\r\nX Y: b\r\n\r\n", "line 2"},
		{"continuation first", " x\r\n\r\n", "line 1"},
		{"NUL", "From: a\r\nX: \x00\r\n\r\n", "NUL"},
		{"bare CR", "From: a\rBcc: b\r\n\r\n", "bare CR"},
		{"mbox line", "From user@example.com Mon Jan 1\r\nFrom: a\r\n\r\n", "line 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := checkHeader([]byte(tc.in))
			if tc.why == "" && err != nil || tc.why != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tc.why)) {
				t.Errorf("checkHeader(%q) = %v, want %q", tc.in, err, tc.why)
			}
		})
	}
}

func TestRenderOfAMsgIsClean(t *testing.T) {
	for _, encoding := range []mail.Encoding{mail.EncodingQP, mail.EncodingB64, mail.NoEncoding} {
		m := mail.NewMsg(mail.WithEncoding(encoding))
		if err := errors.Join(m.From("a@example.com"), m.To("b@example.com")); err != nil {
			t.Fatal(err)
		}
		m.SetBodyString(mail.TypeTextPlain, "one\ntwo\r.\rthree\r\n.\nfour")
		got, err := Message{Msg: m}.render()
		if err != nil {
			t.Fatal(err)
		}
		if bareLineEnd.Match(got) || !bytes.HasSuffix(got, []byte("\r\n")) {
			t.Errorf("encoding %s: bare line ends in %q", encoding, got)
		}
	}
}
