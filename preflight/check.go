package preflight

import (
	"context"
	"crypto"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/smtpace/smtpace"
)

// Sender is whoever sends, and what the checks are about. The more of it is known, the
// fewer findings are Unknown. It is a plain value.
type Sender struct {
	// From is the address of the From field, with or without a display name. "" means
	// the From of Sample, else an unnamed mailbox of Domain.
	From string
	// Domain is the domain of From; "" means that it is taken from there.
	Domain string
	// MailFrom is the envelope sender, to which undeliverable mail returns; "" means
	// From.
	MailFrom string

	// Relay takes the mail; nil means that it goes straight to the receivers.
	Relay *smtpace.Relay
	// Sources are the addresses that receivers see connections come from: those of the
	// relay, or this host's. An empty list behind a relay means the addresses of the
	// relay's name; failures for those are Unknown.
	Sources []netip.Addr
	// HELO is the name with which receivers are greeted. Behind a relay it is not
	// looked at if it is "".
	HELO string

	// DKIMSelector is the selector that signs; "" means those of the signatures of
	// Sample.
	DKIMSelector string
	// DKIMDomain is the signing domain; "" means the domain of From.
	DKIMDomain string
	// DKIMKey is the public half of the signing key, to be compared with the one in
	// DNS: an *rsa.PublicKey or an ed25519.PublicKey. nil means that it is not known.
	DKIMKey crypto.PublicKey

	// Sample is a message as it goes out, with its signature if it has one. Line ends
	// may be LF throughout, as in a file. nil leaves the checks of messages out.
	Sample []byte
}

// Options change what Check does. The zero value has all checks for any mail.
type Options struct {
	// BulkSender applies the rules that Gmail, Yahoo and Microsoft have for senders of
	// 5,000 messages a day and more.
	BulkSender bool
	// Quick limits Check to the sample and to what DNS says below the domains of the
	// sender itself: no server is connected to, and nobody else's names are asked about.
	Quick bool

	// Resolver asks DNS; nil means the servers of this machine, without its hosts file.
	Resolver Resolver
	// DialContext connects to the domain's MX hosts and to port 25 of receivers; nil
	// means a net.Dialer. A Relay has a dialer of its own.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// HTTP fetches the MTA-STS policy; nil means that it is not fetched. Redirects are
	// not followed (RFC 8461 3.3).
	HTTP *http.Client
	// DNSBLs are the block lists that are asked; nil means DefaultDNSBLs, and an
	// empty slice none.
	DNSBLs []DNSBL
	// Receivers are the domains whose MX hosts are connected to if there is no Relay,
	// to see whether port 25 is open; nil means gmail.com, outlook.com and yahoo.com.
	// No mail is sent.
	Receivers []string

	// Timeout bounds Check; 0 means 60 s. What was not found out by then is Unknown.
	Timeout time.Duration
	// Progress is called after each part of the checks, from the goroutine of Check;
	// nil means that nobody is told.
	Progress func(Progress)
}

// Progress says how far a Check is.
type Progress struct {
	Done, Total int
	Waiting     []string // the names of the parts that are not done
}

// defaultTimeout bounds Check by default.
const defaultTimeout = time.Minute

// endGrace is the time that the parts have to return what they know when the context
// has ended.
const endGrace = 50 * time.Millisecond

// Check finds out whether a sender is fit to send, and returns its findings in the
// order of the package comment.
//
// It returns within 100 ms when ctx ends. What was not found out is Unknown then, as
// are the findings of a DNS server that does not answer: nothing is called a failure
// because of trouble on the way. If a Resolver or dialer does not return when its
// context ends, a goroutine waits for it.
func Check(ctx context.Context, s Sender, o Options) []Finding {
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := newRun(ctx, s, o)
	var parts []part
	for _, p := range allParts {
		if (p.quick || !o.Quick) && p.concerns(r) {
			parts = append(parts, p)
		}
	}
	found := r.collect(ctx, parts)
	for i := range found {
		found[i] = found[i].clean()
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return orderOf(a.ID) - orderOf(b.ID) })
	return found
}

// part is a group of checks that belong together.
type part struct {
	name     string
	ids      []string // the findings that are Unknown if it is cut off
	quick    bool
	concerns func(*run) bool
	check    func(context.Context, *run) []Finding
}

// hasDomain reports whether there is a domain to ask about.
func hasDomain(r *run) bool { return r.domain != "" }

// allParts are the parts of a Check.
var allParts = []part{
	{"sender", nil, true, func(*run) bool { return true }, checkSender},
	{"SPF", []string{"spf.record", "spf.lookups", "spf.source"}, true, hasDomain, checkSPF},
	{"DKIM key", []string{"dkim.key"}, true, hasDomain, checkKeys},
	{"DKIM signature", []string{"dkim.signature"}, true, func(r *run) bool { return r.sample != nil }, checkSignature},
	{"DMARC", []string{"dmarc.record", "dmarc.reports"}, true, hasDomain, checkDMARC},
	{"alignment", []string{"dmarc.alignment"}, true, hasDomain, checkAlignment},
	{"PTR", []string{"source.ptr"}, false, hasDomain, checkPTR},
	{"HELO", []string{"source.helo"}, false, func(r *run) bool { return r.Relay == nil || r.HELO != "" }, checkHELO},
	{"MX", []string{"domain.mx"}, true, hasDomain, checkMX},
	{"mailboxes", []string{"domain.postmaster", "domain.abuse"}, false, hasDomain, checkMailboxes},
	{"MTA-STS", []string{"mta-sts.record"}, false, hasDomain, checkMTASTS},
	{"TLS-RPT", []string{"tls-rpt.record"}, false, hasDomain, checkTLSRPT},
	{"BIMI", []string{"bimi.record"}, false, hasDomain, checkBIMI},
	{"relay", []string{"relay.connect", "relay.starttls", "relay.certificate", "relay.login", "relay.sender"}, false,
		func(r *run) bool { return r.Relay != nil }, checkRelay},
	{"port 25", []string{"port25"}, false, func(r *run) bool { return r.Relay == nil }, checkPort25},
	{"block lists", []string{"dnsbl.address", "dnsbl.domain"}, false, func(r *run) bool { return len(r.options.DNSBLs) > 0 }, checkDNSBLs},
	{"message", nil, true, func(*run) bool { return true }, checkMessage},
	{"unsubscribing", []string{"bulk.unsubscribe"}, true, func(r *run) bool { return r.options.BulkSender && r.sample != nil }, checkUnsubscribe},
	{"complaints", nil, false, func(r *run) bool { return r.options.BulkSender }, checkComplaints},
}

// collect runs the parts side by side and returns what they find.
func (r *run) collect(ctx context.Context, parts []part) (found []Finding) {
	type result struct {
		part  int
		found []Finding
	}
	results := make(chan result, len(parts))
	for i, p := range parts {
		go func() { results <- result{i, p.check(ctx, r)} }()
	}
	done := make([]bool, len(parts))
	ended := ctx.Done()
	var grace <-chan time.Time
	for n := 0; n < len(parts); n++ {
		select {
		case one := <-results:
			done[one.part] = true
			found = append(found, one.found...)
			r.tell(parts, done, n+1)
			continue
		case <-ended:
			ended, grace = nil, time.After(endGrace)
			n--
			continue
		case <-grace:
		}
		break
	}
	for i, p := range parts {
		if done[i] {
			continue
		}
		for _, id := range p.ids {
			found = append(found, finding(id, "").is(Unknown, "the check was cut off: %v", context.Cause(ctx)))
		}
	}
	return found
}

// tell calls Options.Progress.
func (r *run) tell(parts []part, done []bool, n int) {
	if r.options.Progress == nil {
		return
	}
	p := Progress{Done: n, Total: len(parts)}
	for i, one := range parts {
		if !done[i] {
			p.Waiting = append(p.Waiting, one.name)
		}
	}
	r.options.Progress(p)
}
