package pool

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// The proofs of Security.Proved that are not the name of a need.
const (
	provedNothing = "none"
	provedPKIX    = "webpki"
)

// trust is the basis for judging a certificate, beside a policy.
type trust struct {
	host  string         // name that the server was asked for
	roots *x509.CertPool // trusted authorities; nil means the system's
	now   time.Time
}

// check returns what a connection proves: "none", "webpki", "mta-sts" or "dane". The
// error tells why it does not prove what the policy needs.
func (p TLSPolicy) check(state tls.ConnectionState, by trust) (proved string, err error) {
	switch p.Need {
	case needDefault: // crypto/tls has verified what TLSConfig demands
		if len(state.VerifiedChains) > 0 {
			return provedPKIX, nil
		}
		return provedNothing, nil
	case NeedOpportunistic:
		if verifyChain(state.PeerCertificates, by, by.host) == nil {
			return provedPKIX, nil
		}
		return provedNothing, nil
	case NeedWebPKI:
		err = verifyChain(state.PeerCertificates, by, p.Names...)
	case NeedMTASTS:
		if err = p.lists(by.host); err == nil {
			err = verifyChain(state.PeerCertificates, by, by.host)
		}
	case NeedDANE:
		if len(p.Records) == 0 {
			return provedNothing, nil
		}
		err = p.verifyDANE(state.PeerCertificates, by)
	default:
		err = fmt.Errorf("pool: unknown need %d", p.Need)
	}
	if err != nil {
		return provedNothing, err
	}
	return p.Need.String(), nil
}

// verifyDANE returns nil if a record matches: of usage 3 the certificate, whatever its
// names and dates, of usage 2 an authority that the certificate was issued below.
func (p TLSPolicy) verifyDANE(chain []*x509.Certificate, by trust) error {
	if len(chain) == 0 {
		return errNoCertificate
	}
	for _, r := range p.Records {
		if r.Usage == usageEE && r.matches(chain[0]) {
			return nil
		}
	}
	by.roots = p.anchors(chain)
	if by.roots == nil {
		return fmt.Errorf("none of %d TLSA records matches the certificate", len(p.Records))
	}
	return verifyChain(chain, by, p.Names...)
}

var errNoCertificate = errors.New("server has sent no certificate")

// verifyChain returns nil if the first certificate was issued below one of the roots,
// is valid now, and is so for one of the names.
func verifyChain(chain []*x509.Certificate, by trust, names ...string) error {
	if len(chain) == 0 {
		return errNoCertificate
	}
	intermediates := x509.NewCertPool()
	for _, cert := range chain[1:] {
		intermediates.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: by.roots, Intermediates: intermediates, CurrentTime: by.now})
	if err != nil {
		return err
	}
	err = errors.New("no name to be valid for")
	for _, name := range names {
		if err = chain[0].VerifyHostname(normalHost(name)); err == nil {
			return nil
		}
	}
	return err
}

// serverName returns the name that the server is asked for (SNI).
func (e Endpoint) serverName() string {
	if e.TLSConfig != nil && e.TLSConfig.ServerName != "" {
		return e.TLSConfig.ServerName
	}
	if p := e.TLSPolicy; len(p.Names) > 0 && p.Need != NeedMTASTS {
		return normalHost(p.Names[0])
	}
	return e.host()
}

// tlsConfig returns the configuration of one connection. Proved is called with what
// the connection proves.
//
// This is the only place where InsecureSkipVerify is set: with a policy, check is the
// verifier. crypto/tls knows neither DANE nor several names, and accepts nothing where
// nothing need be proved.
func (e Endpoint) tlsConfig(proved func(string)) *tls.Config {
	config := &tls.Config{}
	if e.TLSConfig != nil {
		config = e.TLSConfig.Clone()
	}
	config.ServerName = e.serverName()
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS12
	}
	if e.TLSPolicy.Need != needDefault {
		config.InsecureSkipVerify = true
	}
	own := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		now := time.Now()
		if config.Time != nil {
			now = config.Time()
		}
		proof, err := e.TLSPolicy.check(state, trust{host: config.ServerName, roots: config.RootCAs, now: now})
		if err != nil {
			return e.TLSPolicy.unproved(&tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err})
		}
		proved(proof)
		if own != nil {
			return own(state)
		}
		return nil
	}
	return config
}
