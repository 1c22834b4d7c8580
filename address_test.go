package smtpace

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/smtptest"
)

func TestParseAddress(t *testing.T) {
	long := strings.Repeat("a", maxAddress-len("@example.com"))
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
		{"quoted quote", `"a\"b"@example.com`, `"a\"b"@example.com`, "example.com"},
		{"quoted backslash at the end", `"a\\"@example.com`, `"a\\"@example.com`, "example.com"},
		{"quoted at behind a quoted quote", `"\"@b"@example.com`, `"\"@b"@example.com`, "example.com"},
		{"nothing in quotes", `""@example.com`, `""@example.com`, "example.com"},
		{"the characters at the bounds", "azAZ09!~@az09.example", "azAZ09!~@az09.example", "az09.example"},
		{"hyphens", "u@a-b--c.example", "u@a-b--c.example", "a-b--c.example"},
		{"label of 63", "u@" + long[:63] + ".example", "u@" + long[:63] + ".example", long[:63] + ".example"},
		{"domain of 255", "u@" + strings.Repeat("abcdefg.", 30) + "abcdefg.abcde", "u@" + strings.Repeat("abcdefg.", 30) + "abcdefg.abcde", strings.Repeat("abcdefg.", 30) + "abcdefg.abcde"},
		{"U-label", "user@bücher.example", "user@xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"A-label", "user@XN--BCHER-KVA.example", "user@xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"full width", "user@ｅｘａｍｐｌｅ.com", "user@example.com", "example.com"},
		{"ideographic full stop", "user@example。com", "user@example.com", "example.com"},
		{"underscore", "user@a_b.Example", "user@a_b.example", "a_b.example"},
		{"characters at the bounds beside an underscore", "user@az_09.a-z.example", "user@az_09.a-z.example", "az_09.a-z.example"},
		{"international local part", "jürgen@example.com", "jürgen@example.com", "example.com"},
		{"letters of other scripts", "उपयोगकर्ता.用户@example.com", "उपयोगकर्ता.用户@example.com", "example.com"},
		{"combining accent", "e\u0301@example.com", "e\u0301@example.com", "example.com"},
		{"emoji", "\U0001f600@example.com", "\U0001f600@example.com", "example.com"},
		{"international quoted", `"日 本"@example.com`, `"日 本"@example.com`, "example.com"},
		{"joiner in a U-label", "u@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example", "u@xn--mgba3gch31f060k.example", "xn--mgba3gch31f060k.example"},
		{"IPv4 literal", "user@[192.0.2.1]", "user@[192.0.2.1]", "[192.0.2.1]"},
		{"IPv6 literal", "user@[ipv6:2001:DB8::1]", "user@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
		{"64 octets", long[:64] + "@example.com", long[:64] + "@example.com", "example.com"},
		{"reply token", "reply+" + long[:80] + "@reply.example.com", "reply+" + long[:80] + "@reply.example.com", "reply.example.com"},
		{"SRS", "SRS0=3Ypr=QM=crm.example=bounce+b.25211.6039846.eb7e7e8ba282f9d0=" + long[:60] + "@example.com", "SRS0=3Ypr=QM=crm.example=bounce+b.25211.6039846.eb7e7e8ba282f9d0=" + long[:60] + "@example.com", "example.com"},
		{"as long as a command allows", long + "@example.com", long + "@example.com", "example.com"},
		{"dots in a row", "try..this..0511@docomo.example", `"try..this..0511"@docomo.example`, "docomo.example"},
		{"dot at the end", "x.y.@docomo.example", `"x.y."@docomo.example`, "docomo.example"},
		{"dot at the start", ".x@Docomo.example", `".x"@docomo.example`, "docomo.example"},
		{"only dots", "...@docomo.example", `"..."@docomo.example`, "docomo.example"},
		{"dots in quotes", `"a..b"@docomo.example`, `"a..b"@docomo.example`, "docomo.example"},
		{"international, dots in a row", "jürgen..x@example.com", `"jürgen..x"@example.com`, "example.com"},
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
		{"right-to-left override", "us\u202eer@example.com", "contains the invisible character U+202E"},
		{"zero width space", "user\u200b@example.com", "contains the invisible character U+200B"},
		{"byte order mark", "\ufeffuser@example.com", "contains the invisible character U+FEFF"},
		{"no-break space", "user\u00a0@example.com", "contains the invisible character U+00A0"},
		{"soft hyphen in quotes", "\"us\u00ader\"@example.com", "contains the invisible character U+00AD"},
		{"private use", "\ue000@example.com", "contains the invisible character U+E000"},
		{"line separator", "us\u2028er@example.com", "separator"},
		{"invalid UTF-8", "us\xff@example.com", "UTF-8"},
		{"space", "us er@example.com", "quotes"},
		{"bracket", "x>y@example.com", "quotes"},
		{"display name", "User <user@example.com>", "quotes"},
		{"parameter smuggled in", "a@b.example> ORCPT=x@y", "quotes"},
		{"parameter smuggled in a domain", "a@b.example> ORCPT=x", "domain"},
		{"space beside dots", "a.. b@example.com", "quotes"},
		{"comma beside dots", "a..b,c@example.com", "quotes"},
		{"empty label", "user@a..b", "empty label"},
		{"unfinished quote", `"user@example.com`, "no @"},
		{"text behind a quote", `"a"b@example.com`, "quoted string"},
		{"longer than a command allows", strings.Repeat("a", maxAddress-len("@x.example")+1) + "@x.example", "498 octets"},
		{"longer than a command allows with its quotes", strings.Repeat("a", maxAddress-len("..@x.example")) + "..@x.example", "498 octets"},
		{"label too long", "user@" + strings.Repeat("a", 64) + ".example", "octets"},
		{"domain too long", "user@" + strings.Repeat("abcdefgh.", 30) + "example", "octets"},
		{"quote inside quotes", `"a"b"c"@example.com`, "quote inside"},
		{"quote behind quotes", `"a"""@example.com`, "quote inside"},
		{"quoted quote at the end", `"a\"@example.com`, "no @"},
		{"DEL", "us\x7fer@example.com", "control"},
		{"C1 control", "us\u0080er@example.com", "control"},
		{"the last C1 control", "us\u009fer@example.com", "control"},
		{"unit separator", "us\x1fer@example.com", "control"},
		{"paragraph separator", "us\u2029er@example.com", "separator"},
		{"hyphen at the end", "user@a-.example", "hyphen"},
		{"octet below a letter in the domain", "user@a`b", "'`'"},
		{"octet behind a letter in the domain", "user@a{b", "'{'"},
		{"octet below a digit in the domain", "user@a/b", "'/'"},
		{"octet behind a digit in the domain", "user@a;b", "';'"},
		{"domain that is no international name", "user@\u00e4_b.example", "not a valid international name"},
		{"zone in a literal", "user@[IPv6:fe80::1%eth0]", "literal"},
		{"IPv4 with the tag of IPv6", "user@[IPv6:192.0.2.1]", "literal"},
		{"empty literal", "user@[]", "literal"},
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

// The usual addresses and domains are known at once, and no others are taken for them.
func TestQuickLooks(t *testing.T) {
	long := strings.Repeat("a", maxLabel)
	for in, want := range map[string]bool{
		"x.example": true, "az09.za90": true, "a-b.example": true, "a": true, long + ".a": true, long: true,
		strings.Repeat("abcdefg.", 31) + "abcde": true, strings.Repeat("abcdefg.", 31) + "abcdef": false,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "-a": false, "a-": false, "a-.b": false, "a.-b": false, "a--b": false,
		"A": false, "a_b": false, "a b": false, "a`b": false, "a{b": false, "a/b": false, "a:b": false, "\u00fc.example": false,
		long + "a": false, long + "a.b": false, "a." + long + "a": false, long[1:] + "-a": false, long[1:] + "-": false,
	} {
		if got := isPlainDomain(in); got != want {
			t.Errorf("the domain %q: got %v", in, got)
		}
	}
	for in, want := range map[string]bool{
		"ann": true, "a.b.c": true, "azAZ09!#$%&'*+-/=?^_`{|}~": true,
		"": false, ".": false, ".a": false, "a.": false, "a..b": false, "a b": false, "a@b": false, "a\x7f": false, "\u00fc": false, "a(b": false, "a,b": false,
	} {
		if got := isDotString(in); got != want {
			t.Errorf("the local part %q: got %v", in, got)
		}
	}
	for in, want := range map[string]bool{"": true, " ~": true, "a\x1f": false, "\x7f": false, "\u00fc": false} {
		if got := isPlain(in); got != want {
			t.Errorf("the text %q: got %v", in, got)
		}
	}
}

// What is accepted fits in one command, and its key is the domain of the mailbox.
// FuzzIsPlainDomain: what the quick look takes for a domain in its normal form is one.
func FuzzIsPlainDomain(f *testing.F) {
	long := strings.Repeat("a", maxLabel)
	for _, in := range []string{
		"x.example", "a-b.example", "xn--mnchen-3ya.example", "a", "1.2", "", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a.-b", "a--b",
		"A", "a_b", "\u00fc.example", "[1.2.3.4]", long, long + "a", long + "a.b", strings.Repeat("a.", 126) + "ab", strings.Repeat("a.", 126) + "a",
	} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if got, err := normalName(in); isPlainDomain(in) && (got != in || err != nil) {
			t.Errorf("%q is taken for a domain in its normal form, which is %q, %v", in, got, err)
		}
	})
}

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

// TestWhatIsAcceptedCanBeSent: whatever the form of an address, either Submit refuses it or the
// pool sends it. A refusal of the pool's own would come when the message is queued.
func TestWhatIsAcceptedCanBeSent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b.c", ".", "..", "\"", "\\", "\\\"", " ", "@", "<", ">", ",", ";", "[", "]", "(", "\u00e4", "\u65e5\u672c", "\U0001f600", "\u0301",
		"\u200b", "\u200d", "\u202e", "\u2060", "\ufeff", "\u00ad", "\u00a0", "\u3000", "\ue000", "\u0378", "\U000e0001", "\u2028", "\u0085", "\x7f", "\t", "\xff", "\x00", "\uFF20"}
	domains := []string{"@x.example", "@x.example", "@X.example.", "@b\u00fccher.example", "@a\u00adb.example", "@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example", "@x\u202e.example", "@[192.0.2.1]", "@[IPv6:::1]", "@a_b.example", "@", ""}
	draw := func() string {
		local := ""
		for range rng.IntN(5) {
			local += parts[rng.IntN(len(parts))]
		}
		if rng.IntN(3) == 0 {
			local = `"` + local + `"`
		}
		return local + domains[rng.IntN(len(domains))]
	}
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		accepted := 0
		for i := range 4000 {
			m := rendered(fmt.Sprint(i), draw())
			if i%2 == 0 {
				m.From, m.To = m.To[0], []string{"a@x.example"}
			}
			r, err := s.Send(t.Context(), m)
			if errors.Is(err, ErrInvalid) {
				continue
			}
			accepted++
			if reply, ok := errors.AsType[*classify.Reply](r.Err()); ok && strings.Contains(reply.Text, "(not sent)") {
				t.Errorf("%q to %q was accepted, and then: %v", m.From, m.To, reply)
			}
		}
		if accepted < 200 {
			t.Errorf("%d of the addresses were accepted", accepted)
		}
	})
}

// Addresses arrive as they must be written on the wire.
func TestAddressesOnTheWire(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, tc := range []struct {
		name, given, want string
		noUTF8, try       bool
		status            Status
	}{
		{"long", long + "@x.example", long + "@x.example", false, false, Delivered},
		{"dots", "a..b.@x.example", `"a..b."@x.example`, false, false, Delivered},
		{"SMTPUTF8", "jürgen@x.example", "jürgen@x.example", false, false, Delivered},
		{"no SMTPUTF8", "jürgen@x.example", "", true, false, Refused},
		{"no SMTPUTF8, tried", "jürgen@x.example", "", true, true, Refused}, // by the receiver
		{"SMTPUTF8, tried", "jürgen..x@x.example", `"jürgen..x"@x.example`, false, true, Delivered},
	} {
		for _, asSender := range []bool{false, true} {
			t.Run(tc.name, func(t *testing.T) {
				var receiver smtptest.Config
				if tc.noUTF8 {
					receiver.Omit = []string{"SMTPUTF8"}
				}
				inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
					s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, TryUTF8: tc.try})
					m := rendered("m", tc.given)
					if asSender {
						m.From, m.To = tc.given, []string{"other@y.example"}
					}
					r, _ := s.Send(t.Context(), m)
					if r == nil || r.Recipients[0].Status != tc.status || r.Recipients[0].Address != m.To[0] {
						t.Fatalf("%+v", r)
					}
					if tc.status == Refused {
						asked := srv.Stats().Replies[553]
						if reply, ok := errors.AsType[*classify.Reply](r.Err()); !ok || reply.Enhanced != "5.6.7" || (asked > 0) != tc.try {
							t.Errorf("%v, the server has refused %d addresses", reply, asked)
						}
						return
					}
					tx := srv.Transactions()[0]
					if got := tx.To()[0]; !asSender && got != tc.want {
						t.Errorf("RCPT TO:<%s>, want %s", got, tc.want)
					}
					if asSender && tx.From != tc.want {
						t.Errorf("MAIL FROM:<%s>, want %s", tx.From, tc.want)
					}
				})
			})
		}
	}
}
