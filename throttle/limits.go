package throttle

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Unlimited, in a field of Limits that is an int, means that there is no such
// limit. It is never the default.
const Unlimited = -1

// Limits are the ceilings of a scope: the process, an endpoint or a destination.
// They are never exceeded, whatever is learned below them.
//
// A zero field has the default of the scope (see Config): 100 connections for
// the process, 20 for an endpoint, 10 for a destination; 100 messages per
// connection, 100 recipients per message, no rates and no quota.
//
// In text, and so in JSON, they are "connections:5,rate:10/s burst 5", and "" if
// all fields are zero; see ParseLimits.
type Limits struct {
	// Connections is the number of connections open at once; for a destination
	// behind a relay, the number of transactions at once.
	Connections int
	// ConnectionRate is the rate of connections opened.
	ConnectionRate Rate
	// MessageRate is the rate of transactions, counted when MAIL is written.
	MessageRate Rate
	// RecipientRate is the rate of recipients, counted when RCPT is written. A
	// message has no more recipients than the burst.
	RecipientRate Rate
	// ByteRate is the rate of the bytes of messages, as they are rendered, counted when
	// the last RCPT is written. Those of a message are given back if nothing of it was
	// sent after that. A message that is larger than the burst goes when the bucket is
	// full, and nothing after it before what it lacked has come in. So the bytes in any
	// Per are at most Count + Burst - 1, or Count and the largest message if that is
	// larger than the burst. With a burst of zero every message is larger, and they go
	// one at a time; a burst as large as most messages lets several go side by side.
	ByteRate Rate
	// MessagesPerConnection is the number of messages after which a connection
	// is closed.
	MessagesPerConnection int
	// RecipientsPerMessage is the number of recipients in one transaction; a
	// server must take 100 (RFC 5321 4.5.3.1.8).
	RecipientsPerMessage int
	// Quota is the number of messages in a long period, counted like those of
	// MessageRate.
	Quota Quota
}

// limitKey is a key of Limits in text.
type limitKey struct {
	name   string
	parse  func(text string, l *Limits) error
	format func(l *Limits) string // empty when the field is zero
}

var limitKeys = []limitKey{
	keyOf("connections", parseCeiling, formatCeiling, func(l *Limits) *int { return &l.Connections }),
	keyOf("connection-rate", parseRate, Rate.String, func(l *Limits) *Rate { return &l.ConnectionRate }),
	keyOf("rate", parseRate, Rate.String, func(l *Limits) *Rate { return &l.MessageRate }),
	keyOf("recipient-rate", parseRate, Rate.String, func(l *Limits) *Rate { return &l.RecipientRate }),
	keyOf("byte-rate", parseRate, Rate.String, func(l *Limits) *Rate { return &l.ByteRate }),
	keyOf("per-connection", parseCeiling, formatCeiling, func(l *Limits) *int { return &l.MessagesPerConnection }),
	keyOf("per-message", parseCeiling, formatCeiling, func(l *Limits) *int { return &l.RecipientsPerMessage }),
	keyOf("quota", parseQuota, Quota.String, func(l *Limits) *Quota { return &l.Quota }),
}

func keyOf[V any](name string, parse func(string) (V, error), format func(V) string, field func(*Limits) *V) limitKey {
	return limitKey{
		name: name,
		parse: func(text string, l *Limits) (err error) {
			*field(l), err = parse(text)
			return err
		},
		format: func(l *Limits) string { return format(*field(l)) },
	}
}

func parseCeiling(text string) (int, error) {
	if text == "unlimited" {
		return Unlimited, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, errors.New(`want a whole number from 1, or "unlimited"`)
	}
	return n, nil
}

func formatCeiling(n int) string {
	switch n {
	case 0:
		return ""
	case Unlimited:
		return "unlimited"
	}
	return strconv.Itoa(n)
}

// ParseLimits reads limits: pairs of a key, a colon and a value, with commas
// between them. The values of connections, per-connection and per-message are
// numbers from 1 or the word unlimited. Those of rate (of messages),
// recipient-rate, byte-rate and connection-rate are read as a Rate, and that of quota is
// read as a Quota. A key that is missing leaves its field zero, and an empty text all
// of them. Spaces around the parts do not matter. The error joins all mistakes.
func ParseLimits(text string) (Limits, error) {
	var l Limits
	var errs []error
	if strings.TrimSpace(text) == "" {
		return l, nil
	}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(pair, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		key, known := findKey(name)
		switch {
		case !found:
			errs = append(errs, fmt.Errorf(`throttle: limit %q: want a key, a colon and a value, such as "connections:5"`, name))
		case !known:
			errs = append(errs, fmt.Errorf("throttle: limit %q is unknown: want one of %s", name, keyNames()))
		case seen[name]:
			errs = append(errs, fmt.Errorf("throttle: limit %q is given twice: want it once", name))
		default:
			if err := key.parse(value, &l); err != nil {
				errs = append(errs, fmt.Errorf("throttle: limit %q is %q: %w", name, value, err))
			}
		}
		seen[name] = true
	}
	for _, err := range l.contradictions() {
		errs = append(errs, fmt.Errorf("throttle: limits %q: %w", text, err))
	}
	if err := errors.Join(errs...); err != nil {
		return Limits{}, err
	}
	return l, nil
}

func findKey(name string) (limitKey, bool) {
	for _, key := range limitKeys {
		if key.name == name {
			return key, true
		}
	}
	return limitKey{}, false
}

func keyNames() string {
	var names []string
	for _, key := range limitKeys {
		names = append(names, key.name)
	}
	return strings.Join(names, ", ")
}

// String returns the text from which ParseLimits reads l again, if l is valid.
// It leaves the zero fields out, and is empty for the zero Limits.
func (l Limits) String() string {
	var pairs []string
	for _, key := range limitKeys {
		if value := key.format(&l); value != "" {
			pairs = append(pairs, key.name+":"+value)
		}
	}
	return strings.Join(pairs, ",")
}

// MarshalText returns what String does, or the error of Validate.
func (l Limits) MarshalText() ([]byte, error) {
	if err := l.Validate(); err != nil {
		return nil, fmt.Errorf("throttle: limits: %w", err)
	}
	return []byte(l.String()), nil
}

// UnmarshalText reads what ParseLimits does, and leaves l as it was on an error.
func (l *Limits) UnmarshalText(text []byte) error {
	parsed, err := ParseLimits(string(text))
	if err == nil {
		*l = parsed
	}
	return err
}

// Validate returns the mistakes of l, joined, each with its field. They are numbers
// below Unlimited, invalid Rates and Quotas, and two contradictions, whose higher value
// could never be reached: a RecipientsPerMessage above the burst of RecipientRate, and
// a burst of MessageRate above the Quota.
func (l Limits) Validate() error {
	var errs []error
	number := func(field string, n int) {
		if n < Unlimited {
			errs = append(errs, fmt.Errorf("%s is %d: want a number from 1, Unlimited (-1), or 0 for the default", field, n))
		}
	}
	number("Connections", l.Connections)
	errs = append(errs, l.ConnectionRate.mistakes("ConnectionRate.")...)
	errs = append(errs, l.MessageRate.mistakes("MessageRate.")...)
	errs = append(errs, l.RecipientRate.mistakes("RecipientRate.")...)
	errs = append(errs, l.ByteRate.mistakes("ByteRate.")...)
	number("MessagesPerConnection", l.MessagesPerConnection)
	number("RecipientsPerMessage", l.RecipientsPerMessage)
	errs = append(errs, l.Quota.mistakes("Quota.")...)
	return errors.Join(append(errs, l.contradictions()...)...)
}

// contradictions returns the mistakes that lie in two fields together.
func (l Limits) contradictions() []error {
	var errs []error
	if n, r := l.RecipientsPerMessage, l.RecipientRate; r.Count > 0 && n > r.burst() {
		errs = append(errs, fmt.Errorf("RecipientsPerMessage is %d, but RecipientRate %v lets only %d go at once: want a burst of %d there, or fewer per message",
			n, r, r.burst(), n))
	}
	if q, r := l.Quota, l.MessageRate; q.Count > 0 && r.Burst > q.Count {
		errs = append(errs, fmt.Errorf("MessageRate %v has a burst above the Quota %v: want a burst of %d at most", r, q, q.Count))
	}
	return errs
}

// or returns l with its zero fields replaced by those of d.
func (l Limits) or(d Limits) Limits {
	return Limits{
		Connections:           cmp.Or(l.Connections, d.Connections),
		ConnectionRate:        cmp.Or(l.ConnectionRate, d.ConnectionRate),
		MessageRate:           cmp.Or(l.MessageRate, d.MessageRate),
		RecipientRate:         cmp.Or(l.RecipientRate, d.RecipientRate),
		ByteRate:              cmp.Or(l.ByteRate, d.ByteRate),
		MessagesPerConnection: cmp.Or(l.MessagesPerConnection, d.MessagesPerConnection),
		RecipientsPerMessage:  cmp.Or(l.RecipientsPerMessage, d.RecipientsPerMessage),
		Quota:                 cmp.Or(l.Quota, d.Quota),
	}
}
