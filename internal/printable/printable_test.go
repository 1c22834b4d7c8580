package printable

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "550 no such user", "550 no such user"},
		{"other letters", "Zoë größer 日本", "Zoë größer 日本"},
		{"line breaks", "one\r\ntwo\n\nthree", "one two three"},
		{"escape sequence", "a\x1b]0;title\ab", "a ]0;title b"},
		{"direction", "a\u202eb", "a b"},
		{"C1 control", "a\u009bb", "a b"},
		{"no-break space", "a\u00a0b", "a b"},
		{"invalid UTF-8", "a\xff\xfeb", "a b"},
		{"the replacement character itself", "a\ufffdb", "a\ufffdb"},
		{"blanks stay", "a  b", "a  b"},
		{"as long as allowed", strings.Repeat("x", 32), strings.Repeat("x", 32)},
		{"too long", strings.Repeat("x", 33), strings.Repeat("x", 29) + "..."},
		{"too long, cut between characters", strings.Repeat("ö", 17), strings.Repeat("ö", 14) + "..."},
		{"too long only before the cleaning", strings.Repeat("x", 31) + "\n\n\n", strings.Repeat("x", 31) + " "},
	}
	for _, tt := range tests {
		if got := Text(tt.in, 32); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestError(t *testing.T) {
	clean := errors.New("connection refused")
	if got := Error(clean); got != clean {
		t.Errorf("got %v, want the error itself", got)
	}
	if got := Error(nil); got != nil {
		t.Errorf("got %v for nil", got)
	}
	dirty := fmt.Errorf("%w: %w", clean, x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"\x1b[2J\r\nforged"}}, Host: "mx.test"})
	got := Error(dirty)
	if strings.ContainsFunc(got.Error(), unicode.IsControl) || !strings.Contains(got.Error(), "forged") {
		t.Errorf("got %q", got)
	}
	if _, ok := errors.AsType[x509.HostnameError](got); !ok || !errors.Is(got, clean) {
		t.Errorf("%q hides what it wraps", got)
	}
	if long := Error(errors.New(strings.Repeat("x", 1<<16))); len(long.Error()) != MaxError {
		t.Errorf("got %d bytes, want %d", len(long.Error()), MaxError)
	}
}

func FuzzText(f *testing.F) {
	f.Add("one\r\ntwo\x1b[31m \u202e\xff", 8)
	f.Add("日本日本", 7)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 3 + max(0, limit)%64
		got := Text(s, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsFunc(got, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("Text(%q, %d) = %q", s, limit, got)
		}
		if again := Text(got, limit); again != got {
			t.Errorf("%q becomes %q the second time", got, again)
		}
	})
}
