package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"
)

// Resolver finds the addresses of a host. A *net.Resolver is one.
type Resolver interface {
	// LookupNetIP returns the addresses of a network, "ip4" or "ip6". It must be
	// safe for concurrent use. A call that has not returned when its context ends
	// is left behind.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// resolutionDelay is the time for which one family of addresses is waited for when
// the other is known (RFC 8305 3).
const resolutionDelay = 50 * time.Millisecond

// resolve returns the addresses of a host, IPv4 first. The families are asked for apart:
// asked for both, a resolver reports that there is no such host if one family does not
// exist and the question for the other failed. Any address wins, else an error that may
// pass, else "no such host".
func resolve(ctx context.Context, r Resolver, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type heard struct {
		family int
		answerOf
	}
	all := make(chan heard, 2)
	var answers [2]answerOf
	for i, network := range []string{"ip4", "ip6"} {
		answers[i].err = fmt.Errorf("pool: looking up %s: %w", host, errNoAnswer)
		go func() {
			ips, err := called("Resolver.LookupNetIP", func() ([]netip.Addr, error) { return r.LookupNetIP(ctx, network, host) })
			all <- heard{i, answerOf{ips, err}}
		}()
	}
	for range answers {
		select {
		case h := <-all:
			answers[h.family] = h.answerOf
		case <-ctx.Done(): // a Resolver that goes on is left behind
		}
		if len(answers[0].ips)+len(answers[1].ips) > 0 {
			defer time.AfterFunc(resolutionDelay, cancel).Stop()
		}
	}
	return merge(answers)
}

// answerOf is the answer of a Resolver for one family.
type answerOf struct {
	ips []netip.Addr
	err error
}

// merge returns the addresses of both families without duplicates, or the error.
func merge(answers [2]answerOf) ([]netip.Addr, error) {
	var ips []netip.Addr
	for _, a := range answers {
		for _, ip := range a.ips {
			if ip = ip.Unmap(); ip.IsValid() && !slices.Contains(ips, ip) {
				ips = append(ips, ip)
			}
		}
	}
	if len(ips) > 0 {
		return ips, nil
	}
	var notFound error
	for _, a := range answers {
		e, ok := errors.AsType[*net.DNSError](a.err)
		if a.err != nil && !(ok && e.IsNotFound) {
			return nil, a.err
		}
		if a.err != nil {
			notFound = a.err
		}
	}
	if notFound == nil {
		return nil, errNoAddress
	}
	return nil, notFound
}

// errNoAnswer is the error of a look-up that had not ended when its context did.
var errNoAnswer = fmt.Errorf("no answer in time: %w", os.ErrDeadlineExceeded)

// errNoAddress is the error for a Resolver that returns neither addresses nor an
// error.
var errNoAddress = errors.New("pool: the host has no address")
