package smtpace

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tc := range []struct {
		name, in, mailbox, domain string
	}{
		{"plain", "user@example.com", "user@example.com", "example.com"},
		{"brackets", "<user@example.com>", "user@example.com", "example.com"},
		{"case of the local part is kept, of the domain not", "User@EXAMPLE.com", "User@example.com", "example.com"},
		{"trailing dot", "user@example.com.", "user@example.com", "example.com"},
		{"tags and dots", "a.b+c@x.example", "a.b+c@x.example", "x.example"},
		{"quoted", `"a b"@example.com`, `"a b"@example.com`, "example.com"},
		{"quoted at", `"a@b.example"@example.com`, `"a@b.example"@example.com`, "example.com"},
		{"U-label", "user@bücher.example", "user@xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"A-label", "user@XN--BCHER-KVA.example", "user@xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"full width", "user@ｅｘａｍｐｌｅ.com", "user@example.com", "example.com"},
		{"ideographic full stop", "user@example。com", "user@example.com", "example.com"},
		{"underscore", "user@a_b.Example", "user@a_b.example", "a_b.example"},
		{"international local part", "jürgen@example.com", "jürgen@example.com", "example.com"},
		{"IPv4 literal", "user@[192.0.2.1]", "user@[192.0.2.1]", "[192.0.2.1]"},
		{"IPv6 literal", "user@[ipv6:2001:DB8::1]", "user@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
		{"64 octets", long + "@example.com", long + "@example.com", "example.com"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseAddress(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if got.mailbox != tc.mailbox || got.domain != tc.domain {
				t.Errorf("parseAddress(%q) = %q, %q; want %q, %q", tc.in, got.mailbox, got.domain, tc.mailbox, tc.domain)
			}
		})
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, in, why string
	}{
		{"empty", "", "no @"},
		{"no at", "user", "no @"},
		{"no local part", "@example.com", "nothing before"},
		{"no domain", "user@", "no domain"},
		{"only a dot", "user@.", "no domain"},
		{"CRLF", "user@example.com\r\nRCPT TO:<x@y.example>", "line break"},
		{"CR in local part", "us\rer@example.com", "line break"},
		{"NUL", "us\x00er@example.com", "control"},
		{"line separator", "us\u2028er@example.com", "separator"},
		{"invalid UTF-8", "us\xff@example.com", "UTF-8"},
		{"space", "us er@example.com", "quotes"},
		{"bracket", "x>y@example.com", "quotes"},
		{"display name", "User <user@example.com>", "quotes"},
		{"parameter smuggled in", "a@b.example> ORCPT=x@y", "quotes"},
		{"parameter smuggled in a domain", "a@b.example> ORCPT=x", "domain"},
		{"double dot in local part", "a..b@example.com", "empty part"},
		{"empty label", "user@a..b", "empty label"},
		{"unfinished quote", `"user@example.com`, "no @"},
		{"text behind a quote", `"a"b@example.com`, "quoted string"},
		{"local part too long", strings.Repeat("a", 65) + "@example.com", "64 octets"},
		{"label too long", "user@" + strings.Repeat("a", 64) + ".example", "octets"},
		{"domain too long", "user@" + strings.Repeat("abcdefgh.", 30) + "example", "octets"},
		{"megabyte", strings.Repeat("a", 1<<20) + "@example.com", "too long"},
		{"bad literal", "user@[300.1.1.1]", "literal"},
		{"unclosed literal", "user@[192.0.2.1", "literal"},
		{"IPv6 without its tag", "user@[2001:db8::1]", "literal"},
		{"hyphen at the start", "user@-a.example", "hyphen"},
		{"colon in domain", "user@a:b", `':'`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseAddress(tc.in)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("parseAddress(%.80q) = %+v, %v; want an ErrInvalid that says %q", tc.in, got, err, tc.why)
			}
		})
	}
}

// What is accepted fits in one command, and its key is the domain of the mailbox.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"user@example.com", `"a@b"@c.example`, "x> ORCPT=admin@a.com", "u@[IPv6:::1]", "ü@bücher.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("parseAddress(%q): %v is no ErrInvalid", s, err)
			}
			return
		}
		if !strings.HasSuffix(a.mailbox, "@"+a.domain) || len(a.mailbox) > maxAddress {
			t.Fatalf("parseAddress(%q) = %+v", s, a)
		}
		if forbidden(a.mailbox) != "" || strings.ContainsAny(a.domain, "<> @\"") {
			t.Fatalf("parseAddress(%q) lets %q through", s, a.mailbox)
		}
		again, err := parseAddress(a.mailbox)
		if err != nil || again != a {
			t.Fatalf("parseAddress(%q) = %+v, %v; want %+v again", a.mailbox, again, err, a)
		}
	})
}
