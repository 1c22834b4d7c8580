package classify

// Class is the kind of an answer, whatever the sender should do about it. The
// zero value is [Unknown].
type Class uint8

// The classes of answers.
const (
	Unknown                Class = iota // only the first digit is understood
	OK                                  // the command or the message was accepted
	TooManyConnections                  // connections open at once
	ConnectionMessageLimit              // this connection has carried enough messages
	RateLimited                         // messages, recipients or connections over time, or a quota
	RecipientRateLimited                // this mailbox gets mail too fast
	TooManyRecipients                   // too many RCPT in this transaction
	Greylisted                          // unknown triple of client, sender, recipient: come again later
	ServerBusy                          // overloaded or briefly out of service
	InsufficientStorage                 // the receiving system is out of space
	MailboxFull                         // this mailbox is out of space
	IPReputation                        // the sending address is not liked
	DomainReputation                    // the sending domain is not liked
	Policy                              // a rule of the receiver, otherwise unexplained
	RelayDenied                         // not a mail relay for us
	SMTPAuth                            // a login is needed or was refused
	SenderAuth                          // SPF, DKIM or DMARC failed
	DNSSender                           // the sender's DNS is wrong: PTR, HELO, MX of the sender
	TLS                                 // TLS is missing, or a certificate failed
	BadDomain                           // the recipient's domain does not exist or takes no mail
	BadMailbox                          // the recipient does not exist
	MailboxDisabled                     // the recipient exists and takes no mail
	SpamContent                         // the message looks like spam
	ContentRejected                     // the message has forbidden content or form
	MessageTooLarge                     // the message is larger than allowed
	Loop                                // the message went in circles
	Protocol                            // a wrong or misplaced command, or an unreadable reply
	Network                             // dialling failed, a timeout, a lost connection
)

var classNames = [...]string{
	"unknown", "ok", "too-many-connections", "connection-message-limit",
	"rate-limited", "recipient-rate-limited", "too-many-recipients",
	"greylisted", "server-busy", "insufficient-storage", "mailbox-full",
	"ip-reputation", "domain-reputation", "policy", "relay-denied", "smtp-auth",
	"sender-auth", "dns-sender", "tls", "bad-domain", "bad-mailbox",
	"mailbox-disabled", "spam-content", "content-rejected",
	"message-too-large", "loop", "protocol", "network",
}

// Classes is the number of classes, [Unknown] included; every Class is below it.
const Classes = int(Network) + 1

// String returns the class in kebab-case.
func (c Class) String() string { return name(classNames[:], uint8(c)) }

// MarshalText returns the same text as String.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns, in upper or lower case.
func (c *Class) UnmarshalText(text []byte) error {
	return unmarshal(c, "class", classNames[:], text)
}
