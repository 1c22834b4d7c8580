package pool

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/smtpace/smtpace/internal/printable"
)

// Endpoint holds the address of a server and the settings of TLS and login for a
// connection to it. It is a plain value; only Addr is required.
type Endpoint struct {
	// Name is the name of the endpoint in errors. The default is Addr. What a
	// Pool learns of a server's addresses and logins, it keeps by Name and Addr,
	// and by what TLSPolicy needs.
	Name string

	// Addr is the host and port, "mail.example.com:587", or the host and a
	// service, "mail.example.com:submission", or a Unix socket,
	// "unix:///run/smtp.sock". If a host name has several addresses, one that
	// gives no session rests, and the next is tried.
	Addr string

	// TLS is the mode of encryption. The default requires encryption.
	TLS TLS

	// TLSConfig is cloned for every connection; it may be nil. An empty
	// ServerName becomes the host of Addr, and a MinVersion of 0 TLS 1.2.
	TLSConfig *tls.Config

	// TLSPolicy is the proof that TLS must give beyond that; the zero value adds none.
	TLSPolicy TLSPolicy

	// Auth is the login mechanism: PLAIN, LOGIN, CRAM-MD5, XOAUTH2, NTLM, OAUTHBEARER,
	// EXTERNAL or one of the four of SCRAM. Empty or AUTODISCOVER means the best offered
	// mechanism of SCRAM, CRAM-MD5, PLAIN and LOGIN, and the next one if that turns out
	// to be broken. It requires Credentials, except for EXTERNAL.
	Auth mail.SMTPAuthType

	// Credentials returns the user and the password or token. It is called for
	// every login, so that an expired token can be renewed, and must return when
	// its context ends. Nil means no login, except with SASL or EXTERNAL. The
	// secret is removed from all replies and errors. Control characters are
	// [ErrCredentials].
	//
	// After a refusal the same user and secret are offered again only after a
	// while: a minute after the first refusal, later up to an hour; others are offered at once.
	Credentials func(context.Context) (user, secret string, err error)

	// SASL returns a login mechanism of your own, a new one for every login. It
	// must return when its context ends. Nil means the mechanisms of Auth; with
	// SASL, neither Auth nor Credentials may be set.
	SASL func(context.Context) (SASL, error)

	// AllowInsecureLogin lets a login go over clear text where TLS is TLSNone, or
	// where it is TLSOpportunistic and the server does not offer STARTTLS.
	// Whoever can read the traffic then learns the secret. It is not needed for
	// the loopback and Unix sockets.
	AllowInsecureLogin bool

	// Omit are extensions that are not used although the server offers them, as it
	// does not do what it says: PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN or
	// LIMITS, in any case. An extension that shows not to work is found out and
	// left out without it. STARTTLS and AUTH are not among them: TLS and
	// Credentials say whether these are used.
	Omit []string

	// Provider is the profile of the server, for [classify.Input] of a failure of
	// the connection; "" when it is not known.
	Provider string

	// HELO is the client's name in EHLO. The default is os.Hostname if that is
	// fully qualified, else the address literal of the client's end of the
	// connection, such as "[192.0.2.1]".
	HELO string

	// DialContext opens the connection in place of a net.Dialer. It gets the
	// name of the host, and what it does with several addresses is its own
	// affair. It must return when its context ends, and its connections must
	// support deadlines.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Login mechanisms for [Endpoint].Auth that go-mail has no name for.
const (
	AuthOAuthBearer mail.SMTPAuthType = "OAUTHBEARER" // RFC 7628; the secret is the token
	AuthExternal    mail.SMTPAuthType = "EXTERNAL"    // RFC 4422 A, by the client's certificate; the user, if any, is the identity to act as
)

// mechanisms are the values of Endpoint.Auth. go-mail has others, which log in over
// clear text or need data that an Endpoint does not have.
var mechanisms = []mail.SMTPAuthType{
	"", mail.SMTPAuthAutoDiscover, mail.SMTPAuthPlain, mail.SMTPAuthLogin,
	mail.SMTPAuthCramMD5, mail.SMTPAuthXOAUTH2, mail.SMTPAuthNTLM, AuthOAuthBearer, AuthExternal,
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
	t, err := parseTarget(e.Addr)
	if err != nil {
		wrong("%w", err)
	}
	if e.TLS > TLSNone {
		wrong("unknown TLS mode %d", e.TLS)
	}
	if printable.Text(e.Name, len(e.Name)) != e.Name {
		wrong("the Name contains a line break or another character that is not printable")
	}
	if strings.ContainsFunc(e.HELO, isControlOrSpace) {
		wrong("HELO name %q contains a space or control character", e.HELO)
	}
	for _, keyword := range e.Omit {
		if !slices.Contains(omittable, strings.ToUpper(keyword)) {
			wrong("Omit names %q; it may name %s", keyword, strings.Join(omittable, ", "))
		}
	}
	e.validateLogin(wrong)
	e.TLSPolicy.validate(e, wrong)
	if err == nil && e.mode() == TLSNone && e.logsIn() && !e.AllowInsecureLogin && !t.isLocal() {
		wrong("a login over clear text (TLSNone) is allowed to the loopback only, unless AllowInsecureLogin is set")
	}
	return errors.Join(errs...)
}

// validateLogin reports the mistakes of the login.
func (e Endpoint) validateLogin(wrong func(format string, args ...any)) {
	if !slices.Contains(mechanisms, e.Auth) {
		wrong("login mechanism %q is not supported; SASL takes one of your own", e.Auth)
	}
	if e.Auth != "" && e.Auth != AuthExternal && e.Credentials == nil && e.SASL == nil {
		wrong("login mechanism %q without Credentials", e.Auth)
	}
	if e.SASL != nil && (e.Auth != "" || e.Credentials != nil) {
		wrong("SASL is the login, so that Auth and Credentials must not be set")
	}
}

// name returns the name of the endpoint in errors.
func (e Endpoint) name() string { return cmp.Or(e.Name, e.Addr) }

// logsIn reports whether the endpoint has a login.
func (e Endpoint) logsIn() bool {
	return e.Credentials != nil || e.SASL != nil || e.Auth == AuthExternal
}

// host returns the host of Addr; "localhost" for a Unix socket.
func (e Endpoint) host() string {
	t, _ := parseTarget(e.Addr)
	return cmp.Or(t.host, "localhost")
}

// mode returns TLS, with the zero value replaced by the mode for the address.
func (e Endpoint) mode() TLS {
	if e.TLS != tlsDefault {
		return e.TLS
	}
	switch t, _ := parseTarget(e.Addr); {
	case t.path != "":
		return TLSNone
	case t.port == 465:
		return TLSImplicit
	case e.TLSPolicy.Need == NeedOpportunistic:
		return TLSOpportunistic
	}
	return TLSMandatory
}
