package smtpace

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/throttle"
)

// PaceRequest is one message for DoRequest and TryRequest. Only To is needed.
//
// Three kinds of errors of functions are understood. Replies are *textproto.Error (of
// net/smtp), [*classify.Reply], go-mail's *mail.SendError, emersion/go-smtp's SMTPError
// and the text of gomail's errors. Errors of the network are those of package net.
// Answers of HTTP are errors with StatusCode() int or a field StatusCode, and
// optionally RetryAfter or Header (see package httppace). Other errors are judged by
// PacerConfig.Judge, or by their own method Verdict() classify.Verdict. [AtStage] adds
// the stage of a session to an error of your own dialogue, and [NotSent] that nothing
// was sent.
//
// An error that is not understood refuses nothing for good. It may mean that the
// message was sent, as do a lost connection, a timeout and a 5xx of HTTP.
type PaceRequest struct {
	// To are the recipients: addresses or domains. Those whose domains are one
	// destination go together.
	To []string
	// From is the envelope sender, for limits and lessons that are a sender's; "" when
	// it is not known.
	From string
	// Tenant is the customer on whose behalf the message is sent, for SetLimits of a
	// ScopeTenant; "" is none.
	Tenant string
	// Relay names the server or service that the function sends through, such as its
	// host:port or the host of an API. All destinations share its limits. "" means that
	// the function sends to the destination itself.
	Relay string
	// Connect says that the function opens a connection and closes it, as
	// smtp.SendMail does. Then ConnectionRate counts every call.
	Connect bool
	// Bytes is the size of the message, for a ByteRate; 0 is unknown.
	Bytes int
	// Bulk has the message go behind those that are not: one of ten turns is left to
	// bulk mail where both wait.
	Bulk bool

	// Expires is the time after which it is not tried any more; zero means
	// PacerConfig.Expiry from now on for Do, and never for Try.
	Expires time.Time
	// MaxWait is the longest time that Try waits for its turn; 0 means
	// PacerConfig.MaxWait. Do waits until Expires.
	MaxWait time.Duration
	// Attempt and Ambiguous are the numbers of earlier calls for this message that
	// TryError.Attempt and TryError.Ambiguous gave, 0 for the first. They decide how
	// long the next wait is, and when a message that may have been sent is given up.
	Attempt, Ambiguous int

	// ID is the caller's own, and returned in the Result and in events.
	ID any
}

// resolved is a recipient of a request with the destination that it belongs to.
type resolved struct {
	address     string // as the caller gave it
	mailbox     string // "" for a domain
	destination string
	provider    string
}

// resolve returns the destination of an address or a domain, or of the name of a
// destination.
func (p *Pacer) resolve(to string) (resolved, error) {
	r := resolved{address: to}
	domain := to
	if at := lastUnquotedAt(to); at >= 0 {
		a, err := parseAddress(to)
		if err != nil {
			return resolved{}, err
		}
		r.mailbox, domain = a.mailbox, a.domain
	} else if p.receivers.profiles.ByName(to) != nil {
		r.destination, r.provider = to, to
		return r, nil
	} else if normal, err := normalDomain(to); err != nil {
		return resolved{}, fmt.Errorf("%w: %.100q is neither an address nor a domain: it %w", ErrInvalid, to, err)
	} else {
		domain = normal
	}
	r.destination = p.receivers.destination(domain)
	r.provider = p.receivers.provider(r.destination, domain)
	return r, nil
}

// senderOf returns the mailbox of an envelope sender; "" for "".
func senderOf(from string) (string, error) {
	if from == "" {
		return "", nil
	}
	a, err := parseAddress(from)
	return a.mailbox, err
}

// scopes returns the further scopes of a request: its tenant, its sender and the
// sender's domain. from is the sender's mailbox.
func (r *PaceRequest) scopes(from string) (*throttle.ScopeList, error) {
	if r.Tenant == "" && from == "" {
		return nil, nil
	}
	all := make([]throttle.Scope, 0, 3)
	if r.Tenant != "" {
		all = append(all, throttle.Scope{Kind: throttle.ScopeTenant, Name: r.Tenant})
	}
	if from != "" {
		all = append(all, throttle.Scope{Kind: throttle.ScopeSender, Name: from}, throttle.Scope{Kind: throttle.ScopeSenderDomain, Name: domainOf(from)})
	}
	return throttle.NewScopeList(all...)
}

// check reports what makes a request impossible.
func (r *PaceRequest) check() error {
	switch {
	case len(r.To) == 0:
		return fmt.Errorf("%w: PaceRequest.To: at least one recipient is needed", ErrInvalid)
	case len(r.Relay) > maxRelayName || printable.Text(r.Relay, maxRelayName) != r.Relay:
		return fmt.Errorf("%w: PaceRequest.Relay %.40q: want a name of %d printable bytes at most", ErrInvalid, r.Relay, maxRelayName)
	case r.Bytes < 0, r.MaxWait < 0, r.Attempt < 0, r.Ambiguous < 0:
		return fmt.Errorf("%w: PaceRequest: Bytes, MaxWait, Attempt and Ambiguous must not be negative", ErrInvalid)
	}
	return nil
}

// newCallTo returns the call of Do or Try for one recipient.
func newCallTo(p *Pacer, to string) *call {
	c := &call{pacer: p}
	c.to[0] = to
	c.request.To = c.to[:]
	return c
}

// newCall returns the call of a request.
func newCall(p *Pacer, r PaceRequest) *call {
	r.To = slices.Clone(r.To)
	return &call{pacer: p, request: r}
}

// invoke calls the function of a call for some of its recipients.
func (c *call) invoke(ctx context.Context, t *turn) error {
	if c.fn != nil {
		return c.fn(ctx)
	}
	to := make([]string, len(t.to))
	for k, i := range t.to {
		to[k] = c.request.To[i]
	}
	return c.fnTo(ctx, to)
}

// lane returns the lane of a request.
func (r *PaceRequest) lane() throttle.Lane {
	if r.Bulk {
		return throttle.Bulk
	}
	return throttle.Single
}
