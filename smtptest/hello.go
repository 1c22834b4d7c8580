package smtptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"time"
)

// hello answers EHLO and HELO, which also reset (RFC 5321, 4.1.4).
func (s *session) hello(line, verb, arg string) bool {
	return s.answer(s.event(StageHelo, line), func() string {
		if arg == "" {
			return s.cfg.line(501, "", "Syntax: "+verb+" hostname")
		}
		if verb == "HELO" {
			return s.alone("250 " + s.cfg.Hostname)
		}
		return s.alone(s.capabilities())
	}, func(g given) {
		if g.code/100 == 2 {
			s.helo = arg
			s.endTransaction(given{}, false)
		}
	})
}

// capabilities composes the reply to EHLO.
func (s *session) capabilities() string {
	lines := []string{s.cfg.Hostname}
	for _, name := range extensions {
		if !s.cfg.offers(name) {
			continue
		}
		if name == "SIZE" {
			name += " " + strconv.FormatInt(s.cfg.MaxSize, 10)
		}
		lines = append(lines, name)
	}
	if s.cfg.StartTLS && !s.tls {
		lines = append(lines, "STARTTLS")
	}
	if s.offersAuth() {
		lines = append(lines, "AUTH "+strings.Join(s.cfg.Mechanisms, " "))
	}
	lines = append(lines, s.cfg.Offer...)
	for i := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		lines[i] = "250" + sep + lines[i]
	}
	return strings.Join(lines, "\n")
}

// startTLS answers STARTTLS and shakes hands.
func (s *session) startTLS(line, arg string) bool {
	ready := false
	goOn := s.answer(s.event(StageStartTLS, line), func() string {
		switch {
		case !s.cfg.StartTLS:
			return s.cfg.line(502, "5.5.1", "Error: STARTTLS is not offered")
		case s.tls:
			return s.cfg.line(503, "5.5.1", "Error: TLS is already active")
		case arg != "":
			return s.cfg.line(501, "5.5.4", "Syntax: STARTTLS")
		}
		return s.alone(s.cfg.line(220, "2.0.0", "Ready to start TLS"))
	}, func(g given) { ready = g.code == 220 && !s.tls })
	if !goOn || !ready {
		return goOn
	}
	return s.flush() && s.handshake()
}

// handshake makes the connection a TLS connection and forgets what was said
// before (RFC 3207, 4.2).
func (s *session) handshake() bool {
	if f := s.srv.fault(s.event(StageHandshake, "")); f != nil {
		if !s.pause(f.Delay) {
			return false
		}
		if f.replaces() || f.End != Continue {
			s.unasked(f)
			return false
		}
	}
	cfg, err := s.srv.tls()
	if err != nil {
		return false
	}
	conn := tls.Server(s.conn, cfg)
	conn.SetDeadline(time.Now().Add(s.cfg.IdleTimeout))
	if conn.Handshake() != nil {
		return false
	}
	conn.SetDeadline(time.Time{})
	s.use(conn)
	s.endTransaction(given{}, false)
	s.tls, s.helo = true, ""
	return true
}

// newCertificate makes a certificate that is its own authority, for hostname,
// localhost, mx.test and the loopback addresses. It is valid for a century, as
// the clock of a synctest bubble starts in 2000.
func newCertificate(hostname string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("smtptest: cannot make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: hostname},
		NotBefore:             time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{hostname, "localhost", "mx.test"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("smtptest: cannot make a certificate for %q: %w", hostname, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("smtptest: cannot read the certificate for %q: %w", hostname, err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
