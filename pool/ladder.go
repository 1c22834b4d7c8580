package pool

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// rung is a step of the way from the best TLS to clear text that mail takes where
// encryption is opportunistic (RFC 7435): each needs a new connection.
type rung uint8

const (
	rungFull      rung = iota // the default of crypto/tls
	rungClassical             // a hello without post-quantum keys, which fits into one packet; some servers and firewalls lose the second
	rungOld                   // TLS 1.0 and later, with all cipher suites
	rungClear                 // clear text
)

var rungNames = [...]string{"", "without post-quantum key exchange", "TLS 1.0 and all cipher suites allowed", "clear text"}

const (
	// clearAfter is the time since TLS first failed at an address after which mail
	// goes there in clear text. A fault that passes exposes nothing.
	clearAfter = 5 * time.Minute
	// rungLife is the time for which an address keeps the rung that worked.
	rungLife = 24 * time.Hour
	// opportunisticTime is the time for STARTTLS and a handshake that may be tried in
	// another way.
	opportunisticTime = 20 * time.Second
)

// ladder is the state of TLS at an address. The zero ladder has not seen any.
type ladder struct {
	rung   rung
	until  time.Time // the end of rung; zero while no rung below the first has worked
	again  bool      // whether the rung has ended and the first is due again
	worked time.Time // the last time at which TLS came about
	failed time.Time // the first time at which it failed since it worked; zero if it did not
	all    bool      // whether every rung has failed since then
	why    error     // the last failure, until TLS works on the first rung
}

// climbs reports whether mail to the endpoint goes in the best way that works: encryption
// is opportunistic, and there is no login.
func (e Endpoint) climbs() bool { return e.mode() == TLSOpportunistic && !e.logsIn() }

// lowest returns the last rung for the endpoint. One that must prove something goes
// without post-quantum keys, which proves no less, and no further down.
func (e Endpoint) lowest() rung {
	switch {
	case e.climbs():
		return rungClear
	case e.TLSPolicy.proves() && e.mode() == TLSMandatory:
		return rungClassical
	}
	return rungFull
}

// rungAt returns the rung for a new connection, and whether STARTTLS must be offered:
// it must where TLS has worked within a day, or anybody in between could take it
// away.
func (k *known) rungAt(now time.Time, at netip.AddrPort) (r rung, must bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &k.addressLocked(at).tls
	if !l.until.IsZero() && !now.Before(l.until) {
		l.rung, l.until, l.again = rungFull, time.Time{}, true
	}
	switch {
	case !l.mayClear(now):
		return l.rung, !l.worked.IsZero() && now.Sub(l.worked) < rungLife
	case l.again || notOffered(l.why):
		return rungFull, false
	}
	return rungClear, false
}

// mayClear reports whether clear text may be used.
func (l *ladder) mayClear(now time.Time) bool {
	return l.all && now.Sub(l.failed) >= clearAfter
}

// notOffered reports whether a failure means that the server did not begin TLS.
func notOffered(err error) bool {
	return errors.Is(err, ErrNoTLS) || isError[*classify.Reply](err)
}

// on returns the endpoint with the settings of a rung.
func (e Endpoint) on(r rung, must bool) Endpoint {
	if must {
		e.TLS = TLSMandatory
	}
	if r == rungClear {
		e.TLS = TLSNone
	}
	if r == rungFull || r == rungClear {
		return e
	}
	config := &tls.Config{}
	if e.TLSConfig != nil {
		config = e.TLSConfig.Clone()
	}
	if config.CurvePreferences == nil {
		config.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	}
	if r == rungOld && config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS10
	}
	if r == rungOld && config.CipherSuites == nil {
		for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
			config.CipherSuites = append(config.CipherSuites, suite.ID)
		}
	}
	e.TLSConfig = config
	return e
}

// secured notes that a session came about on a rung, over TLS or not. It returns the
// failure of TLS that it follows, nil if there was none.
func (k *known) secured(now time.Time, at netip.AddrPort, r rung, encrypted bool) (why error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &k.addressLocked(at).tls
	switch {
	case encrypted && r == rungFull:
		*l = ladder{worked: now}
		return nil
	case encrypted:
		l.worked, l.failed, l.all = now, time.Time{}, false
	case r != rungClear:
		return l.why // STARTTLS is not offered
	}
	if l.until.IsZero() {
		l.rung, l.until = r, now.Add(rungLife)
	}
	return l.why
}

// unsecured notes that TLS failed on a rung. It reports whether another rung, down to
// the lowest, may be tried at once.
func (k *known) unsecured(now time.Time, at netip.AddrPort, r, lowest rung, err error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &k.addressLocked(at).tls
	if l.failed.IsZero() {
		l.failed = now
	}
	l.why, l.until, l.again = err, time.Time{}, false
	switch {
	case lowest == rungClassical && (r == rungClassical || !lostOrSilent(err)):
		l.rung = rungFull
		return false
	case l.all || notOffered(err) || r >= rungOld:
		l.rung, l.all = rungOld, true
		return l.mayClear(now)
	case r == rungFull && lostOrSilent(err):
		l.rung = rungClassical
	default:
		l.rung = rungOld
	}
	return true
}

// isTLSFailure reports whether a session of a climbing endpoint failed for TLS in a way
// that another rung may cure. A certificate that is not accepted is no such failure, and
// neither are signs of tampering with the connection.
func isTLSFailure(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Stage != classify.StageStartTLS || errors.Is(err, errInjected) || errors.Is(err, ErrTLSProof) {
		return false
	}
	if r, ok := errors.AsType[*classify.Reply](err); ok {
		return r.Code != codeShutdown
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) &&
		!isError[*tls.CertificateVerificationError](err) && !isError[x509.HostnameError](err) &&
		!isError[x509.UnknownAuthorityError](err) && !isError[x509.CertificateInvalidError](err)
}

// isError reports whether err is or wraps an error of type E.
func isError[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// lostOrSilent reports whether the peer has ended the connection or said nothing.
func lostOrSilent(err error) bool {
	return timedOut(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// Security is the encryption of a connection, and the proof of the server's identity.
type Security struct {
	// TLS is the version, "TLS 1.3"; "" means clear text.
	TLS string
	// Proved is the proof that TLS has given: "webpki", "mta-sts" or "dane", as the
	// endpoint's TLSPolicy needs it, else "none". A certificate of a trusted authority
	// is "webpki" also where none was needed.
	Proved string
	// Fallback is the reason for less than the best: the failure of TLS at this
	// address, where encryption is opportunistic. It is nil on other connections.
	Fallback error
}

// String returns the version of TLS or "clear text", and the reason for it.
func (s Security) String() string {
	text := s.TLS
	if text == "" {
		text = rungNames[rungClear]
	}
	if s.Fallback != nil {
		text += ", as TLS failed: " + s.Fallback.Error()
	}
	return text
}

// Security tells how the connection is secured. It must not be called before
// [User].Opened.
func (c *Conn) Security() Security { return c.session.security() }

// security returns how the session is secured.
func (s *session) security() Security {
	out := Security{Proved: cmp.Or(s.proved, provedNothing), Fallback: s.fallback}
	if s.tls != nil {
		out.TLS = tls.VersionName(s.tls.Version)
	}
	return out
}
