// Package culprit tells whom a refusal speaks of: the sender or the server, the login, or
// one recipient or message.
package culprit

import (
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// IsSender reports whether a refusal speaks of the sender, its address, its account, or
// of the server itself, and so would meet any message. Replies about one recipient or one
// message do not, nor do those that name a limit. At MAIL neither is known, and at DATA
// no message. Lost connections and ambiguous ends do speak of the server. Refusals for
// which MayBeSender holds may.
func IsSender(stage classify.Stage, v classify.Verdict) bool {
	if stage < classify.StageMail || v.Class == classify.ClassOK || v.Throttled() {
		return false
	}
	switch v.Class {
	case classify.ClassIPReputation, classify.ClassDomainReputation, classify.ClassRelayDenied, classify.ClassSMTPAuth,
		classify.ClassSenderAuth, classify.ClassDNSSender, classify.ClassTLS, classify.ClassServerBusy,
		classify.ClassInsufficientStorage, classify.ClassNetwork, classify.ClassProtocol:
		return true
	case classify.ClassPolicy, classify.ClassUnknown, classify.ClassSpamContent:
		return stage <= classify.StageDot
	case classify.ClassGreylisted:
		return false
	case classify.ClassMailboxFull:
		return stage != classify.StageRcpt && stage <= classify.StageDot
	case classify.ClassMailboxDisabled, classify.ClassBadMailbox, classify.ClassBadDomain, classify.ClassLoop:
		return stage == classify.StageMail
	case classify.ClassContentRejected, classify.ClassMessageTooLarge:
		return v.ByCode()
	}
	return v.Recipient == classify.RecipientAmbiguous
}

// notItsSender is how the rules of classify begin for replies that the login may not send
// as this sender.
const notItsSender = "text-not-its-sender"

// MayBeSender reports whether a refusal may be meant for the sender as well as for the
// recipient or the message. One alone is taken at its word; of several in a row,
// without an acceptance between them, IsSender holds.
func MayBeSender(stage classify.Stage, v classify.Verdict) bool {
	switch v.Class {
	case classify.ClassPolicy:
		return stage > classify.StageRcpt && !strings.HasPrefix(v.Rule, notItsSender)
	case classify.ClassUnknown, classify.ClassSpamContent, classify.ClassContentRejected, classify.ClassMailboxFull:
		return stage > classify.StageMail
	case classify.ClassMessageTooLarge:
		return true
	}
	return false
}

// IsLogin reports whether the quota of a login is used up. It holds for all mail of an
// endpoint, and another endpoint has another login.
func IsLogin(v classify.Verdict) bool {
	return v.Limit == classify.LimitQuota && v.Scope == classify.ScopeAccount
}
