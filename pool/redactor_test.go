package pool

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestRedactor(t *testing.T) {
	secrets := []string{"hunter2!", "four", "pa ss\"wo\\rd", strings.Repeat("long", 100), "\u00fcml\u00e4ut"}
	for _, secret := range secrets {
		r := newRedactor("me", secret)
		for _, form := range []string{
			secret, encode(secret), encode("\x00me\x00" + secret), encode("me:" + secret),
			encode("x" + secret + "y"), encode("xy" + secret + "z"), encode("xyz" + secret),
		} {
			got := r.redact("535 " + form + " no")
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
	for _, r := range []redactor{{}, newRedactor("me", ""), newRedactor("me", "250"), newRedactor("me", "hunter2!")} {
		if got := r.redact("250 2.0.0 me too"); got != "250 2.0.0 me too" {
			t.Errorf("got %q", got)
		}
	}
}

func TestRedactorClean(t *testing.T) {
	r := newRedactor("me", "hunter2!")
	harmless := fmt.Errorf("vault: %w", errors.ErrUnsupported)
	if got := r.clean(harmless); got != harmless {
		t.Errorf("got %v, want it untouched", got)
	}
	if got := r.clean(errors.New("bad password hunter2!")).Error(); got != "bad password [secret]" {
		t.Errorf("got %q", got)
	}
}

func TestRedactorFindsWhatServersCutAndFold(t *testing.T) {
	r := newRedactor("me", "AveryLongSecret").with("four").and("user@s.example token").andResponse("user 0123456789abcdef0123 host.example")
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
		if got := r.redact(tt.text); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := r.redactTo("twelve bytes AveryLongSecret", 15); got != "twelve bytes [secret]" {
		t.Errorf("got %q", got)
	}
}
