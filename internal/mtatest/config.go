package mtatest

import (
	"errors"
	"reflect"
	"time"
)

// DefaultWindow is the length of a window of Config.Messages by default.
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

	// Users are names and passwords. With any, every client must log in (RFC 4954),
	// by CRAM-MD5, PLAIN or LOGIN, the last two over TLS only; without, AUTH is not
	// offered. Names and passwords must be of letters and digits. Exim only.
	Users map[string]string

	// Connections is the number of connections that a client may have at once
	// (smtpd_client_connection_count_limit); one more is answered 421 and
	// closed. 0 means Postfix's default, 50. Postfix only.
	Connections int
	// Messages is the number of messages that a client may begin in one Window, over all
	// its connections (smtpd_client_message_rate_limit); at one more MAIL is
	// answered 450. 0 means any number. Postfix only.
	Messages int
	// Window is the fixed period of Messages, in whole seconds
	// (anvil_rate_time_unit); 0 means DefaultWindow. Postfix counts in whole
	// seconds of the clock and begins a new window with the first message after
	// the old one has passed, so that a window lasts up to a second longer.
	// Postfix only.
	Window time.Duration

	// FullHELO refuses a client that does not name itself by a fully qualified
	// name or an address literal (RFC 5321 4.1.1.1), with a 504 to each RCPT
	// (reject_non_fqdn_helo_hostname, reject_invalid_helo_hostname). Postfix only.
	FullHELO bool
	// Synchronized refuses a client that writes ahead where PIPELINING (RFC 2920)
	// does not allow it, with a 503 or 554 (reject_unauth_pipelining,
	// smtpd_forbid_unauth_pipelining). Postfix only.
	Synchronized bool
	// KillAtMail is the number of MAIL commands of which one kills the process of its
	// session: the connection is reset, and replies held back are lost. 0 means never.
	// Postfix only.
	KillAtMail int
}

// validate says what a server of this kind cannot do.
func (c Config) validate(k Kind) error {
	if k != Exim && c.Users != nil {
		return errors.New("mtatest: Config.Users is Exim's only")
	}
	other := Config{TLS: c.TLS, LockStep: c.LockStep, Users: c.Users}
	if k != Postfix && !reflect.DeepEqual(c, other) {
		return errors.New("mtatest: all of Config but TLS, LockStep and Users is Postfix's only")
	}
	return nil
}
