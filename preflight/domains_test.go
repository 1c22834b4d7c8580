package preflight

import (
	"strings"
	"testing"

	"github.com/smtpace/smtpace"
)

// A domain whose last label is a number is an IP address that somebody has taken for a
// domain. Nothing is asked about it, and nothing is published for it.
func TestAddressIsNoDomain(t *testing.T) {
	for _, domain := range []string{"192.0.2.1", "192.0.2.1.", "10.1", "[192.0.2.1]", "example.123", "2001:db8::1", "[IPv6:2001:db8::1]"} {
		w := keptWorld(t)
		w.sender = Sender{Domain: domain}
		for _, f := range w.check() {
			if f.ID == "sender.address" && (f.Level != Fail || !strings.Contains(f.Why, "none that DNS can have")) || f.Record != "" || strings.HasPrefix(f.ID, "spf") {
				t.Errorf("%s: %+v", domain, f)
			}
		}
		if _, err := Limits(smtpace.Config{}, domain); err == nil {
			t.Errorf("Limits of %s: no error", domain)
		}
	}
	for domain, want := range map[string]string{"3m.example": "3m.example", "Bücher.Example.": "xn--bcher-kva.example", "a.xn--p1ai": "a.xn--p1ai"} {
		if got, err := asciiDomain(domain); err != nil || got != want {
			t.Errorf("%s: %q, %v", domain, got, err)
		}
	}
}
