package smtpace

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/wneessen/go-mail"
)

// Message is one mail to send: either Msg, or From, To and Data.
//
// A Message belongs to the Sender until it is settled. The bytes of Data may not be
// changed before that; they are not sent when a change at either end shows
// (ErrChanged). Every try sends the same bytes.
//
// A Msg is rendered while Submit, Send or DialAndSend takes it, however long that
// takes, and may be changed and given again when they return. There are two exceptions.
// If rendering fails, because a file cannot be read, say, the Msg is read again later,
// and belongs to the Sender until the message is settled. If the context ends the call,
// the Msg is read until its running writer returns; the call waits 50 ms at most for
// that. The Msgs of SendAll are rendered when a connection is about to take them, and
// belong to the Sender until they are settled. The first 16 are rendered one by one
// before the sequence goes on. An iterator may fill in the same Msg for every
// recipient: once one of the 16 is given again, all that follow are rendered so too. A
// Msg that belongs to the Sender is refused with ErrInvalid when it is given again. It
// is not sent when its recipients have changed. Calls that are given the same Msg at
// the same time take turns.
type Message struct {
	// Msg is a message of go-mail. Its headers give the envelope: To, Cc and Bcc,
	// and EnvelopeFrom or From.
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

	// Tenant is the customer on whose behalf the message is sent; "" is a tenant
	// too. A Router may go by it.
	Tenant string

	// Expiry is the time that the message may wait, counted from its acceptance;
	// 0 means Config.Expiry.
	Expiry time.Duration
	// ID is the caller's name of the message. The Result has the same.
	ID any
}

// recipients are checked addresses.
type recipients struct {
	addresses []address
	given     []string // the same, as the caller wrote them
}

// recipientRoom is room for the recipients of a message while it is accepted. The
// zero value has room for one.
type recipientRoom struct {
	to      [1]address
	given   [1]string
	parties [1]string
	answer  [1]answer
	many    *manyRecipients // nil for a single recipient
}

// manyRecipients is room for several recipients, with no content.
type manyRecipients struct {
	n       int // number of recipients that it is used for
	to      []address
	given   []string
	answers []answer
	seen    map[string]struct{} // mailboxes
}

// manyRooms are the manyRecipients that no message uses.
var manyRooms = sync.Pool{New: func() any { return &manyRecipients{seen: map[string]struct{}{}} }}

// keptRecipients is the number of recipients that a manyRecipients is kept for at most.
const keptRecipients = 100

// forMany takes room for so many recipients.
func (r *recipientRoom) forMany(n int) *manyRecipients {
	r.many = manyRooms.Get().(*manyRecipients)
	r.many.n, r.many.to, r.many.given = n, slices.Grow(r.many.to, n), slices.Grow(r.many.given, n)
	return r.many
}

// answers returns empty room for so many answers.
func (r *recipientRoom) answers(n int) []answer {
	if r.many == nil {
		return r.answer[:0]
	}
	r.many.answers = slices.Grow(r.many.answers, n)
	return r.many.answers
}

// free gives the room back. Nothing in it is kept alive.
func (r *recipientRoom) free() {
	m := r.many
	if m == nil || cap(m.to) > keptRecipients {
		return
	}
	clear(m.to[:m.n])
	clear(m.given[:m.n])
	clear(m.answers[:min(m.n, cap(m.answers))])
	clear(m.seen)
	manyRooms.Put(m)
}

// envelope returns the mailbox of the sender and the recipients of m. It checks
// everything that can be checked without rendering, and reports all mistakes
// together. The recipients are stored in room.
func (m *Message) envelope(room *recipientRoom) (from string, r recipients, err error) {
	from, to, err := m.parties(room.parties[:0])
	if err != nil {
		return "", recipients{}, err
	}
	var errs []error
	if from != "" {
		sender, err := parseAddress(from)
		if err != nil {
			errs = append(errs, fmt.Errorf("sender: %w", err))
		}
		from = sender.mailbox
	}
	r, errs = readRecipients(to, room, errs)
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
		if err := checkHeader(m.Data); err != nil {
			errs = append(errs, err)
		}
	}
	return from, r, errors.Join(errs...)
}

// readRecipients returns every address once, and the mistakes after errs.
func readRecipients(to []string, room *recipientRoom, errs []error) (r recipients, _ []error) {
	var seen map[string]struct{} // mailboxes
	if len(to) == 1 {
		r = recipients{room.to[:0], room.given[:0]}
	} else {
		many := room.forMany(len(to))
		r, seen = recipients{many.to, many.given}, many.seen
	}
	for _, s := range to {
		a, err := parseAddress(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("recipient: %w", err))
			continue
		}
		if seen != nil {
			if _, twice := seen[a.mailbox]; twice {
				continue
			}
			seen[a.mailbox] = struct{}{}
		}
		r.addresses, r.given = append(r.addresses, a), append(r.given, s)
	}
	return r, errs
}

// parties returns the sender and the recipients as the caller wrote them. Those of a
// Msg are appended to room.
func (m *Message) parties(room []string) (from string, to []string, err error) {
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
	headers, n := [...]mail.AddrHeader{mail.HeaderTo, mail.HeaderCc, mail.HeaderBcc}, 0
	for _, h := range headers {
		n += len(m.Msg.GetAddrHeader(h))
	}
	to = slices.Grow(room, n)
	for _, h := range headers {
		for _, a := range m.Msg.GetAddrHeader(h) {
			if a != nil {
				to = append(to, unquoted(a))
			}
		}
	}
	return unquoted(senders[0]), to, nil
}

// unquoted returns an address of net/mail in the form of RFC 5321, with the
// quotes that its local part has lost. An address with control characters is
// returned unchanged: net/mail would drop them, and the check that follows must
// see them.
func unquoted(a *netmail.Address) string {
	if needsNoQuotes(a.Address) || forbidden(a.Address) != "" {
		return a.Address
	}
	s := (&netmail.Address{Address: a.Address}).String()
	return strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">")
}

// needsNoQuotes reports whether the local part of an address consists of letters,
// digits, and single dots and hyphens between them.
func needsNoQuotes(address string) bool {
	local := address[:max(strings.LastIndexByte(address, '@'), 0)]
	letter := false // whether the last was a letter or digit
	for i := range len(local) {
		switch c := local[i]; {
		case '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z':
			letter = true
		case letter && (c == '.' || c == '-'):
			letter = false
		default:
			return false
		}
	}
	return letter
}
