package preflight

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// DNSBL is a block list that is asked by DNS (RFC 5782).
type DNSBL struct {
	// Zone is the domain below which the list answers.
	Zone string
	// Domains says that it lists domains; else it lists addresses.
	Domains bool
	// IPv6 says that a list of addresses has those of IPv6.
	IPv6 bool
	// Advisory says that few receivers refuse mail for a listing: it is a warning.
	Advisory bool
	// Listed and Unlisted are the test points: a name or address always listed, and one
	// never listed. "" means 127.0.0.2 and 127.0.0.1, for domains TEST and INVALID (RFC
	// 5782 5).
	Listed, Unlisted string
	// Delist is the page where a listing is explained and lifted.
	Delist string
}

// DefaultDNSBLs returns the lists that are asked by default, those in use at large
// receivers or at many small ones. Most of them refuse to answer through the resolvers
// of large public services.
func DefaultDNSBLs() []DNSBL {
	return []DNSBL{
		{Zone: "zen.spamhaus.org", IPv6: true, Delist: "https://check.spamhaus.org/"},
		{Zone: "bl.spamcop.net", Delist: "https://www.spamcop.net/bl.shtml"},
		{Zone: "psbl.surriel.com", Advisory: true, Delist: "https://psbl.org/"},
		{Zone: "bl.mailspike.net", Advisory: true, Delist: "https://mailspike.org/iplookup.html"},
		{Zone: "dbl.spamhaus.org", Domains: true, Listed: "dbltest.com", Unlisted: "example.com", Delist: "https://check.spamhaus.org/"},
		{Zone: "multi.surbl.org", Domains: true, Listed: "surbl-org-permanent-test-point.com", Unlisted: "example.com", Delist: "https://surbl.org/surbl-analysis"},
	}
}

// question returns the name to ask a list about an address or a domain (RFC 5782 2.1,
// 2.4, 3).
func (l DNSBL) question(subject string) string {
	a, err := netip.ParseAddr(subject)
	if err != nil {
		return strings.ToLower(subject) + "." + l.Zone
	}
	var b strings.Builder
	raw := a.Unmap().AsSlice()
	for _, octet := range slices.Backward(raw) {
		if len(raw) == net.IPv4len {
			fmt.Fprintf(&b, "%d.", octet)
		} else {
			fmt.Fprintf(&b, "%x.%x.", octet&15, octet>>4)
		}
	}
	return b.String() + l.Zone
}

// listing is the answer of a list.
type listing struct {
	codes []string // 127.0.0.2 and the like; none if it is not listed
	err   error    // the list does not say
}

// ask returns what a list says about an address or a domain.
func (l DNSBL) ask(ctx context.Context, dns *lookups, subject string) (out listing) {
	found, err := dns.addresses(ctx, l.question(subject))
	if err != nil {
		return listing{err: err}
	}
	for _, ip := range found {
		a, _ := netip.AddrFromSlice(ip.IP)
		a = a.Unmap()
		switch {
		case !isListCode.Contains(a):
			return listing{err: fmt.Errorf("the answer %v is no code of a list: a resolver on the way may invent answers", a)}
		case isRefusal(a):
			return listing{err: fmt.Errorf("the list refuses to answer (%v), as it does to public resolvers or after many questions: ask through a resolver of your own", a)}
		}
		out.codes = append(out.codes, a.String())
	}
	slices.Sort(out.codes)
	return out
}

// isListCode are the addresses that mean a listing (RFC 5782 2.1).
var isListCode = netip.MustParsePrefix("127.0.0.0/8")

// isRefusal reports whether a code means that the list does not answer: 127.255.255.0/24
// with Spamhaus and others, and 127.0.0.1, which no list uses for a listing (RFC 5782
// 2.1).
func isRefusal(a netip.Addr) bool {
	b := a.As4()
	return b == [4]byte{127, 0, 0, 1} || b[1] == 255 && b[2] == 255
}

// works returns nil if a list answers as it should at its test points.
func (l DNSBL) works(ctx context.Context, dns *lookups) error {
	listed, unlisted := l.Listed, l.Unlisted
	if listed == "" {
		listed = "127.0.0.2"
		if l.Domains {
			listed = "test"
		}
	}
	if unlisted == "" {
		unlisted = "127.0.0.1"
		if l.Domains {
			unlisted = "invalid"
		}
	}
	switch yes, no := l.ask(ctx, dns, listed), l.ask(ctx, dns, unlisted); {
	case yes.err != nil:
		return yes.err
	case no.err != nil:
		return no.err
	case len(yes.codes) == 0:
		return fmt.Errorf("the list does not answer from here: it does not have %s, which it always should", listed)
	case len(no.codes) > 0:
		return fmt.Errorf("the list is out of order: it has %s, which it never should", unlisted)
	}
	return nil
}

// checkDNSBLs asks each list about each source or domain, after its test points.
func checkDNSBLs(ctx context.Context, r *run) []Finding {
	sources := r.sources()
	results := make([][]Finding, len(r.options.DNSBLs))
	var wg sync.WaitGroup
	for i, l := range r.options.DNSBLs {
		wg.Go(func() { results[i] = r.listFindings(ctx, l, sources) })
	}
	wg.Wait()
	found := slices.Concat(results...)
	if len(sources.addrs) == 0 {
		found = append(found, finding("dnsbl.address", "").is(Unknown, "%s", sources.why).mend("%s", tellSources))
	}
	return found
}

// listFindings asks one list.
func (r *run) listFindings(ctx context.Context, l DNSBL, sources sourceFacts) (found []Finding) {
	id, subjects := "dnsbl.domain", r.own()
	if !l.Domains {
		id, subjects = "dnsbl.address", nil
		for _, a := range sources.addrs {
			if !r.hidden(a) && (a.Is4() || l.IPv6) {
				subjects = append(subjects, a.String())
			}
		}
	}
	slices.Sort(subjects)
	subjects = slices.Compact(subjects)
	if len(subjects) == 0 {
		return nil
	}
	broken := l.works(ctx, r.dns)
	for _, subject := range subjects {
		out := finding(id, subject+" at "+l.Zone)
		if broken != nil {
			found = append(found, out.is(Unknown, "%s", cause(broken)))
			continue
		}
		out = r.listFinding(out, l, l.ask(ctx, r.dns, subject), subject)
		if sources.assumed && !l.Domains && out.Level == Fail {
			out.Level = Warn
			out.Why += " (the address of the relay's name; it may send from others)"
		}
		found = append(found, out)
	}
	return found
}

// listFinding judges the answer of a list.
func (r *run) listFinding(out Finding, l DNSBL, answer listing, subject string) Finding {
	switch {
	case answer.err != nil:
		return out.is(Unknown, "%s", cause(answer.err))
	case len(answer.codes) == 0:
		return out.is(OK, "not listed")
	}
	level := Fail
	if l.Advisory {
		level = Warn
	}
	page := l.Delist
	if page == "" {
		page = "the pages of " + l.Zone
	}
	return out.is(level, "listed (%s)", list(answer.codes)).
		mend("Find out what was sent and stop it, then ask for the removal of %s: %s", subject, page)
}
