package preflight

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// maxHostsFile is the number of octets of the hosts file that are read.
const maxHostsFile = 1 << 20

// machineResolver asks the DNS servers of this machine. What is in its hosts file is not
// asked for: receivers do not see that file, and net would take its word. A mail host
// often has its own name there, at 127.0.1.1. All errors of a question count, so that an
// answer about IPv4 alone is not taken for the whole.
type machineResolver struct {
	*net.Resolver
	names map[string]bool     // in lower case, without a dot at the end
	addrs map[netip.Addr]bool // without zones
}

// defaultResolver returns the resolver that is used where none is given.
var defaultResolver = sync.OnceValue(func() Resolver {
	text, err := os.ReadFile(hostsFile())
	if err != nil { // without one nothing is in it
		text = nil
	}
	return withoutHosts(&net.Resolver{PreferGo: true, StrictErrors: true}, string(text[:min(len(text), maxHostsFile)]))
})

// hostsFile returns the path of the file from which net reads names and addresses.
func hostsFile() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("SystemRoot"), "System32", "drivers", "etc", "hosts")
	}
	return "/etc/hosts"
}

// withoutHosts returns a resolver that does not answer for what is in the text of a hosts
// file: on each line an address and its names (hosts(5)).
func withoutHosts(r *net.Resolver, hosts string) machineResolver {
	m := machineResolver{r, map[string]bool{}, map[netip.Addr]bool{}}
	for line := range strings.Lines(hosts) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		a, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		m.addrs[a.Unmap().WithZone("")] = true
		for _, name := range fields[1:] {
			m.names[plainName(name)] = true
		}
	}
	return m
}

// plainName returns a name in the form in which names are compared.
func plainName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// LookupIPAddr returns the addresses of a host in DNS.
func (m machineResolver) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	if m.names[plainName(host)] {
		return nil, inHostsFile(host)
	}
	return m.Resolver.LookupIPAddr(ctx, host)
}

// LookupAddr returns the names of an address in DNS.
func (m machineResolver) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	if a, err := netip.ParseAddr(addr); err == nil && m.addrs[a.Unmap().WithZone("")] {
		return nil, inHostsFile(addr)
	}
	return m.Resolver.LookupAddr(ctx, addr)
}

// inHostsFile returns the error about a name or an address for which DNS is not asked.
func inHostsFile(name string) error {
	return &net.DNSError{Err: "it is in the hosts file of this machine, which receivers do not have: look from another machine", Name: name, IsTemporary: true}
}
