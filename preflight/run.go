package preflight

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// run is one Check.
type run struct {
	Sender
	options Options
	dns     *lookups
	now     time.Time
	sample  *message // nil without one that can be read

	domain     string // of From, in ASCII; "" if there is none
	mailFrom   string // the address
	mailDomain string // its domain
	dkimDomain string

	sampleErr, addressErr error

	// What several parts need is found out once.
	spf       func() spfFacts
	dmarc     func() dmarcFacts
	keys      func() []keyFacts
	signature func() signatureFacts
	sources   func() sourceFacts
}

// newRun returns a run with the defaults filled in.
func newRun(ctx context.Context, s Sender, o Options) *run {
	r := &run{Sender: s, options: o, now: time.Now()}
	if r.options.Resolver == nil {
		r.options.Resolver = defaultResolver()
	}
	if r.options.DialContext == nil {
		r.options.DialContext = (&net.Dialer{}).DialContext
	}
	if r.options.DNSBLs == nil {
		r.options.DNSBLs = DefaultDNSBLs()
	}
	if r.options.Receivers == nil {
		r.options.Receivers = []string{"gmail.com", "outlook.com", "yahoo.com"}
	}
	if s.Sample != nil {
		r.sample, r.sampleErr = parseMessage(s.Sample)
	}
	r.readAddresses()
	r.dns = &lookups{resolver: r.options.Resolver, answers: map[string]*answer{}}
	if o.Quick {
		r.dns.within = r.own()
	}
	r.spf = once(func() spfFacts { return r.findSPF(ctx) })
	r.dmarc = once(func() dmarcFacts { return r.findDMARC(ctx) })
	r.keys = once(func() []keyFacts { return r.findKeys(ctx) })
	r.signature = once(func() signatureFacts { return r.findSignature(ctx) })
	r.sources = once(func() sourceFacts { return r.findSources(ctx) })
	return r
}

// own returns the organizational domains of the sender.
func (r *run) own() []string {
	domains := []string{} // not nil, which would allow all
	for _, d := range []string{r.domain, r.mailDomain, r.dkimDomain} {
		if d != "" && !isFreeMail(d) {
			domains = append(domains, organizational(d))
		}
	}
	return domains
}

// once returns a function that calls f at its first call and returns its result at
// every call. No lock is held while f waits.
func once[T any](f func() T) func() T {
	var begun atomic.Bool
	var result T
	done := make(chan struct{})
	return func() T {
		if begun.CompareAndSwap(false, true) {
			result = f()
			close(done)
		}
		<-done
		return result
	}
}
