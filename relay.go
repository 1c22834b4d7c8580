package smtpace

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"

	"github.com/smtpace/smtpace/internal/printable"
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
	// Addr is host:port, host:service or unix:///path. If the host has several
	// addresses, they share the connections; one that gives no session rests, and
	// the next is tried at once.
	Addr string
	// TLS is the encryption of the connection. The zero value is
	// implicit TLS on port 465, none on a Unix socket, and mandatory STARTTLS
	// elsewhere.
	TLS pool.TLS
	// TLSConfig is copied; nil means the system's roots, the host of Addr as
	// the name, TLS 1.2 or later. A MinVersion that is set is obeyed.
	TLSConfig *tls.Config
	// Auth is the login mechanism; "" means the best that is offered, and the next
	// one if that turns out to be broken. See pool.Endpoint for the names.
	Auth mail.SMTPAuthType
	// Credentials returns the name and password of a login. It is called for
	// every login, and must be safe for concurrent use. Its results are never
	// printed. nil means no login.
	Credentials func(context.Context) (user, secret string, err error)
	// SASL returns a login mechanism of your own, a new one for every login; nil
	// means Auth and Credentials.
	SASL func(context.Context) (pool.SASL, error)
	// AllowInsecureLogin lets a login go over clear text where TLS says that the
	// connection may be one. Whoever can read the traffic then learns the secret.
	AllowInsecureLogin bool
	// HELO is the argument of EHLO and HELO; "" means the host's own name if that
	// is fully qualified, else the address of the connection, "[192.0.2.1]".
	HELO string
	// Omit are extensions that are not used although the relay offers them:
	// PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN or LIMITS, in any case. The Sender
	// finds out by itself which of them do not work, and this saves it the time.
	Omit []string
	// DialContext opens the connection; nil means a net.Dialer. It gets the name of
	// the host, and what it does with several addresses is its own affair.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Limits are the relay's; 20 connections by default. Zero fields have the ceilings of
	// the service's profile, if Config.Profiles has one with the host of Addr among its
	// Relays (profile.Set.ByRelay).
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
		Credentials: r.Credentials, SASL: r.SASL, AllowInsecureLogin: r.AllowInsecureLogin, HELO: r.HELO, Omit: slices.Clone(r.Omit), DialContext: r.DialContext,
	}
}

// maxRelayName bounds Relay.Name in bytes.
const maxRelayName = 1 << 10

// validate reports the first mistake of r.
func (r Relay) validate() error { return r.validateAs(r.endpoint()) }

// validateAs reports the first mistake of r with the settings of connections to it.
func (r Relay) validateAs(e pool.Endpoint) error {
	if len(r.Name) > maxRelayName {
		return fmt.Errorf("relay %.40q...: Name has %d bytes; at most %d are allowed", r.Name, len(r.Name), maxRelayName)
	}
	if printable.Text(r.Name, maxRelayName) != r.Name {
		return fmt.Errorf("relay %q: Name contains a line break or another character that is not printable", r.Name)
	}
	if err := e.Validate(); err != nil {
		return fmt.Errorf("relay %q: %w", r.name(), err)
	}
	if err := r.Limits.Validate(); err != nil {
		return fmt.Errorf("relay %q: Limits: %w", r.name(), err)
	}
	return nil
}
