package classify

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is the meaning of an answer for the sender. Verdicts are plain values
// and may be compared with ==.
type Verdict struct {
	Class      Class      // the kind of answer
	Recipient  Recipient  // the fate of the recipients concerned
	Connection Connection // the fate of the connection
	Limit      Limit      // the limit that was hit; LimitNone for none
	Scope      Scope      // the mail that would get the same answer

	// RetryAfter is the delay that the reply asks for, else the delay of the rule, from 1
	// s to 24 h; 0 for none.
	RetryAfter time.Duration

	// Stated is the limit in numbers, as the reply gives them; zero for none. It is
	// a ceiling.
	Stated Stated

	// Octets reports whether a quota, or a limit of messages over time, counts octets.
	Octets bool

	// Rule is the name of the rule that decided: the user's, a profile's or a built-in
	// one. It is "guess-words" for a class that a model of letters has guessed, in
	// place of the code alone. It is "" for an accepted command and for an error that
	// is not a reply: no rule is asked then.
	Rule string
}

// Throttled reports whether the answer names a limit of the receiver. Then only
// the time of the message was judged, not the message.
func (v Verdict) Throttled() bool { return v.Limit != LimitNone }

// ByCode reports whether the code of a reply has decided alone, because its words were
// not understood.
func (v Verdict) ByCode() bool { return strings.HasPrefix(v.Rule, "code-") }

// Recipient is the fate of the recipients that an answer concerns. The zero value
// is [RecipientLater], so that no mail is lost by an answer that is not understood.
type Recipient uint8

// The fates of a recipient.
const (
	RecipientLater     Recipient = iota // not now; try again
	RecipientDelivered                  // the receiver took responsibility
	RecipientRefused                    // never; a further try would be refused as well
	RecipientAmbiguous                  // the final dot may have arrived, its reply did not
)

var recipientNames = [...]string{"later", "delivered", "refused", "ambiguous"}

// String returns the fate in lower case.
func (r Recipient) String() string { return name(recipientNames[:], uint8(r)) }

// MarshalText returns the same text as String.
func (r Recipient) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Connection is the fate of the connection over which an answer came. The zero
// value is [ConnKeep].
type Connection uint8

// The fates of a connection.
const (
	ConnKeep  Connection = iota // the next command may follow
	ConnReset                   // RSET first, a transaction is still open
	ConnQuit                    // no more mail on it; QUIT and close
	ConnDrop                    // close at once, without another byte
)

var connectionNames = [...]string{"keep", "reset", "quit", "drop"}

// String returns the fate in lower case.
func (c Connection) String() string { return name(connectionNames[:], uint8(c)) }

// MarshalText returns the same text as String.
func (c Connection) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Limit is a limit of the receiver that a reply names. The zero value is
// [LimitNone].
type Limit uint8

// The limits of receivers.
const (
	LimitNone                  Limit = iota
	LimitConnections                 // connections open at once
	LimitConnectionRate              // connections opened over time
	LimitMessageRate                 // messages over time
	LimitRecipientRate               // RCPT commands over time
	LimitMailboxRate                 // messages to one address over time
	LimitMessagesPerConnection       // messages on one connection
	LimitRecipientsPerMessage        // RCPT commands in one transaction
	LimitQuota                       // a sum per hour or per day
)

// Limits is the number of limits, LimitNone included; every Limit is below it.
const Limits = int(LimitQuota) + 1

var limitNames = [...]string{
	"none", "connections", "connection-rate", "message-rate", "recipient-rate",
	"mailbox-rate", "messages-per-connection", "recipients-per-message", "quota",
}

// String returns the limit in kebab-case, "none" for LimitNone.
func (l Limit) String() string { return name(limitNames[:], uint8(l)) }

// MarshalText returns the same text as String.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what String returns, in upper or lower case.
func (l *Limit) UnmarshalText(text []byte) error {
	return unmarshal(l, "limit", limitNames[:], text)
}

// name returns the name of a value, "invalid" for one without a constant.
func name(names []string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "invalid"
}

// unmarshal sets v to the value with the given name.
func unmarshal[T ~uint8](v *T, kind string, names []string, text []byte) error {
	for i, name := range names {
		if strings.EqualFold(name, string(text)) {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("classify: %q is no %s; one of %s is", text, kind, strings.Join(names, ", "))
}
