package pool

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
)

// Endpoint holds the address of a server and the settings of TLS and login for a
// connection to it. It is a plain value; only Addr is required.
type Endpoint struct {
	// Name is the name of the endpoint in errors. The default is Addr.
	Name string

	// Addr is the host and port, "mail.example.com:587".
	Addr string

	// TLS is the mode of encryption. The default requires encryption.
	TLS TLS

	// TLSConfig is cloned for every connection; it may be nil. An empty
	// ServerName becomes the host of Addr, and the minimum version is TLS 1.2.
	TLSConfig *tls.Config

	// Auth is the login mechanism: PLAIN, LOGIN, CRAM-MD5, XOAUTH2, NTLM or one
	// of the four of SCRAM. Empty or AUTODISCOVER means the best mechanism that
	// is offered, XOAUTH2 and NTLM excepted. It requires Credentials.
	Auth mail.SMTPAuthType

	// Credentials returns the user and the password or token. It is called for
	// every login, so that an expired token can be renewed, and must return when
	// its context ends. Nil means no login. The secret is removed from all
	// replies and errors.
	Credentials func(context.Context) (user, secret string, err error)

	// Omit are extensions that are not used although the server offers them, as it
	// does not do what it says: PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN or
	// LIMITS, in any case. An extension that shows not to work is found out and
	// left out without it. STARTTLS and AUTH are not among them: TLS and
	// Credentials say whether these are used.
	Omit []string

	// Provider is the profile of the server, for [classify.Input] of a failure of
	// the connection; "" when it is not known.
	Provider string

	// HELO is the client's name in EHLO. The default is os.Hostname, or
	// "localhost" where that is no valid name in SMTP.
	HELO string

	// DialContext opens the connection in place of a net.Dialer. It must
	// return when its context ends, and its connections must support deadlines.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

// mechanisms are the values of Endpoint.Auth. go-mail has others, which log in over
// clear text or need data that an Endpoint does not have.
var mechanisms = []mail.SMTPAuthType{
	"", mail.SMTPAuthAutoDiscover, mail.SMTPAuthPlain, mail.SMTPAuthLogin,
	mail.SMTPAuthCramMD5, mail.SMTPAuthXOAUTH2, mail.SMTPAuthNTLM,
	mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthSCRAMSHA256,
	mail.SMTPAuthSCRAMSHA1PLUS, mail.SMTPAuthSCRAMSHA256PLUS,
}

// Validate returns all mistakes of the endpoint, joined. [Pool.Open] and
// [Pool.Verify] call it.
func (e Endpoint) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("pool: endpoint %q: "+format, append([]any{e.name()}, args...)...))
	}
	if host, port, err := net.SplitHostPort(e.Addr); err != nil || host == "" || !isPort(port) {
		wrong("address %q must be host:port", e.Addr)
	} else if strings.ContainsFunc(host, isControlOrSpace) {
		wrong("host %q contains a space or control character", host)
	}
	if e.TLS > TLSNone {
		wrong("unknown TLS mode %d", e.TLS)
	}
	if strings.ContainsFunc(e.HELO, isControlOrSpace) {
		wrong("HELO name %q contains a space or control character", e.HELO)
	}
	for _, keyword := range e.Omit {
		if !slices.Contains(omittable, strings.ToUpper(keyword)) {
			wrong("Omit names %q; it may name %s", keyword, strings.Join(omittable, ", "))
		}
	}
	if !slices.Contains(mechanisms, e.Auth) {
		wrong("login mechanism %q is not supported", e.Auth)
	}
	if e.Auth != "" && e.Credentials == nil {
		wrong("login mechanism %q without Credentials", e.Auth)
	}
	if e.TLS == TLSNone && e.Credentials != nil && !isLoopback(e.host()) {
		wrong("a login over clear text (TLSNone) is allowed to the loopback only")
	}
	return errors.Join(errs...)
}

// name returns the name of the endpoint in errors.
func (e Endpoint) name() string { return cmp.Or(e.Name, e.Addr) }

// host returns the host of Addr.
func (e Endpoint) host() string {
	host, _, _ := net.SplitHostPort(e.Addr)
	return host
}

// mode returns TLS, with TLSDefault replaced by the mode for the port.
func (e Endpoint) mode() TLS {
	if e.TLS != TLSDefault {
		return e.TLS
	}
	if _, port, _ := net.SplitHostPort(e.Addr); port == "465" {
		return TLSImplicit
	}
	return TLSMandatory
}

// tlsConfig returns the configuration of one connection.
func (e Endpoint) tlsConfig() *tls.Config {
	config := &tls.Config{}
	if e.TLSConfig != nil {
		config = e.TLSConfig.Clone()
	}
	config.ServerName = cmp.Or(config.ServerName, e.host())
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return config
}

// helo returns the name for EHLO (RFC 5321 4.1.1.1).
func (e Endpoint) helo() string {
	if e.HELO != "" {
		return e.HELO
	}
	name, err := os.Hostname()
	if err != nil || name == "" || strings.ContainsFunc(name, notHostname) {
		return "localhost"
	}
	return name
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func isControlOrSpace(r rune) bool { return r <= ' ' || r == 0x7f }

func notHostname(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
}
