package smtpace

import (
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/wneessen/go-mail"
)

// Message is one mail to send: either Msg, or From, To and Data.
//
// A Message belongs to the Sender until it is settled: neither Msg nor the
// bytes of Data may be changed before that, for the message is rendered when
// its first turn comes. Every try sends the same bytes.
type Message struct {
	// Msg is a message of go-mail; its envelope is taken from its headers (To,
	// Cc, Bcc, and EnvelopeFrom or From).
	Msg *mail.Msg

	// From is the envelope sender when Msg is nil; "" is the null sender of
	// RFC 5321 4.5.5.
	From string
	// To are the envelope recipients when Msg is nil.
	To []string
	// Data is the rendered message (RFC 5322) when Msg is nil: a header, an
	// empty line, a body. Line ends become CRLF; nothing else is touched.
	Data []byte

	// DSN asks the receivers for delivery status notifications (RFC 3461),
	// where they are offered. The zero DSN asks for nothing.
	DSN pool.DSN

	// Tenant is on whose behalf the message is sent; "" is one tenant. A Router
	// may go by it.
	Tenant string

	// Expiry is how long the message may wait, counted from its acceptance; 0
	// means Config.Expiry.
	Expiry time.Duration
	// ID is the caller's own; it comes back in the Result.
	ID any
}
