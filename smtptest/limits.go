package smtptest

// Limits are what a server allows all of its clients together. The zero Limits
// allow everything.
type Limits struct {
	// Connections is how many may be open at once. One more is answered
	// "421 4.7.0 mx.test Error: too many connections from 127.0.0.1" in place
	// of the greeting and closed. A connection counts until just before the
	// server closes its side.
	Connections Cap

	// ConnectionRate is how many may come over time; refused as Connections.
	ConnectionRate Rate

	// MessageRate counts MAIL commands; refused with "450 4.7.1 Error: too much mail".
	MessageRate Rate

	// RecipientRate counts RCPT commands; refused with "450 4.7.1 Error: too many recipients".
	RecipientRate Rate

	// MessagesPerConnection counts accepted MAIL commands; one more is refused
	// with 421 4.7.0 and the connection closed.
	MessagesPerConnection Cap

	// RecipientsPerMessage counts accepted RCPT commands; one more is refused
	// with 452 4.5.3 (RFC 5321, 4.5.3.1.10).
	RecipientsPerMessage Cap

	// Errors counts replies of class 4 and 5 since the last accepted message.
	// Once that many were given, the next command is answered "421 4.7.0
	// mx.test Error: too many errors" and the connection closed.
	Errors Cap
}

// validate says what is wrong with them.
func (l Limits) validate(where string) (errs []error) {
	for _, k := range []Cap{l.Connections, l.MessagesPerConnection, l.RecipientsPerMessage, l.Errors} {
		errs = append(errs, k.validate(where)...)
	}
	for _, r := range []Rate{l.ConnectionRate, l.MessageRate, l.RecipientRate} {
		errs = append(errs, r.validate(where)...)
	}
	return errs
}
