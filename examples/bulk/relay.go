package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/smtpace/smtpace/examples/bulk/internal/dkim"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/profile"
	"github.com/wneessen/go-mail"
)

// tlsModes are the values of -tls. Not given, it is mandatory STARTTLS, or
// implicit TLS on port 465.
var tlsModes = map[string]pool.TLS{
	"none": pool.TLSNone, "opportunistic": pool.TLSOpportunistic,
	"mandatory": pool.TLSMandatory, "implicit": pool.TLSImplicit,
}

// logins are the values of -auth.
var logins = []mail.SMTPAuthType{
	mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthSCRAMSHA256,
	mail.SMTPAuthSCRAMSHA1PLUS, mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthXOAUTH2, pool.AuthOAuthBearer, mail.SMTPAuthNTLM, pool.AuthExternal,
}

func (o *options) setTLS(s string) error {
	mode, ok := tlsModes[s]
	if !ok {
		return errors.New("must be none, opportunistic, mandatory or implicit")
	}
	o.relay.TLS = mode
	return nil
}

func (o *options) setAuth(s string) error {
	wanted := mail.SMTPAuthType(strings.ToUpper(s))
	if !slices.Contains(logins, wanted) {
		var names []string
		for _, l := range logins {
			names = append(names, string(l))
		}
		return fmt.Errorf("must be one of %s", strings.Join(names, ", "))
	}
	o.relay.Auth = wanted
	return nil
}

func (o *options) setHELO(s string) error {
	s = strings.TrimSuffix(s, ".")
	_, err := netip.ParseAddr(s)
	if why := badDomain(s); why != "" || !isASCII(s) || err == nil {
		return fmt.Errorf("must be the name of this host in DNS, such as news.example.com, or its address in brackets, not %q", s)
	}
	o.relay.HELO = s
	return nil
}

// checkRelay looks at the address of the relay.
func (o *options) checkRelay() error {
	if o.relay.Addr == "" {
		return nil // named as missing
	}
	host, port, err := net.SplitHostPort(o.relay.Addr)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || !isPrintable(host) || strings.Contains(host, " ") || portErr != nil || n == 0 {
		return fmt.Errorf("-relay %q must be HOST:PORT, such as mail.example.com:587", o.relay.Addr)
	}
	return nil
}

// checkLogin resolves -user and -password-env.
func (o *options) checkLogin() error {
	switch {
	case strings.ContainsFunc(o.user, unicode.IsControl):
		return fmt.Errorf("-user %q contains a line break or another control character", o.user)
	case o.user == "" && o.passwordEnv == "" && o.relay.Auth == "":
		return nil
	case o.relay.Auth == pool.AuthExternal:
		return o.checkExternal()
	case o.user == "" && o.passwordEnv == "":
		return errors.New("-auth needs -user and -password-env")
	case o.user == "":
		return errors.New("-password-env needs -user")
	case o.passwordEnv == "":
		return errors.New("-user needs -password-env, the environment variable that has the password")
	case o.relay.TLS == pool.TLSNone && !isLoopback(o.relay.Addr):
		return errors.New("-user with -tls none: the password would go over the network in clear text")
	}
	user, secret := o.user, os.Getenv(o.passwordEnv)
	switch {
	case secret == "":
		return fmt.Errorf("-password-env: the environment variable %q is not set", o.passwordEnv)
	case strings.ContainsFunc(secret, unicode.IsControl):
		return fmt.Errorf("-password-env: the value of %q contains a line break or another control character, which no login can carry", o.passwordEnv)
	}
	o.relay.Credentials = func(context.Context) (string, string, error) { return user, secret, nil }
	return nil
}

// checkExternal resolves a login by the certificate.
func (o *options) checkExternal() error {
	switch {
	case o.cert == "":
		return errors.New("-auth EXTERNAL needs -cert, the certificate that is the login")
	case o.passwordEnv != "":
		return errors.New("-auth EXTERNAL has no password: -password-env is of no use")
	case o.user != "":
		user := o.user
		o.relay.Credentials = func(context.Context) (string, string, error) { return user, "", nil }
	}
	return nil
}

func isLoopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// checkCertificates reads -ca, -cert and -cert-key.
func (o *options) checkCertificates() error {
	if o.ca == "" && o.cert == "" && o.certKey == "" {
		return nil
	}
	var errs []error
	if o.relay.TLS == pool.TLSNone {
		errs = append(errs, errors.New("-ca and -cert need TLS, and -tls is none"))
	}
	config := &tls.Config{}
	if o.ca != "" {
		roots, err := readRoots(o.ca)
		errs = append(errs, err)
		config.RootCAs = roots
	}
	if o.cert == "" && o.certKey != "" {
		errs = append(errs, errors.New("-cert-key needs -cert"))
	}
	if o.cert != "" {
		key := o.certKey
		if key == "" {
			key = o.cert
		}
		certificate, err := tls.LoadX509KeyPair(o.cert, key)
		if err != nil {
			errs = append(errs, fmt.Errorf("-cert: %s must have a certificate and its key in PEM, or -cert-key the key: %w", o.cert, err))
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	o.relay.TLSConfig = config
	return errors.Join(errs...)
}

// readRoots gives the authorities of the system and those of a file.
func readRoots(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("-ca: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("-ca: %s has no certificate in PEM (-----BEGIN CERTIFICATE-----)", path)
	}
	return roots, nil
}

// builtin is the value of -profiles for what the library knows.
const builtin = "builtin"

// checkProfiles reads -profiles: a file goes before what is built in.
func (o *options) checkProfiles() error {
	switch o.profilesFrom {
	case "":
		return nil
	case builtin:
		o.profiles = profile.Default()
		return nil
	}
	file, err := os.Open(o.profilesFrom)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("-profiles: %w; %q is what is built in", err, builtin)
	}
	if err != nil {
		return fmt.Errorf("-profiles: %w", err)
	}
	defer file.Close()
	own, err := profile.Parse(file, o.profilesFrom)
	if err != nil {
		return fmt.Errorf("-profiles: %w", err)
	}
	o.profiles = profile.Default().With(own)
	return nil
}

// checkDKIM looks at the flags of the signature.
func (o *options) checkDKIM() error {
	switch {
	case o.dkimSelector == "" && o.dkimKey == "" && o.dkimDomain == "":
		return nil
	case o.dkimSelector == "":
		return errors.New("-dkim-key and -dkim-domain need -dkim-selector, the name of the key in DNS")
	case o.dkimKey == "":
		return errors.New("-dkim-selector needs -dkim-key, a file with the private key in PEM")
	}
	_, err := o.signer("example.com") // the domain may come from the message
	return err
}

// signer makes what signs each mail; nil without -dkim-selector.
func (o *options) signer(domain string) (*dkim.Signer, error) {
	if o.dkimSelector == "" {
		return nil, nil
	}
	key, err := os.ReadFile(o.dkimKey)
	if err != nil {
		return nil, fmt.Errorf("-dkim-key: %w", err)
	}
	if o.dkimDomain != "" {
		domain = o.dkimDomain
	}
	if domain == "" {
		return nil, errors.New("-dkim-domain is missing: the From of the message does not tell the domain")
	}
	signer, err := dkim.NewSigner(domain, o.dkimSelector, key)
	if err != nil {
		return nil, fmt.Errorf("-dkim-key %s: %w", o.dkimKey, err)
	}
	return signer, nil
}
