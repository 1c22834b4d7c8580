package classify

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestNewReply(t *testing.T) {
	tests := []struct {
		name     string
		text     string
		enhanced string
		want     string
	}{
		{"plain", "too busy", "", "too busy"},
		{"enhanced", "4.7.0 too busy", "4.7.0", "too busy"},
		{"enhanced alone", "2.0.0", "2.0.0", ""},
		{"empty", "", "", ""},
		{"three digits", "5.2.121 full", "5.2.121", "full"},
		{"every line", "5.7.1 one\n5.7.1 two\n5.7.1", "5.7.1", "one\ntwo"},
		{"not on the first line", "welcome\n5.7.1 two", "5.7.1", "welcome\ntwo"},
		{"lines that differ", "5.7.1 one\n5.7.26 two", "5.7.1", "one\ntwo"},
		{"cisco", "#4.4.5 Too many", "4.4.5", "Too many"},
		{"qmail", "sorry, no mailbox here (#5.1.1)", "5.1.1", "sorry, no mailbox here (#5.1.1)"},
		{"qmail unclosed", "sorry (#5.1.1", "", "sorry (#5.1.1"},
		{"not a class", "3.7.0 odd", "", "3.7.0 odd"},
		{"an address", "192.0.2.1 is blocked", "", "192.0.2.1 is blocked"},
		{"four digits", "5.1.1000 odd", "", "5.1.1000 odd"},
		{"signed", "5.+1.1 odd", "", "5.+1.1 odd"},
		{"blanks", "  4.2.1 \t so \r much\r\n  air ", "4.2.1", "so much\nair"},
		{"terminal escape", "\x1b[31mred\x07\x00", "", "[31mred"},
		{"direction mark", "a\u202eb", "", "a b"},
		{"not UTF-8", "Bo\xeete pleine", "", "Bo\ufffdte pleine"},
		{"UTF-8", "Postfach überfüllt", "", "Postfach überfüllt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReply(550, tt.text)
			if r.Code != 550 || r.Enhanced != tt.enhanced || r.Text != tt.want {
				t.Errorf("NewReply(550, %q) = %+v, want enhanced %q, text %q", tt.text, *r, tt.enhanced, tt.want)
			}
		})
	}
}

func TestNewReplyBoundsItsText(t *testing.T) {
	r := NewReply(421, strings.Repeat("ü", 1<<20))
	if len(r.Text) != maxText || !utf8.ValidString(r.Text) {
		t.Errorf("a text of 2 MiB became one of %d bytes, want %d, valid", len(r.Text), maxText)
	}
}

func TestReplyError(t *testing.T) {
	tests := []struct {
		reply Reply
		want  string
	}{
		{Reply{Code: 421, Enhanced: "4.7.0", Text: "too\nbusy"}, "421 4.7.0 too busy"},
		{Reply{Code: 250, Text: "ok"}, "250 ok"},
		{Reply{Code: 250}, "250"},
		{Reply{}, "000"},
	}
	for _, tt := range tests {
		if got := tt.reply.Error(); got != tt.want {
			t.Errorf("%#v prints as %q, want %q", tt.reply, got, tt.want)
		}
	}
}

// checkClean compares the short way of a clean line with that of all others.
func checkClean(t *testing.T, text string) {
	t.Helper()
	if !isClean(text) {
		return
	}
	enhanced, kept := splitEnhanced(text)
	if e, cleaned := cleanLines(text); e != enhanced || cleaned != kept {
		t.Errorf("%q: %q and %q by the short way, %q and %q by the long one", text, enhanced, kept, e, cleaned)
	}
}

func TestCleanLines(t *testing.T) {
	clean := map[string]bool{
		"2.0.0 Ok: queued as 4F": true, "2.0.0": true, "#4.4.5 busy": true, "~": true, strings.Repeat("a", maxText): true,
		"": false, " a": false, "a ": false, "a  b": false, "a\nb": false, "a\tb": false, "a\x7f": false, "ü": false,
		strings.Repeat("a", maxText+1): false,
	}
	for text, want := range clean {
		if got := isClean(text); got != want {
			t.Errorf("isClean(%.20q) = %v, want %v", text, got, want)
		}
		checkClean(t, text)
	}
	const letters = "ab2.0# (#)\t\u00fc"
	for range 20000 { // short texts of what the rules look at
		var text strings.Builder
		for range rand.IntN(12) {
			text.WriteByte(letters[rand.IntN(len(letters))])
		}
		checkClean(t, text.String())
	}
	if n := testing.AllocsPerRun(10, func() { sinkReply = NewReply(250, "2.0.0 Ok: queued as 4F") }); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}

var sinkReply *Reply

func BenchmarkNewReply(b *testing.B) {
	for name, text := range map[string]string{"one line": "2.0.0 Ok: queued as 4F1b2c3d4e", "two lines": "2.0.0 Ok\n2.0.0 queued as 4F1b2c3d4e"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sinkReply = NewReply(250, text)
			}
		})
	}
}

func FuzzNewReply(f *testing.F) {
	f.Add(421, "4.7.0 too many connections\n4.7.0 from you")
	f.Add(0, "\xff\x00(#5.1.1)")
	f.Add(250, "2.0.0 Ok: queued as 4F")
	f.Fuzz(func(t *testing.T, code int, text string) {
		checkClean(t, text)
		r := NewReply(code, text)
		if len(r.Text) > maxText {
			t.Errorf("text has %d bytes", len(r.Text))
		}
		if r.Enhanced != "" && !isEnhanced(r.Enhanced) {
			t.Errorf("enhanced code %q", r.Enhanced)
		}
		for _, c := range r.Text {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Errorf("text has %q", c)
			}
		}
		if strings.Contains(r.Error(), "\n") {
			t.Errorf("%q has two lines", r.Error())
		}
	})
}
