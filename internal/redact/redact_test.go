package redact

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestRedactor(t *testing.T) {
	secrets := []string{"hunter2!", "four", "pa ss\"wo\\rd", strings.Repeat("long", 100), "\u00fcml\u00e4ut"}
	for _, secret := range secrets {
		r := New("me", secret)
		for _, form := range []string{
			secret, encode(secret), encode("\x00me\x00" + secret), encode("me:" + secret),
			encode("x" + secret + "y"), encode("xy" + secret + "z"), encode("xyz" + secret),
		} {
			got := r.Redact("535 " + form + " no")
			if strings.Contains(got, secret) || !strings.Contains(got, "[secret]") || !strings.HasPrefix(got, "535 ") || !strings.HasSuffix(got, " no") {
				t.Errorf("%q in %q: got %q", secret, form, got)
			}
			for _, part := range alignments(secret) {
				if len(part) >= minSecret && strings.Contains(got, part) {
					t.Errorf("%q in %q: %q is left in %q", secret, form, part, got)
				}
			}
		}
	}
}

func TestRedactorLeavesTheRest(t *testing.T) {
	for _, r := range []Redactor{{}, New("me", ""), New("me", "250"), New("me", "hunter2!")} {
		if got := r.Redact("250 2.0.0 me too"); got != "250 2.0.0 me too" {
			t.Errorf("got %q", got)
		}
	}
}

// A text of four bytes is removed, a shorter one is not.
func TestRedactorsAreBounded(t *testing.T) {
	for text, want := range map[string]string{"abc": "535 abc", "abcd": "535 [secret]"} {
		if got := (Redactor{}).And(text).Redact("535 " + text); got != want {
			t.Errorf("And: got %q, want %q", got, want)
		}
		if got := New("me", text).Redact("535 " + text); got != want {
			t.Errorf("New: got %q, want %q", got, want)
		}
	}
}

func TestRedactorClean(t *testing.T) {
	r := New("me", "hunter2!")
	harmless := fmt.Errorf("vault: %w", errors.ErrUnsupported)
	if got := r.Clean(harmless); got != harmless {
		t.Errorf("got %v, want it untouched", got)
	}
	if got := r.Clean(errors.New("bad password hunter2!")).Error(); got != "bad password [secret]" {
		t.Errorf("got %q", got)
	}
}

func TestRedactorFindsWhatServersCutAndFold(t *testing.T) {
	r := New("me", "AveryLongSecret").with("four").And("user@s.example token").AndResponse("user 0123456789abcdef0123 host.example")
	for _, tt := range []struct{ text, want string }{
		{"nothing here", "nothing here"},
		{"is AveryLongSecret ok", "is [secret] ok"},
		{"is AVERYLONGSECRETand FOUR", "is [secret]and [secret]"},
		{"cut: AveryLong", "cut: [secret]"},
		{"short: averylo", "short: averylo"},
		{"user@s.example: no; host.example", "user@s.example: no; host.example"},
		{"user@s.example token", "[secret]"},
		{"user 0123456789abcdef0123 host", "user [secret] host"},
		{encode("user 0123456789abcdef0123 host.example")[:20], "[secret]"},
	} {
		if got := r.Redact(tt.text); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := r.RedactTo("twelve bytes AveryLongSecret", 15); got != "twelve bytes [secret]" {
		t.Errorf("got %q", got)
	}
}

// TestPartsOfBase64 have all digits that depend on the secret alone, wherever it begins.
func TestPartsOfBase64(t *testing.T) {
	for _, secret := range []string{"four", "fives", "sixsix", "seven 7", "hunter2!", strings.Repeat("long", 50)} {
		for shift, part := range alignments(secret) {
			low, high := encode(strings.Repeat("\x00", shift)+secret+"\x00\x00\x00"), encode(strings.Repeat("\xff", shift)+secret+"\xff\xff\xff")
			first, end := -1, 0 // of the digits that are the same, whatever is around
			for i := range low {
				if low[i] == high[i] && low[i] != '=' {
					if first < 0 {
						first = i
					}
					end = i + 1
				}
			}
			if want := low[first:end]; part != want {
				t.Errorf("%q behind %d bytes: got %q, want %q", secret, shift, part, want)
			}
		}
	}
}

// TestDigestsAreOfTheseCharacters: digits, letters and the signs of both alphabets of base64.
func TestDigestsAreOfTheseCharacters(t *testing.T) {
	const want = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/=_-"
	for c := rune(0); c < 0x100; c++ {
		if got := isDigestRune(c); got != strings.ContainsRune(want, c) {
			t.Errorf("%q: got %v", c, got)
		}
	}
}

// TestRedactedTextsAreCut where they are told to be, with a secret or without.
func TestRedactedTextsAreCut(t *testing.T) {
	for _, tt := range []struct {
		text  string
		limit int
		want  string
	}{
		{"no secret", 9, "no secret"}, {"no secret", 10, "no secret"}, {"no secret", 8, "no secre"}, {"no secret", 0, ""}, {"", 5, ""},
		{"hunter2!", 8, "[secret]"}, {"hunter2! and", 8, "[secret]"}, {"hunter2! and", 9, "[secret] "}, {"a hunter2!", 3, "a [secret]"}, {"a hunter2!", 2, "a "},
	} {
		for name, r := range map[string]Redactor{"a secret": New("me", "hunter2!"), "none": {}} {
			want := tt.want
			if name == "none" {
				want = tt.text[:min(len(tt.text), tt.limit)]
			}
			if got := r.RedactTo(tt.text, tt.limit); got != want {
				t.Errorf("%s, %q to %d bytes: got %q, want %q", name, tt.text, tt.limit, got, want)
			}
		}
	}
}
