package classify

import (
	"slices"
	"strings"
	"time"
)

// Rule gives a class to the replies that it fits. Built-in rules, those of a
// provider's profile and the user's have this one shape.
//
// A rule fits a reply if all its conditions do. A condition that is zero fits
// every reply. Rules apply to 4yz and 5yz replies only.
type Rule struct {
	// Name is the name of the rule, in kebab-case, for [Verdict.Rule]. It is
	// unique. The prefixes "text-", "says-", "enhanced-", "code-" and "guess-" are
	// reserved for the built-in rules.
	Name string

	// Provider is the name of a profile, as in [Input.Provider]; "" fits the
	// replies of all receivers.
	Provider string

	// Stages are the points of the session that fit; none means all. A reply
	// at an unknown stage fits only if [StageUnknown] is among them, or none is.
	Stages []Stage

	// Codes are the reply codes, one of which must fit: a whole code such as
	// 421, or a first digit, 4 or 5.
	Codes []int

	// Enhanced are the enhanced status codes (RFC 3463), one of which must fit.
	// An x stands for any number: "4.7.0", "x.7.1", "4.7.x". Use "x.7.1" unless
	// the first digit matters, as some servers contradict their reply code.
	Enhanced []string

	// Contains are fragments, one of which must be in the text of the reply,
	// without its codes. Only letters and digits are compared, regardless of
	// case and of accents. Any run of blanks and punctuation is one blank, and apostrophes are
	// ignored. Dots, colons and slashes count within a word, as in "192.0.2.1" or
	// "12:30:00". A blank at either end of a fragment is the edge of a word. An
	// asterisk stands for any text between two fragments: "too many*connections".
	Contains []string

	// Pattern is a regular expression in the syntax of package regexp, in place
	// of Contains. It is matched regardless of case against the line that
	// [Reply.Error] returns, "421 4.7.0 text", so that "^421" fits a code.
	// Fragments cost less than patterns, and patterns without a literal of three
	// letters cost most.
	Pattern string

	// Class is the class of such replies. It must not be [ClassUnknown] or [ClassOK].
	Class Class

	// Limit is the limit that such replies name. Zero means the limit of the
	// class: connections for [ClassTooManyConnections], messages-per-connection for
	// [ClassConnectionMessageLimit], message-rate for [ClassRateLimited], mailbox-rate for
	// [ClassRecipientRateLimited], recipients-per-message for [ClassTooManyRecipients], and
	// none for the other classes.
	Limit Limit

	// Scope is the scope of such replies. Zero means the scope of the class and
	// the stage.
	Scope Scope

	// Later makes such a 5yz a temporary failure. A reply that names a limit is
	// always one, as is one of ClassSMTPAuth, ClassTLS or ClassIPReputation. A 4yz is never made a permanent failure (RFC 5321 4.2.1).
	Later bool

	// RetryAfter is the delay before the next attempt if the reply asks for
	// none, from 1 s to 24 h; 0 for none.
	RetryAfter time.Duration

	// Matches are replies that the rule must decide, such as "421 4.7.0 text",
	// and Rejects are replies that it must not fit; at least one each. [New]
	// checks them with the rule's provider at the first of its stages.
	Matches, Rejects []string

	// says is the meaning that the words of a reply must have, for a built-in rule; nil
	// for none.
	says *wanting

	// vague marks a built-in rule for replies without a reason, which are
	// judged by their stage first.
	vague bool

	// weak marks a built-in rule that knows too little of the words to outrank the
	// fallback.
	weak bool
}

func (r *Rule) isForStage(stage Stage) bool {
	return len(r.Stages) == 0 || slices.Contains(r.Stages, stage)
}

func (r *Rule) isForCode(code int) bool {
	return len(r.Codes) == 0 || slices.Contains(r.Codes, code) || slices.Contains(r.Codes, code/100)
}

func (r *Rule) isForProvider(provider string) bool {
	return r.Provider == "" || r.Provider == provider
}

// limit returns the rule's limit, by default the one of its class.
func (r *Rule) limit() Limit {
	if r.Limit == LimitNone {
		return limitOfClass[r.Class]
	}
	return r.Limit
}

// limitOfClass are the default limits of the classes.
var limitOfClass = [Classes]Limit{
	ClassTooManyConnections:     LimitConnections,
	ClassConnectionMessageLimit: LimitMessagesPerConnection,
	ClassRateLimited:            LimitMessageRate,
	ClassRecipientRateLimited:   LimitMailboxRate,
	ClassTooManyRecipients:      LimitRecipientsPerMessage,
}

// foldFragments splits a text of [Rule.Contains] at its asterisks.
func foldFragments(text string) gapped {
	fragments := make(gapped, 0, 1)
	for part := range strings.SplitSeq(text, "*") {
		fragments = append(fragments, foldFragment(part))
	}
	return fragments
}

// codeRanges returns the codes that fit as pairs of the first and the last one.
func (r *Rule) codeRanges() [][2]int {
	if len(r.Codes) == 0 {
		return [][2]int{{minCode, maxCode}}
	}
	ranges := make([][2]int, len(r.Codes))
	for i, code := range r.Codes {
		ranges[i] = [2]int{code, code}
		if code < 10 {
			ranges[i] = [2]int{code * 100, code*100 + 99}
		}
	}
	return ranges
}
