package smtpace

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// FailFast selects the messages that end at once when none of their relays has worked
// since New, for reasons that time rarely cures.
//
// Such a message ends as NotTried. Its error wraps [ErrNeverWorked] and the reason of
// each relay. All of this must be true:
//   - the last connection to every relay of its Route has failed, and none is being
//     opened;
//   - none of the relays has accepted a MAIL command since New;
//   - each failure is a refused login, one that is not offered or cannot be sent, a
//     certificate that is not valid, missing STARTTLS, a host name that does not exist, or a
//     refused TCP connection.
//
// Timeouts, 4yz replies and unmet demands of a TLSPolicy are no such failures. A relay
// that has failed is still tried, with growing gaps, while there is mail for it.
type FailFast uint8

// The messages that end at once.
const (
	// FailFastSend means those of Send, SendMail, DialAndSend and
	// DialAndSendWithContext, whose callers wait. The others wait for the relay.
	FailFastSend FailFast = iota
	// FailFastNever means none.
	FailFastNever
	// FailFastAlways means those of Submit and SendAll too.
	FailFastAlways
)

// applies reports whether a message may end at once.
func (f FailFast) applies(in *incoming) bool {
	return f == FailFastAlways || f == FailFastSend && in.awaited
}

// prospects is the part of an endpoint that tells whether waiting for it is of use.
// The endpoint's mu guards all but proven.
type prospects struct {
	proven   atomic.Bool // whether it has accepted MAIL since New
	hopeless bool        // whether its last failure is one that waiting rarely cures
	opening  int         // number of connections that are being opened
	since    time.Time   // time at which the first of those began
}

// beginOpening counts a connection that is being opened.
func (e *endpoint) beginOpening() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.opening++; e.opening == 1 {
		e.since = time.Now()
	}
}

// endOpening counts a connection that was opened, or could not be.
func (e *endpoint) endOpening() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.opening--
}

// judgeProspects notes whether waiting rarely cures a failure to open a connection;
// nil stands for success.
func (e *endpoint) judgeProspects(err error) {
	hopeless := waitingRarelyCures(err)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hopeless = hopeless
}

// noteMail notes the evidence of a transaction about the endpoint: it has accepted MAIL,
// or it takes none without a login.
func (e *endpoint) noteMail(r pool.Report) {
	if e.proven.Load() {
		return
	}
	refused := len(r.Recipients) > 0
	accepted := false
	var why error
	for i := range r.Recipients {
		a := &r.Recipients[i]
		switch {
		case a.Stage != classify.StageMail && a.Reply != nil:
			accepted = true
		case a.Stage != classify.StageMail || a.Reply == nil || a.Reply.Code < 500 || a.Verdict.Class != classify.ClassSMTPAuth:
			refused = false
		}
		why = a.Err
	}
	e.mu.Lock()
	switch {
	case accepted:
		e.proven.Store(true)
		e.hopeless = false
	case refused:
		e.hopeless, e.fault = true, why
	}
	e.mu.Unlock()
	if accepted && !e.pinned {
		e.sender.proven.add(e.name)
	}
}

// waitingRarelyCures reports whether a failure to open a connection is likely to
// last until somebody mends it.
func waitingRarelyCures(err error) bool {
	if err == nil || errors.Is(err, pool.ErrTLSProof) { // the receiver may mend it
		return false
	}
	if errors.Is(err, pool.ErrNoTLS) || errors.Is(err, pool.ErrNoAuth) || errors.Is(err, pool.ErrCredentials) || errors.Is(err, syscall.ECONNREFUSED) {
		return true
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsNotFound && !dns.IsTemporary && !dns.IsTimeout
	}
	if reply, ok := errors.AsType[*classify.Reply](err); ok {
		fault, _ := errors.AsType[*pool.Error](err)
		return reply.Code >= 500 && fault != nil && (fault.Stage == classify.StageAuth || fault.Stage == classify.StageStartTLS)
	}
	return badCertificate(err)
}

// badCertificate reports whether a certificate was not accepted.
func badCertificate(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return verification || authority || name || invalid
}

// hopeless returns the faults of all endpoints of the path; nil when waiting for
// one of them may be of use.
func (p *path) hopeless() (faults []error) {
	if p == nil {
		return nil
	}
	for _, e := range p.endpoints {
		e.mu.Lock()
		hopeless, fault := e.hopeless && !e.proven.Load() && e.opening == 0, e.fault
		e.mu.Unlock()
		if !hopeless || fault == nil {
			return nil
		}
		faults = append(faults, fault)
	}
	return faults
}

// faults returns why no endpoint of the path can be reached; nil when one can.
func (p *path) faults() (faults []error) {
	if p == nil {
		return nil
	}
	for _, e := range p.endpoints {
		e.mu.Lock()
		fault := e.fault
		if fault == nil && e.opening > 0 && e.opened == 0 {
			fault = fmt.Errorf("smtpace: relay %q: no connection after %v", e.name, time.Since(e.since).Round(time.Millisecond))
		}
		e.mu.Unlock()
		if fault == nil {
			return nil
		}
		faults = append(faults, fault)
	}
	return faults
}

// because returns why with the faults of relays behind it.
func because(why error, faults []error) error {
	for _, fault := range faults {
		why = fmt.Errorf("%w; relay: %w", why, fault)
	}
	return why
}

// failFast ends the messages that wait for an endpoint in vain.
func (s *Sender) failFast(e *endpoint) {
	e.mu.Lock()
	hopeless := e.hopeless && !e.proven.Load()
	e.mu.Unlock()
	if hopeless && s.impatient.Load() > 0 {
		s.registry.each((*Submission).failFast)
	}
}

// failFast ends those queued deliveries of the message that wait in vain, if it may
// end at once.
func (sub *Submission) failFast() {
	if !sub.impatient {
		return
	}
	sub.mu.Lock()
	for _, d := range slices.Clone(sub.deliveries) {
		if d.state != stateQueued {
			continue
		}
		if faults := d.path.hopeless(); faults != nil && sub.sender.sched.Remove(time.Now(), d.item) {
			sub.endAllLocked(d, because(ErrNeverWorked, faults), false)
		}
	}
	sub.finish()
}

// provenNames are the names of relays of Routes that have accepted MAIL. They
// outlast the endpoints, which are forgotten when no mail goes through them.
type provenNames struct {
	mu    sync.Mutex
	names map[string]struct{}
}

// mostProven is the number of names that are kept. Beyond it every new relay
// counts as one that has worked.
const mostProven = 10_000

// add keeps a name.
func (p *provenNames) add(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names == nil {
		p.names = map[string]struct{}{}
	}
	if len(p.names) < mostProven {
		p.names[name] = struct{}{}
	}
}

// has reports whether a relay may have accepted MAIL.
func (p *provenNames) has(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.names[name]
	return ok || len(p.names) >= mostProven
}
