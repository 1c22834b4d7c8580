package classify

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
