package smtptest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Config describes a Server. The zero Config is a receiver on a loopback socket
// that accepts everything from every client.
type Config struct {
	// Hostname is the server's name in its replies and its certificate;
	// default "mx.test".
	Hostname string

	// InMemory makes a server without a socket: only Server.DialContext
	// reaches it. Inside a testing/synctest bubble this is required, and the
	// server must be made and closed in the bubble.
	InMemory bool

	// Latency is the time that bytes need from one end of a connection to the
	// other. A dial needs two of them in memory, none over a socket.
	Latency time.Duration

	// Omit are the extensions that are neither offered nor accepted, of the
	// default ones: PIPELINING, SIZE, 8BITMIME, ENHANCEDSTATUSCODES, DSN,
	// SMTPUTF8.
	Omit []string

	// Offer are further lines of the reply to EHLO, such as "LIMITS
	// MAILMAX=20".
	Offer []string

	// MaxSize is the largest message in bytes (RFC 1870); default 25 MiB.
	MaxSize int64

	// StartTLS offers STARTTLS (RFC 3207).
	StartTLS bool

	// ImplicitTLS starts every connection with a TLS handshake (RFC 8314).
	ImplicitTLS bool

	// RequireTLS refuses MAIL and hides AUTH before STARTTLS.
	RequireTLS bool

	// TLSConfig, if set, is used in place of one with a certificate that
	// Server.ClientTLS trusts.
	TLSConfig *tls.Config

	// Users are the logins, name to secret. With XOAUTH2 the secret is the
	// token. If there are none, AUTH (RFC 4954) is not offered. It is offered on
	// plain connections as well, unless RequireTLS.
	Users map[string]string

	// Mechanisms are the AUTH mechanisms offered, of PLAIN, LOGIN, CRAM-MD5
	// and XOAUTH2; none means all.
	Mechanisms []string

	// RequireAuth refuses MAIL before a login.
	RequireAuth bool

	// ServiceTime is the time between the final dot and its reply.
	ServiceTime time.Duration

	// IdleTimeout is the time without a command after which the server sends
	// 421 4.4.2 and closes; default 5 minutes (RFC 5321, 4.5.3.2.7).
	IdleTimeout time.Duration

	// Limits are the limits for all clients and recipients together, until
	// Server.SetLimits changes them.
	Limits Limits

	// Domains are the limits of single recipient domains, by name in lower
	// case. "*" stands for every other domain, each by itself.
	Domains map[string]Domain

	// Fault, if set, is called with every event and returns a fault, or nil for
	// none. The sessions call it from their goroutines, so that it must be safe
	// for concurrent use. Rules makes one from a list.
	Fault func(Event) *Fault

	// StatsOnly has the server record no transactions and no times, only Stats.
	StatsOnly bool
}

// The extensions offered by default, in the order of the reply to EHLO.
var extensions = []string{"PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8"}

// The AUTH mechanisms, in the order of the reply to EHLO.
var mechanisms = []string{"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"}

// withDefaults returns a copy with every default filled in.
func (c Config) withDefaults() Config {
	if c.Hostname == "" {
		c.Hostname = "mx.test"
	}
	if c.MaxSize == 0 {
		c.MaxSize = 25 << 20
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 5 * time.Minute
	}
	if c.Mechanisms == nil {
		c.Mechanisms = mechanisms
	}
	c.Users = maps.Clone(c.Users)
	c.Domains = maps.Clone(c.Domains)
	return c
}

// validate reports every mistake of a Config with its defaults.
func (c Config) validate() error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("smtptest: "+format, args...))
	}
	for name, d := range map[string]time.Duration{
		"Latency": c.Latency, "ServiceTime": c.ServiceTime, "IdleTimeout": c.IdleTimeout,
	} {
		if d < 0 {
			fail("Config.%s is %v; it must not be negative", name, d)
		}
	}
	if c.MaxSize < 0 {
		fail("Config.MaxSize is %d; it must not be negative", c.MaxSize)
	}
	for _, name := range c.Omit {
		if !containsFold(extensions, name) {
			fail("Config.Omit names %q, which is none of %v", name, extensions)
		}
	}
	for _, name := range c.Mechanisms {
		if !containsFold(mechanisms, name) {
			fail("Config.Mechanisms names %q, which is none of %v", name, mechanisms)
		}
	}
	for name := range c.Domains {
		if name != strings.ToLower(name) || name == "" {
			fail("Config.Domains has the key %q; a domain in lower case or %q is needed", name, "*")
		}
	}
	if c.RequireAuth && c.Users == nil {
		fail("Config.RequireAuth needs Users")
	}
	if c.RequireTLS && !c.StartTLS && !c.ImplicitTLS {
		fail("Config.RequireTLS needs StartTLS or ImplicitTLS")
	}
	return errors.Join(append(errs, c.validateLimits()...)...)
}

// validateLimits reports every cap and rate that makes no sense.
func (c Config) validateLimits() []error {
	errs := c.Limits.validate("Config.Limits")
	for name, d := range c.Domains {
		where := fmt.Sprintf("Config.Domains[%q]", name)
		for _, k := range []Cap{d.Transactions, d.RecipientsPerMessage} {
			errs = append(errs, k.validate(where)...)
		}
		for _, r := range []Rate{d.MessageRate, d.RecipientRate, d.MailboxRate} {
			errs = append(errs, r.validate(where)...)
		}
		if d.Greylist.Delay < 0 {
			errs = append(errs, fmt.Errorf("smtptest: the Greylist of %s has the delay %v; it must not be negative", where, d.Greylist.Delay))
		}
	}
	return errs
}

// offers reports whether a default extension is on.
func (c Config) offers(extension string) bool { return !containsFold(c.Omit, extension) }

// containsFold reports whether list has s, ignoring letter case.
func containsFold(list []string, s string) bool {
	for _, e := range list {
		if strings.EqualFold(e, s) {
			return true
		}
	}
	return false
}
