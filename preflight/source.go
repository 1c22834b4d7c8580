package preflight

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// tellSources says how to make the sources known.
const tellSources = "Name the addresses from which receivers see your mail come (Sender.Sources; -source of the program)."

// maxAssumed is the number of a relay's addresses that are taken for sources.
const maxAssumed = 8

// sourceFacts are the addresses that receivers see.
type sourceFacts struct {
	addrs   []netip.Addr
	assumed bool   // whether they are those of the relay's name
	why     string // reason for having none
}

// findSources returns the given sources, or the possible ones of a relay.
func (r *run) findSources(ctx context.Context) (f sourceFacts) {
	for _, a := range r.Sources {
		if a.IsValid() {
			f.addrs = append(f.addrs, a.Unmap().WithZone(""))
		}
	}
	if len(f.addrs) > 0 {
		return f
	}
	host := r.relayHost()
	switch {
	case host == "":
		f.why = "the addresses that receivers see are not known"
		return f
	case r.options.Quick:
		f.why = "the addresses from which the relay sends are not known"
		return f
	}
	f.assumed = true
	if a, err := netip.ParseAddr(host); err == nil {
		f.addrs = []netip.Addr{a.Unmap()}
		return f
	}
	found, err := r.dns.addresses(ctx, host)
	for _, ip := range found[:min(len(found), maxAssumed)] {
		if a, ok := netip.AddrFromSlice(ip.IP); ok {
			f.addrs = append(f.addrs, a.Unmap())
		}
	}
	if len(f.addrs) == 0 {
		f.why = "the addresses from which the relay sends are not known: its name has none"
		if err != nil {
			f.why = "the addresses from which the relay sends are not known: " + cause(err)
		}
	}
	return f
}

// soften makes a failure Unknown if the address was assumed: the relay may send from
// others.
func (f sourceFacts) soften(out Finding) Finding {
	if !f.assumed {
		return out
	}
	switch out.Level {
	case OK:
		out.Why += " (the address of the relay's name; it may send from others)"
	case Warn, Fail:
		out.Level = Unknown
		out.Why = "for the address of the relay's name, which may send from others: " + out.Why
		out.Mend = strings.TrimSpace(tellSources + " " + out.Mend)
	}
	return out
}

// relayHost returns the host of the relay; "" without one that has a name or address.
func (r *run) relayHost() string {
	if r.Relay == nil || strings.HasPrefix(r.Relay.Addr, "unix:") {
		return ""
	}
	host, _, err := net.SplitHostPort(r.Relay.Addr)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// hidden reports whether receivers cannot see an address, because it is private or the
// host's own.
func (r *run) hidden(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || isShared.Contains(a)
}

// isShared are the addresses behind a provider's NAT (RFC 6598).
var isShared = netip.MustParsePrefix("100.64.0.0/10")

// maxNames is the number of an address's names that are looked at, as for the ptr
// mechanism (RFC 7208 5.5).
const maxNames = 10

// checkPTR looks for a name of each source that leads back to it.
func checkPTR(ctx context.Context, r *run) (found []Finding) {
	sources := r.sources()
	if len(sources.addrs) == 0 {
		return []Finding{finding("source.ptr", "").is(Unknown, "%s", sources.why).mend("%s", tellSources)}
	}
	for _, a := range sources.addrs {
		found = append(found, sources.soften(r.ptrFinding(ctx, a)))
	}
	return found
}

// ptrFinding looks at the names of one source.
func (r *run) ptrFinding(ctx context.Context, a netip.Addr) Finding {
	out := finding("source.ptr", a.String())
	if r.hidden(a) {
		return out.is(Unknown, "the address is private: receivers see another one").mend("%s", tellSources)
	}
	names, err := r.dns.names(ctx, a.String())
	if err != nil {
		return out.is(Unknown, "DNS did not say: %s", cause(err))
	}
	want := r.HELO
	if !isAskable(want) {
		want = "mail." + r.domain
	}
	ask := fmt.Sprintf("Ask whoever has given you the address to set its PTR record to the name of your host, and publish the address under that name: %s. IN %s %s", want, addressType(a), a)
	if len(names) == 0 {
		return out.is(Fail, "the address has no name (PTR)").mend("%s", ask)
	}
	var trouble error
	for _, name := range names[:min(len(names), maxNames)] {
		forward, err := r.dns.addresses(ctx, name)
		if err != nil && trouble == nil {
			trouble = err
		}
		if hasAddress(forward, a) {
			name = strings.TrimSuffix(name, ".")
			if why := generic(name, a); why != "" {
				return out.is(Warn, "%s leads back to the address, but %s: receivers take such hosts for customers' computers", quote(name), why).mend("%s", ask)
			}
			return out.is(OK, "%s, which leads back to the address", quote(name))
		}
	}
	if trouble != nil {
		return out.is(Unknown, "DNS did not say whether %s leads back to the address: %s", quote(names[0]), cause(trouble))
	}
	return out.is(Fail, "the name of the address, %s, does not lead back to it", quote(names[0])).mend("%s", ask)
}

// addressType returns the type of the record that has an address.
func addressType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// hasAddress reports whether an address is among those found.
func hasAddress(found []net.IPAddr, a netip.Addr) bool {
	for _, ip := range found {
		if b, ok := netip.AddrFromSlice(ip.IP); ok && b.Unmap() == a {
			return true
		}
	}
	return false
}

// genericWords are the words in names that providers give to customers' addresses.
var genericWords = []string{"dyn", "dynamic", "dhcp", "pool", "dsl", "adsl", "ppp", "dialup", "cable", "broadband", "dip", "cust", "customer"}

// generic says why a name looks made from the address; "" if it does not.
func generic(name string, a netip.Addr) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return c == '.' || c == '-' || c == '_' })
	for _, w := range words {
		for _, g := range genericWords {
			if w == g {
				return "it has the word " + g
			}
		}
	}
	if !a.Is4() {
		return ""
	}
	count := 0
	for _, octet := range a.As4() {
		for _, w := range words {
			if w == strconv.Itoa(int(octet)) {
				count++
				break
			}
		}
	}
	if count >= 3 {
		return "it is made from the address"
	}
	return ""
}

// checkHELO looks at the name with which receivers are greeted.
func checkHELO(ctx context.Context, r *run) []Finding {
	out := finding("source.helo", r.HELO)
	fix := "Greet with the name that the PTR record of the source has."
	name := strings.TrimSuffix(r.HELO, ".")
	switch {
	case name == "":
		return []Finding{out.is(Unknown, "the HELO name is not known").mend("Name it (Sender.HELO; -helo of the program).")}
	case strings.HasPrefix(name, "["):
		return []Finding{out.is(Warn, "an address literal is allowed, and many receivers refuse it").mend("%s", fix)}
	case !isHostName(name):
		return []Finding{out.is(Fail, "it is no fully qualified host name").mend("%s", fix)}
	}
	found, err := r.dns.addresses(ctx, name)
	switch {
	case err != nil:
		return []Finding{out.is(Unknown, "DNS did not say: %s", cause(err))}
	case len(found) == 0:
		return []Finding{out.is(Fail, "the name has no address").mend("%s", fix)}
	}
	sources := r.sources()
	if sources.assumed || len(sources.addrs) == 0 {
		return []Finding{out.is(OK, "the name has an address")}
	}
	for _, a := range sources.addrs {
		if hasAddress(found, a) {
			return []Finding{out.is(OK, "the name has the source address %v", a)}
		}
	}
	return []Finding{out.is(Warn, "the name has addresses, but none of them is a source address").mend("%s", fix)}
}

// isHostName reports whether a name can be a public host's (RFC 1123 2.1): several
// labels of letters, digits and hyphens, the last one not a number and not reserved for
// private use.
func isHostName(name string) bool {
	labels := strings.Split(strings.ToLower(name), ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	switch last {
	case "localhost", "local", "localdomain", "internal", "lan", "home", "invalid":
		return false
	}
	return len(labels) > 1 && len(name) <= 253 && strings.Trim(last, "0123456789") != ""
}
