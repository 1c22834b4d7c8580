package smtpace

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"

	"github.com/wneessen/go-mail"
)

// envelope is a checked message: who it is from and whom it is for.
type envelope struct {
	from string // wire form; "" is the null sender
	recipients
}

// recipients are checked addresses.
type recipients struct {
	to    []address
	given []string // to, as the caller wrote it
}

// oneRecipient is room for the recipients of most messages.
type oneRecipient struct {
	to    [1]address
	given [1]string
}

// envelope checks everything of m that can be checked without rendering it,
// and reports all mistakes together. It uses room for a single recipient.
func (m *Message) envelope(room *oneRecipient) (envelope, error) {
	var e envelope
	from, to, err := m.parties()
	if err != nil {
		return e, err
	}
	var errs []error
	if from != "" {
		sender, err := parseAddress(from)
		if err != nil {
			errs = append(errs, fmt.Errorf("sender: %w", err))
		}
		e.from = sender.mailbox
	}
	var wrong []error
	e.recipients, wrong = readRecipients(to, room)
	errs = append(errs, wrong...)
	if len(to) == 0 {
		errs = append(errs, fmt.Errorf("%w: no recipients", ErrInvalid))
	}
	if m.Expiry < 0 {
		errs = append(errs, fmt.Errorf("%w: Expiry %v is negative", ErrInvalid, m.Expiry))
	}
	if err := m.DSN.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	if m.Msg == nil {
		errs = append(errs, checkHeader(m.Data))
	}
	return e, errors.Join(errs...)
}

// readRecipients takes every address once and returns the mistakes.
func readRecipients(to []string, room *oneRecipient) (r recipients, wrong []error) {
	var seen map[address]struct{}
	if len(to) == 1 {
		r = recipients{room.to[:0], room.given[:0]}
	} else {
		r = recipients{make([]address, 0, len(to)), make([]string, 0, len(to))}
		seen = make(map[address]struct{}, len(to))
	}
	for _, s := range to {
		a, err := parseAddress(s)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("recipient: %w", err))
			continue
		}
		if seen != nil {
			if _, twice := seen[a]; twice {
				continue
			}
			seen[a] = struct{}{}
		}
		r.to, r.given = append(r.to, a), append(r.given, s)
	}
	return r, wrong
}

// parties gives the sender and the recipients as the caller wrote them.
func (m *Message) parties() (from string, to []string, err error) {
	if m.Msg == nil {
		if len(m.Data) == 0 {
			return "", nil, fmt.Errorf("%w: neither Msg nor Data is set", ErrInvalid)
		}
		return m.From, m.To, nil
	}
	if m.From != "" || m.To != nil || m.Data != nil {
		return "", nil, fmt.Errorf("%w: From, To and Data must be empty when Msg is set", ErrInvalid)
	}
	senders := m.Msg.GetAddrHeader(mail.HeaderEnvelopeFrom)
	if len(senders) == 0 {
		senders = m.Msg.GetAddrHeader(mail.HeaderFrom)
	}
	if len(senders) == 0 || senders[0] == nil {
		return "", nil, fmt.Errorf("%w: no sender: neither EnvelopeFrom nor From is set", ErrInvalid)
	}
	for _, h := range []mail.AddrHeader{mail.HeaderTo, mail.HeaderCc, mail.HeaderBcc} {
		for _, a := range m.Msg.GetAddrHeader(h) {
			if a != nil {
				to = append(to, unquoted(a))
			}
		}
	}
	return unquoted(senders[0]), to, nil
}

// unquoted gives an address of net/mail, whose local part has lost its quotes,
// in the form of RFC 5321. An address with control characters is given as it
// is, for the check that follows: net/mail would drop them without a word.
func unquoted(a *netmail.Address) string {
	if forbidden(a.Address) != "" {
		return a.Address
	}
	s := (&netmail.Address{Address: a.Address}).String()
	return strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">")
}
