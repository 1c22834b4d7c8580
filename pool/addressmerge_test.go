package pool

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
)

// TestAddressesOfBothFamilies joins the answers for IPv4 and IPv6 as they may be: one
// address in two spellings is one, none is no address, and an error counts only where
// there is no address.
func TestAddressesOfBothFamilies(t *testing.T) {
	ip := func(texts ...string) (out []netip.Addr) {
		for _, text := range texts {
			out = append(out, netip.MustParseAddr(text))
		}
		return out
	}
	notFound := &net.DNSError{Err: "no such host", IsNotFound: true}
	broken := &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	for _, tt := range []struct {
		name     string
		one, two answerOf
		want     []netip.Addr
		err      error
	}{
		{"both", answerOf{ips: ip("192.0.2.1")}, answerOf{ips: ip("2001:db8::1")}, ip("192.0.2.1", "2001:db8::1"), nil},
		{"mapped", answerOf{ips: ip("::ffff:192.0.2.1", "192.0.2.2")}, answerOf{ips: ip("192.0.2.1")}, ip("192.0.2.1", "192.0.2.2"), nil},
		{"mapped alone", answerOf{err: notFound}, answerOf{ips: ip("::ffff:192.0.2.1")}, ip("192.0.2.1"), nil},
		{"invalid", answerOf{ips: []netip.Addr{{}}}, answerOf{ips: ip("::1")}, ip("::1"), nil},
		{"one broken", answerOf{err: broken}, answerOf{ips: ip("::1")}, ip("::1"), nil},
		{"none", answerOf{}, answerOf{}, nil, errNoAddress},
		{"not found", answerOf{err: notFound}, answerOf{err: notFound}, nil, notFound},
		{"not found and none", answerOf{}, answerOf{err: notFound}, nil, notFound},
		{"not found and broken", answerOf{err: notFound}, answerOf{err: broken}, nil, broken},
		{"broken and not found", answerOf{err: fmt.Errorf("asked: %w", broken)}, answerOf{err: notFound}, nil, broken},
	} {
		got, err := merge([2]answerOf{tt.one, tt.two})
		if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %v, %v, want %v, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}
