package pool

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// target is an Endpoint's Addr in its parts.
type target struct {
	path string // of a Unix socket; "" for a host
	host string // name or IP address
	port uint16
}

// unixScheme introduces the path of a Unix socket in an Addr.
const unixScheme = "unix://"

// ports are the services of mail. The system's list of services lacks some of them.
var ports = map[string]uint16{
	"smtp":        25,  // RFC 5321 4.5.4.2
	"submission":  587, // RFC 6409 3.1
	"submissions": 465, // RFC 8314 7.3
	"smtps":       465,
}

// parseTarget reads an Addr: host:port, host:service or unix:///path.
func parseTarget(addr string) (target, error) {
	path, isUnix := strings.CutPrefix(addr, unixScheme)
	if strings.ContainsFunc(addr, func(r rune) bool { return isControlOrSpace(r) && (r != ' ' || !isUnix) }) {
		return target{}, fmt.Errorf("address %q contains a space or control character", addr)
	}
	if isUnix {
		if !strings.HasPrefix(path, "/") {
			return target{}, fmt.Errorf("address %q must be unix:///path with an absolute path", addr)
		}
		return target{path: path}, nil
	}
	host, service, err := net.SplitHostPort(addr)
	if err != nil || host == "" || service == "" {
		return target{}, fmt.Errorf("address %q must be host:port, host:service or unix:///path", addr)
	}
	if strings.ContainsAny(host, "@/") || strings.HasPrefix(host, ".") || strings.Contains(host, "..") {
		return target{}, fmt.Errorf("address %q has %q where the name or IP address of a host must be", addr, host)
	}
	port, err := portOf(service)
	if err != nil {
		return target{}, fmt.Errorf("address %q must be host:port or host:service: %w", addr, err)
	}
	return target{host: host, port: port}, nil
}

// portOf returns the number of a port that is given as a number or as the name of a
// service.
func portOf(service string) (uint16, error) {
	if n, err := strconv.ParseUint(service, 10, 16); err == nil && n > 0 {
		return uint16(n), nil
	}
	if !strings.ContainsFunc(service, isLetter) {
		return 0, fmt.Errorf("port %q is not a number of 1 to 65535", service)
	}
	if n, ok := ports[strings.ToLower(service)]; ok {
		return n, nil
	}
	n, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", service)
	if err != nil {
		return 0, fmt.Errorf("service %q is not known", service)
	}
	return uint16(n), nil
}

// network returns the network and the address for a dial function.
func (t target) network() (network, addr string) {
	if t.path != "" {
		return "unix", t.path
	}
	return "tcp", net.JoinHostPort(t.host, strconv.Itoa(int(t.port)))
}

// isLocal reports whether no byte for the target leaves the machine.
func (t target) isLocal() bool {
	if t.path != "" || strings.EqualFold(strings.TrimSuffix(t.host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(t.host)
	return err == nil && ip.Unmap().IsLoopback()
}

func isControlOrSpace(r rune) bool { return r <= ' ' || r == 0x7f }

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
