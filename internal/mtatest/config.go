package mtatest

import (
	"errors"
	"time"
)

// DefaultWindow is how long a window of Config.Messages lasts by default.
const DefaultWindow = 10 * time.Second

// Refused is the local part that every server refuses at RCPT, with a 550, in
// every domain. All other addresses of all domains are accepted.
const Refused = "nobody"

// Config says what a Server offers and allows. The zero value offers PIPELINING
// where the server knows it, no TLS, and allows what the server allows on its
// own but for the size of a message, which may be up to 100 MB.
type Config struct {
	// TLS offers STARTTLS, with a certificate that Server.ClientTLS trusts.
	TLS bool
	// LockStep keeps the server from offering PIPELINING.
	LockStep bool

	// Connections is how many connections a client may have at once
	// (smtpd_client_connection_count_limit); one more is answered 421 and
	// closed. 0 means Postfix's default, 50. Postfix only.
	Connections int
	// Messages is how many messages a client may begin in one Window, over all
	// its connections (smtpd_client_message_rate_limit); at one more MAIL is
	// answered 450. 0 means any number. Postfix only.
	Messages int
	// Window is the fixed period of Messages, in whole seconds
	// (anvil_rate_time_unit); 0 means DefaultWindow. Postfix counts in whole
	// seconds of the clock and begins a new window with the first message after
	// the old one has passed, so that a window lasts up to a second longer.
	// Postfix only.
	Window time.Duration
}

// validate says what a server of this kind cannot do.
func (c Config) validate(k Kind) error {
	if k != Postfix && (c.Connections != 0 || c.Messages != 0 || c.Window != 0) {
		return errors.New("mtatest: Config.Connections, Messages and Window are Postfix's only")
	}
	return nil
}
