package pool

import (
	"net"
	"net/netip"
	"os"
	"strings"
)

// heloName returns the name for EHLO (RFC 5321 4.1.1.1) when the user gives none: the
// name of the machine if it is fully qualified, else the address literal of the client's
// end of the connection. Servers refuse bare names (Postfix by
// reject_non_fqdn_helo_hostname).
func heloName(local net.Addr) string {
	if name, _ := os.Hostname(); isFullyQualified(name) { // "" is not
		return strings.TrimSuffix(name, ".")
	}
	return addressLiteral(local)
}

// isFullyQualified reports whether a host name has two labels or more and can be
// known outside of its network.
func isFullyQualified(name string) bool {
	name = strings.TrimSuffix(name, ".")
	labels := strings.Split(name, ".")
	if len(labels) < 2 || len(name) > 253 {
		return false
	}
	for _, label := range labels {
		if !isHostLabel(label) {
			return false
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	switch last {
	case "localhost", "localdomain", "local", "invalid": // RFC 6761, RFC 6762
		return false
	}
	return strings.ContainsFunc(last, isLetter)
}

// isHostLabel reports whether s is a label of a host name (RFC 1123 2.1).
func isHostLabel(s string) bool {
	other := func(r rune) bool { return !(isLetter(r) || r >= '0' && r <= '9' || r == '-') }
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-' && !strings.ContainsFunc(s, other)
}

// addressLiteral returns an address as RFC 5321 4.1.3 writes it; the loopback for one
// without an IP address, such as a Unix socket.
func addressLiteral(addr net.Addr) string {
	ip := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if a, ok := addr.(*net.TCPAddr); ok {
		if from := a.AddrPort().Addr().Unmap().WithZone(""); from.IsValid() && !from.IsUnspecified() {
			ip = from
		}
	} else if addr != nil {
		if a, err := netip.ParseAddrPort(addr.String()); err == nil {
			ip = a.Addr().Unmap().WithZone("")
		}
	}
	if ip.Is4() {
		return "[" + ip.String() + "]"
	}
	return "[IPv6:" + ip.String() + "]"
}
