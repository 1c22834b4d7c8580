package pool

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"

	"github.com/smtpace/smtpace/classify"
)

// Errors for states. They come wrapped, mostly in an *[Error].
var (
	// ErrClosed is the answer of a pool after Shutdown or Close, and the cause
	// of what these broke off.
	ErrClosed = errors.New("pool: closed")

	// ErrCancelled is the answer to every recipient of a delivery that
	// [Delivery.Cancel] stopped before its final dot. It matches
	// context.Canceled.
	ErrCancelled = fmt.Errorf("pool: delivery cancelled: %w", context.Canceled)

	// ErrProtocol marks what no SMTP server may say: an unreadable or oversized
	// reply, codes of different first digits within one reply, a reply that
	// nobody asked for. The connection is dropped. Package classify knows it by
	// its type.
	ErrProtocol error = textproto.ProtocolError("pool: SMTP protocol violated by the server")

	// errInjected is the ErrProtocol of bytes that came in clear text behind
	// the reply to STARTTLS: somebody may be tampering with the connection.
	errInjected = fmt.Errorf("%w: clear text after the reply to STARTTLS", ErrProtocol)

	// ErrNoTLS means that the endpoint demands TLS, or has a login, and the
	// server does not offer STARTTLS.
	ErrNoTLS = errors.New("pool: STARTTLS is not offered by the server")

	// ErrNoAuth means that the server does not offer the login mechanism
	// asked for, or none that is supported.
	ErrNoAuth = errors.New("pool: login mechanism is not offered by the server")

	// ErrCredentials means that Endpoint.Credentials returned a name or secret with a
	// control character, which no mechanism may carry (RFC 4013 2.3). In PLAIN a NUL ends
	// a field. Nothing was offered to the server.
	ErrCredentials = errors.New("pool: the credentials cannot be sent")

	// errLoginRefused means that the server has refused this user and secret before, and
	// that it is too early to offer them again: a minute after the first refusal, later
	// up to an hour, or ten minutes after the first of four refusals. The reply is
	// wrapped.
	errLoginRefused = errors.New("pool: login was refused and is not offered again")
)

// Error is the failure of a connection, with its endpoint, stage and cause. Err is
// or wraps a *[classify.Reply] when the server refused, else the I/O, TLS or
// protocol error. Its text is one printable line of at most 1 KiB. An error that it
// wraps, such as an x509.HostnameError, may quote the peer as it is.
type Error struct {
	Endpoint string // the endpoint's Name or Addr
	Stage    classify.Stage
	Err      error

	// Verdict is the judgement of Config.Classifier on Err, as it was before
	// secrets were removed.
	Verdict classify.Verdict
}

// Error returns the endpoint, the stage and the cause on one line.
func (e *Error) Error() string {
	return fmt.Sprintf("pool: %s: %s: %v", e.Endpoint, e.Stage, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
