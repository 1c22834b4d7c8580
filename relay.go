package smtpace

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// Relay is an SMTP server that mail is handed to. It is a plain value; only
// Addr is needed.
type Relay struct {
	// Name stands for the relay in Stats, logs and errors; "" means Addr. Two
	// relays that differ in anything must differ in name.
	Name string
	// Addr is host:port.
	Addr string
	// TLS is the encryption of the connection. The zero value is
	// implicit TLS on port 465 and mandatory STARTTLS elsewhere.
	TLS pool.TLS
	// TLSConfig is copied; nil means the system's roots, the host of Addr as
	// the name, TLS 1.2 or later.
	TLSConfig *tls.Config
	// Auth is the login mechanism; "" means the best that is offered.
	Auth mail.SMTPAuthType
	// Credentials returns the name and password of a login. It is called for
	// every login, and must be safe for concurrent use. Its results are never
	// printed. nil means no login.
	Credentials func(context.Context) (user, secret string, err error)
	// HELO is the argument of EHLO and HELO; "" means the host's own name.
	HELO string
	// Omit are extensions that are not used although the relay offers them:
	// PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN or LIMITS, in any case. The Sender
	// finds out by itself which of them do not work, and this saves it the time.
	Omit []string
	// DialContext opens the connection; nil means a net.Dialer.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Limits are the relay's; 20 connections by default
	// (throttle.DefaultEndpointConnections).
	Limits throttle.Limits
}

// name returns Name, or Addr when there is none.
func (r Relay) name() string {
	if r.Name == "" {
		return r.Addr
	}
	return r.Name
}

// endpoint returns the settings of connections to r.
func (r Relay) endpoint() pool.Endpoint {
	return pool.Endpoint{
		Name: r.name(), Addr: r.Addr, TLS: r.TLS, TLSConfig: r.TLSConfig, Auth: r.Auth,
		Credentials: r.Credentials, HELO: r.HELO, Omit: r.Omit, DialContext: r.DialContext,
	}
}

// validate reports the first mistake of r.
func (r Relay) validate() error {
	if strings.ContainsAny(r.Name, "\r\n\x00") {
		return fmt.Errorf("relay %q: Name contains a line break or NUL", r.Name)
	}
	if err := r.endpoint().Validate(); err != nil {
		return fmt.Errorf("relay %q: %w", r.name(), err)
	}
	if err := r.Limits.Validate(); err != nil {
		return fmt.Errorf("relay %q: Limits: %w", r.name(), err)
	}
	return nil
}

// validateRouted reports the first mistake of a relay of a Route.
func (r Relay) validateRouted() error {
	if r.Name == "" && (r.Credentials != nil || r.TLSConfig != nil || r.DialContext != nil) {
		return fmt.Errorf("relay %q of a Route has Credentials, a TLSConfig or a DialContext and no Name: the Name tells it from others at the same address", r.Addr)
	}
	return r.validate()
}
