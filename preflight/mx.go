package preflight

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// maxHosts is the number of MX hosts that are looked at.
const maxHosts = 10

// mxFacts is the answer of DNS about the hosts that take mail for a domain.
type mxFacts struct {
	hosts    []string // the best first; without MX records the domain itself
	implicit bool     // whether there is no MX record, but the domain has an address
	null     bool     // whether the domain takes no mail (RFC 7505)
	err      error    // failure of DNS; nil when it answered
}

// findMX asks where mail for a domain goes (RFC 5321 5.1).
func (r *run) findMX(ctx context.Context, domain string) (f mxFacts) {
	found, err := r.dns.mx(ctx, domain)
	if f.err = err; err != nil {
		return f
	}
	for _, mx := range found[:min(len(found), maxHosts)] {
		host := strings.ToLower(strings.TrimSuffix(mx.Host, "."))
		if host == "" {
			f.null = true
			continue
		}
		f.hosts = append(f.hosts, host)
	}
	if len(found) > 0 {
		return f
	}
	addrs, err := r.dns.addresses(ctx, domain)
	if f.err = err; len(addrs) > 0 {
		f.implicit, f.hosts = true, []string{domain}
	}
	return f
}

// checkMX looks at the domains of the envelope sender, for bounces, and of From, for
// replies.
func checkMX(ctx context.Context, r *run) []Finding {
	found := []Finding{r.mxFinding(ctx, r.mailDomain, true)}
	if r.domain != r.mailDomain {
		found = append(found, r.mxFinding(ctx, r.domain, false))
	}
	return found
}

// mxFinding looks at one domain.
func (r *run) mxFinding(ctx context.Context, domain string, bounces bool) Finding {
	out := finding("domain.mx", domain)
	f := r.findMX(ctx, domain)
	fix := fmt.Sprintf("Publish where mail for the domain goes, such as %s. IN MX 10 mail.%s.", domain, domain)
	switch {
	case f.err != nil:
		return out.is(Unknown, "DNS did not say: %s", cause(f.err))
	case f.null && len(f.hosts) == 0 && bounces:
		return out.is(Fail, "a null MX says that the domain takes no mail, so bounces cannot return, and receivers may refuse its mail (RFC 7505 4.2)").mend("%s", fix)
	case f.null && len(f.hosts) == 0:
		return out.is(Warn, "a null MX says that the domain takes no mail, so nobody can reply").mend("Name an address of another domain in Reply-To, or publish where mail for this one goes.")
	case f.null:
		return out.is(Fail, "a null MX beside other hosts means nothing (RFC 7505 3)").mend("Remove the MX record with the host \".\".")
	case len(f.hosts) == 0:
		return out.is(Fail, "the domain has neither an MX record nor an address: receivers refuse senders to whom they cannot reply").mend("%s", fix)
	case f.implicit:
		return out.is(Warn, "the domain has no MX record: mail goes to its address, which is allowed and often not meant").mend("%s", fix)
	case r.options.Quick:
		return out.is(OK, "%s", list(f.hosts))
	}
	return r.hostsFinding(ctx, out, f.hosts)
}

// hostsFinding looks at the addresses of MX hosts.
func (r *run) hostsFinding(ctx context.Context, out Finding, hosts []string) Finding {
	var good, bad, trouble []string
	for _, host := range hosts {
		addrs, err := r.dns.addresses(ctx, host)
		_, notName := netip.ParseAddr(host)
		switch {
		case notName == nil:
			bad = append(bad, host+" (an address: an MX record needs a name)")
		case err != nil:
			trouble = append(trouble, host+" ("+cause(err)+")")
		case len(addrs) == 0:
			bad = append(bad, host+" (no address)")
		case !r.anyPublic(addrs):
			bad = append(bad, host+" (private addresses)")
		default:
			good = append(good, host)
		}
	}
	fix := "Correct the MX records, or publish the addresses of the hosts."
	switch {
	case len(bad) > 0 && len(good)+len(trouble) == 0:
		return out.is(Fail, "no MX host can be reached: %s", list(bad)).mend("%s", fix)
	case len(bad) > 0:
		return out.is(Warn, "some MX hosts cannot be reached: %s", list(bad)).mend("%s", fix)
	case len(trouble) > 0:
		return out.is(Unknown, "DNS did not say: %s", list(trouble))
	}
	if r.onlyIPv6(ctx, good) {
		return out.is(Warn, "%s: only IPv6 addresses, and many senders reach IPv4 alone, so that their bounces and replies are lost", list(good)).
			mend("Give a host an IPv4 address as well (an A record), or add one that has it.")
	}
	return out.is(OK, "%s", list(good))
}

// onlyIPv6 reports whether none of the hosts, which have addresses, has one of IPv4.
func (r *run) onlyIPv6(ctx context.Context, hosts []string) bool {
	for _, host := range hosts {
		addrs, _ := r.dns.addresses(ctx, host) // they were asked for before
		for _, ip := range addrs {
			if ip.IP.To4() != nil {
				return false
			}
		}
	}
	return len(hosts) > 0
}

// anyPublic reports whether one of the addresses can be reached from anywhere.
func (r *run) anyPublic(addrs []net.IPAddr) bool {
	for _, ip := range addrs {
		if a, ok := netip.AddrFromSlice(ip.IP); ok && !r.hidden(a.Unmap()) {
			return true
		}
	}
	return false
}
