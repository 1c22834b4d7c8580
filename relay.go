package smtpace

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// Relay is an SMTP server that mail is handed to. It is a plain value; only
// Addr is needed.
type Relay struct {
	// Name is what Stats, logs and errors call the relay; "" means Addr. Two
	// relays that differ in anything must differ in name.
	Name string
	// Addr is host:port.
	Addr string
	// TLS says whether and how the connection is encrypted. The zero value is
	// implicit TLS on port 465 and mandatory STARTTLS elsewhere.
	TLS pool.TLS
	// TLSConfig is copied; nil means the system's roots, the host of Addr as
	// the name, TLS 1.2 or later.
	TLSConfig *tls.Config
	// Auth is the login mechanism; "" means the best that is offered.
	Auth mail.SMTPAuthType
	// Credentials is asked at every login; nil means no login. It must be safe
	// for concurrent use. What it returns is never printed.
	Credentials func(context.Context) (user, secret string, err error)
	// HELO is the name to greet with; "" means the host's own name.
	HELO string
	// DialContext opens the connection; nil means a net.Dialer.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Limits are the relay's; 20 connections by default
	// (throttle.DefaultEndpointConnections).
	Limits throttle.Limits
}

func (r Relay) name() string {
	if r.Name == "" {
		return r.Addr
	}
	return r.Name
}

func (r Relay) endpoint() pool.Endpoint {
	return pool.Endpoint{
		Name: r.name(), Addr: r.Addr, TLS: r.TLS, TLSConfig: r.TLSConfig, Auth: r.Auth,
		Credentials: r.Credentials, HELO: r.HELO, DialContext: r.DialContext,
	}
}
