package preflight

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// Resolver asks DNS. *net.Resolver is one. Its methods must be safe for concurrent use,
// and should return when their context ends.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// Bounds of what DNS may cost, whatever it says.
const (
	maxLookups    = 1000             // of one Check
	maxTXT        = 100              // records of a name
	maxTXTLength  = 16 << 10         // octets of a record
	lookupTimeout = 10 * time.Second // of one look-up
)

// Errors of look-ups that were not made.
var (
	errTooManyLookups = errors.New("more than 1000 DNS look-ups")
	errNotAsked       = errors.New("not asked: the name belongs to others")
	errNoName         = errors.New("no name that DNS can have")
)

// lookups asks a Resolver each question once. It is safe for concurrent use.
//
// A name that does not exist, or has no records of the type, has no records and no
// error. Every error means that nobody knows.
type lookups struct {
	resolver Resolver
	within   []string // only names of these domains are asked about; nil means all

	mu      sync.Mutex
	answers map[string]*answer
}

// answer is the answer of DNS about one name and type.
type answer struct {
	done  chan struct{} // closed when the rest is there
	txt   []string
	mx    []*net.MX
	addrs []net.IPAddr
	names []string
	err   error
}

// ask returns the answer to a question, which look gets unless it was asked before.
func (l *lookups) ask(ctx context.Context, kind, name string, look func(ctx context.Context, fqdn string, a *answer)) *answer {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if !isAskable(name) && kind != "PTR" {
		return &answer{err: errNoName}
	}
	if !l.may(name) {
		return &answer{err: errNotAsked}
	}
	l.mu.Lock()
	a, known := l.answers[kind+" "+name]
	if !known && len(l.answers) >= maxLookups {
		l.mu.Unlock()
		return &answer{err: errTooManyLookups}
	}
	if !known {
		a = &answer{done: make(chan struct{})}
		l.answers[kind+" "+name] = a
	}
	l.mu.Unlock()
	if known {
		select {
		case <-a.done:
			return a
		case <-ctx.Done():
			return &answer{err: context.Cause(ctx)}
		}
	}
	defer close(a.done)
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	if kind != "PTR" {
		name += "." // without it a resolver may append the domains of its search list
	}
	look(ctx, name, a)
	if isNotFound(a.err) {
		a.err = nil
	}
	return a
}

// may reports whether a name may be asked about.
func (l *lookups) may(name string) bool {
	if l.within == nil {
		return true
	}
	for _, domain := range l.within {
		if isBelow(name, domain) {
			return true
		}
	}
	return false
}

// isBelow reports whether name is domain or below it.
func isBelow(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// isAskable reports whether a name can be put into a question (RFC 1035 2.3.4).
func isAskable(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			if label[i] <= ' ' || label[i] > '~' {
				return false
			}
		}
	}
	return true
}

// isNotFound reports whether an error says that there is no such name or record.
func isNotFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// txt returns the TXT records of a name.
func (l *lookups) txt(ctx context.Context, name string) ([]string, error) {
	a := l.ask(ctx, "TXT", name, func(ctx context.Context, fqdn string, a *answer) {
		a.txt, a.err = l.resolver.LookupTXT(ctx, fqdn)
		a.txt = a.txt[:min(len(a.txt), maxTXT)]
		for i, s := range a.txt {
			a.txt[i] = s[:min(len(s), maxTXTLength)]
		}
	})
	return a.txt, a.err
}

// mx returns the MX records of a name. A resolver may have left out malformed ones.
func (l *lookups) mx(ctx context.Context, name string) ([]*net.MX, error) {
	a := l.ask(ctx, "MX", name, func(ctx context.Context, fqdn string, a *answer) {
		a.mx, a.err = l.resolver.LookupMX(ctx, fqdn)
		if len(a.mx) > 0 {
			a.err = nil
		}
	})
	return a.mx, a.err
}

// addresses returns the addresses of a host.
func (l *lookups) addresses(ctx context.Context, host string) ([]net.IPAddr, error) {
	a := l.ask(ctx, "A", host, func(ctx context.Context, fqdn string, a *answer) {
		a.addrs, a.err = l.resolver.LookupIPAddr(ctx, fqdn)
	})
	return a.addrs, a.err
}

// names returns the names of an address.
func (l *lookups) names(ctx context.Context, addr string) ([]string, error) {
	a := l.ask(ctx, "PTR", addr, func(ctx context.Context, _ string, a *answer) {
		a.names, a.err = l.resolver.LookupAddr(ctx, addr)
		if len(a.names) > 0 {
			a.err = nil
		}
	})
	return a.names, a.err
}

// strict is lookups as the packages for SPF and DKIM expect them: a name without
// records is an error, and every other error is temporary.
type strict struct{ *lookups }

func (s strict) LookupTXT(ctx context.Context, name string) ([]string, error) {
	found, err := s.txt(ctx, name)
	return found, strictError(name, len(found), err)
}

func (s strict) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	found, err := s.mx(ctx, name)
	return found, strictError(name, len(found), err)
}

func (s strict) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	found, err := s.addresses(ctx, host)
	return found, strictError(host, len(found), err)
}

func (s strict) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	found, err := s.names(ctx, addr)
	return found, strictError(addr, len(found), err)
}

func strictError(name string, found int, err error) error {
	switch {
	case err != nil && !errors.Is(err, errNoName):
		return &net.DNSError{Err: cause(err), Name: name, IsTemporary: true}
	case found == 0:
		return &net.DNSError{Err: "no such record", Name: name, IsNotFound: true}
	}
	return nil
}
