package classify

// Class is the kind of an answer, whatever the sender should do about it. The
// zero value is [ClassUnknown].
type Class uint8

// The classes of answers.
const (
	ClassUnknown                Class = iota // only the first digit is understood
	ClassOK                                  // the command or the message was accepted
	ClassTooManyConnections                  // connections open at once
	ClassConnectionMessageLimit              // this connection has carried enough messages
	ClassRateLimited                         // messages, recipients or connections over time, or a quota
	ClassRecipientRateLimited                // this mailbox gets mail too fast
	ClassTooManyRecipients                   // too many RCPT in this transaction
	ClassGreylisted                          // unknown triple of client, sender, recipient: come again later
	ClassServerBusy                          // overloaded or briefly out of service
	ClassInsufficientStorage                 // the receiving system is out of space
	ClassMailboxFull                         // this mailbox is out of space
	ClassIPReputation                        // the sending address is not liked
	ClassDomainReputation                    // the sending domain is not liked
	ClassPolicy                              // a rule of the receiver, otherwise unexplained
	ClassRelayDenied                         // not a mail relay for us
	ClassSMTPAuth                            // a login is needed or was refused, or our account may not send
	ClassSenderAuth                          // SPF, DKIM or DMARC failed
	ClassDNSSender                           // the sender's DNS is wrong: PTR, HELO, MX of the sender
	ClassTLS                                 // TLS is missing, or a certificate failed
	ClassBadDomain                           // the recipient's domain does not exist or takes no mail
	ClassBadMailbox                          // the recipient does not exist
	ClassMailboxDisabled                     // the recipient exists and takes no mail
	ClassSpamContent                         // the message looks like spam
	ClassContentRejected                     // the message has forbidden content or form
	ClassMessageTooLarge                     // the message is larger than allowed
	ClassLoop                                // the message went in circles
	ClassProtocol                            // a wrong or misplaced command, or an unreadable reply
	ClassNetwork                             // dialling failed, a timeout, a lost connection
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

// Classes is the number of classes, [ClassUnknown] included; every Class is below it.
const Classes = int(ClassNetwork) + 1

// String returns the class in kebab-case.
func (c Class) String() string { return name(classNames[:], uint8(c)) }

// MarshalText returns the same text as String.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns, in upper or lower case.
func (c *Class) UnmarshalText(text []byte) error {
	return unmarshal(c, "class", classNames[:], text)
}
