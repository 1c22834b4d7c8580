package preflight_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/foxcpp/go-mockdns"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/preflight"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/throttle"
)

// A program that stops a deployment when the sender is not fit to send.
func ExampleCheck() {
	zones := map[string]mockdns.Zone{
		"example.com.":        {TXT: []string{"v=spf1 ip4:192.0.2.0/28 -all"}, MX: []net.MX{{Host: "mx.example.com."}}},
		"_dmarc.example.com.": {TXT: []string{"v=DMARC1; p=reject"}},
	}
	found := preflight.Check(context.Background(), preflight.Sender{
		From:    "news@example.com",
		Sources: []netip.Addr{netip.MustParseAddr("192.0.2.77")},
	}, preflight.Options{
		Resolver: &mockdns.Resolver{Zones: zones}, // leave it out to ask DNS itself
		Quick:    true,
	})
	for _, f := range found {
		if f.Level == preflight.Fail || f.Level == preflight.Warn {
			fmt.Printf("%v: %s: %s\n  %s\n", f.Level, f.ID, f.Why, f.Record)
		}
	}
	fmt.Println("worst:", preflight.Worst(found))
	// Output:
	// fail: spf.source: fail: the record does not have the address
	//   example.com. IN TXT "v=spf1 ip4:192.0.2.0/28 ip4:192.0.2.77 -all"
	// warn: dmarc.reports: no rua: nobody tells you which mail fails
	//   _dmarc.example.com. IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"
	// worst: fail
}

func ExampleLimits() {
	limits, err := preflight.Limits(smtpace.Config{
		Relays:       []smtpace.Relay{{Addr: "mail.example.com:587"}},
		Profiles:     profile.Default(),
		Destinations: map[string]throttle.Limits{"example.net": {Connections: 3}},
	}, "example.net")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range limits[0].Bounds {
		if b.Binds && b.Key == "connections" {
			fmt.Printf("%s: %s, %s (%s)\n", b.Scope, b.Value, b.Origin, b.Source)
		}
	}
	// Output:
	// destination: 3, config (Config.Destinations)
	// relay: 20, default (package smtpace)
	// process: 100, default (package smtpace)
}
