package classify

// Scope is the range of mail that would get the same answer. The zero value,
// [ScopeNone], belongs to an accepted command.
type Scope uint8

// The scopes of answers, from narrow to wide.
const (
	ScopeNone         Scope = iota // nothing was refused
	ScopeConnection                // this connection; another may go on at once
	ScopeMessage                   // this message, wherever it goes
	ScopeRecipient                 // this recipient, whoever writes
	ScopeSender                    // everything of the sender's address, to this destination
	ScopeSenderDomain              // everything of the sender's domain, to this destination
	ScopeAccount                   // everything of the account that the session has logged in to
	ScopeSource                    // everything from our address, to this destination
	ScopeDestination               // everything to this destination, whoever sends
)

var scopeNames = [...]string{
	"none", "connection", "message", "recipient", "sender-address", "sender-domain", "account", "source-address", "destination",
}

// String returns the scope in kebab-case. [ScopeSource] is "source-address".
func (s Scope) String() string { return name(scopeNames[:], uint8(s)) }

// MarshalText returns the same text as String.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String returns, in upper or lower case.
func (s *Scope) UnmarshalText(text []byte) error {
	return unmarshal(s, "scope", scopeNames[:], text)
}

// scopeOf returns the scope of a refusal of the given class. A reply before MAIL
// never concerns a message or a recipient, whatever its words.
func scopeOf(class Class, stage Stage) Scope {
	scope := scopes[class]
	if scope == ScopeNone {
		scope = scopeOfStage(stage)
	}
	if stage < StageMail && (scope == ScopeMessage || scope == ScopeRecipient) {
		return ScopeSource
	}
	return scope
}

// isOfSender reports whether a limit is one of those that receivers have for an
// address, a domain, an account or a host.
func (l Limit) isOfSender() bool {
	return l == LimitMessageRate || l == LimitRecipientRate || l == LimitQuota
}

// whose returns the scope of a limit over time, by the words for whoever has
// exceeded it; [ScopeSource] if nobody is named.
func (s *scan) whose(folded []byte) Scope {
	s.noteAddresses(folded)
	switch {
	case s.senses.has(setOf(senseSender)):
		return ScopeSender
	case s.senses.has(setOf(senseClient)):
		return ScopeSource
	case s.near(setOf(senseDomain), limiting|setOf(senseTooFast), nearby):
		return ScopeSenderDomain
	case s.senses.has(setOf(senseAccount)) || s.near(setOf(senseSending), setOf(senseCap), beside):
		return ScopeAccount
	}
	return ScopeSource
}

// scopeOfStage returns the scope of a refusal that gives no reason.
func scopeOfStage(stage Stage) Scope {
	switch stage {
	case StageRcpt:
		return ScopeRecipient
	case StageMail:
		return ScopeSenderDomain
	case StageData, StageBody, StageDot, StageUnknown:
		return ScopeMessage
	case StageRset, StageIdle, StageQuit:
		return ScopeConnection
	}
	return ScopeSource
}

// scopes are the scopes of the classes; ScopeNone means that of the stage.
var scopes = [Classes]Scope{
	ClassTooManyConnections:     ScopeSource,
	ClassConnectionMessageLimit: ScopeConnection,
	ClassRateLimited:            ScopeSource,
	ClassRecipientRateLimited:   ScopeRecipient,
	ClassTooManyRecipients:      ScopeMessage,
	ClassGreylisted:             ScopeRecipient, // with our address and our sender
	ClassServerBusy:             ScopeDestination,
	ClassInsufficientStorage:    ScopeDestination,
	ClassMailboxFull:            ScopeRecipient,
	ClassIPReputation:           ScopeSource,
	ClassDomainReputation:       ScopeSenderDomain,
	ClassRelayDenied:            ScopeSource,
	ClassSMTPAuth:               ScopeAccount,
	ClassSenderAuth:             ScopeSenderDomain,
	ClassDNSSender:              ScopeSource,
	ClassTLS:                    ScopeDestination,
	ClassBadDomain:              ScopeDestination,
	ClassBadMailbox:             ScopeRecipient,
	ClassMailboxDisabled:        ScopeRecipient,
	ClassSpamContent:            ScopeMessage,
	ClassContentRejected:        ScopeMessage,
	ClassMessageTooLarge:        ScopeMessage,
	ClassLoop:                   ScopeMessage,
	ClassProtocol:               ScopeConnection,
	ClassNetwork:                ScopeConnection,
}
