package classify

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is what an answer means to the sender. It is a plain value, and may be
// compared with ==.
type Verdict struct {
	Class      Class      // what kind of answer it is
	Recipient  Recipient  // what becomes of the recipients it concerns
	Connection Connection // what may still be done with the connection
	Limit      Limit      // which limit was hit; LimitNone mostly
	Scope      Scope      // what else would get the same answer

	// RetryAfter is the delay that the reply itself asks for, from 1 s to
	// 24 h; 0 when it asks for none.
	RetryAfter time.Duration

	// Rule is the name of the rule that decided, of the user's, of a profile's
	// or built in. It is "" where no rule is asked: for an accepted command, and
	// for an error that is not a reply.
	Rule string
}

// Throttled reports whether the answer names a limit of the receiver: then the
// message was not judged, only its time.
func (v Verdict) Throttled() bool { return v.Limit != LimitNone }

// Recipient is what an answer means for the recipients it concerns. The zero
// value is Later: what is not understood is never lost.
type Recipient uint8

// The fates of a recipient.
const (
	Later     Recipient = iota // not now; try again
	Delivered                  // the receiver took responsibility
	Refused                    // never; a further try would be refused as well
	Ambiguous                  // the final dot may have arrived, its reply did not
)

var recipientNames = [...]string{"later", "delivered", "refused", "ambiguous"}

// String returns the fate in lower case.
func (r Recipient) String() string { return name(recipientNames[:], uint8(r)) }

// MarshalText returns the same text as String.
func (r Recipient) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String returns, in upper or lower case.
func (r *Recipient) UnmarshalText(text []byte) error {
	return unmarshal(r, "fate of a recipient", recipientNames[:], text)
}

// Connection is what an answer leaves of the connection that it came over. The
// zero value is Keep.
type Connection uint8

// The fates of a connection.
const (
	Keep  Connection = iota // the next command may follow
	Reset                   // RSET first, a transaction is still open
	Quit                    // no more mail on it; QUIT and close
	Drop                    // close at once, without another byte
)

var connectionNames = [...]string{"keep", "reset", "quit", "drop"}

// String returns the fate in lower case.
func (c Connection) String() string { return name(connectionNames[:], uint8(c)) }

// MarshalText returns the same text as String.
func (c Connection) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns, in upper or lower case.
func (c *Connection) UnmarshalText(text []byte) error {
	return unmarshal(c, "fate of a connection", connectionNames[:], text)
}

// Limit is the limit of a receiver that a reply speaks of. The zero value,
// LimitNone, means that the reply names none.
type Limit uint8

// The limits that receivers impose; the names of String are also those in JSON.
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

// name looks a value up in its type's table of names; every value has a name,
// also one that no constant stands for.
func name(names []string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "invalid"
}

// unmarshal finds the value that a name stands for.
func unmarshal[T ~uint8](v *T, kind string, names []string, text []byte) error {
	for i, name := range names {
		if strings.EqualFold(name, string(text)) {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("classify: %q is no %s; one of %s is", text, kind, strings.Join(names, ", "))
}
