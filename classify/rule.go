package classify

import (
	"slices"
	"strings"
	"time"
)

// Rule gives a class to the replies that it fits. Built-in rules, those of a
// provider's profile and the user's have this one shape.
//
// A rule fits a reply that all its conditions fit; a condition that is left
// zero fits every reply. Rules are asked for 4yz and 5yz replies only: a command
// that was accepted needs none.
type Rule struct {
	// Name is unique among the rules, in kebab-case. [Verdict.Rule] tells it.
	// The prefixes "text-", "enhanced-" and "code-" are those of the built-in
	// rules.
	Name string

	// Provider is the name of the profile whose replies the rule is for, as in
	// [Input.Provider]; "" fits the replies of all.
	Provider string

	// Stages are the points of the session that the rule is for; none means all
	// of them. A rule with stages is for replies whose stage is not known only
	// where it names [StageUnknown] as well.
	Stages []Stage

	// Codes are the reply codes that fit: a whole one, 421, or its first digit
	// alone, 4 or 5. One of them is enough.
	Codes []int

	// Enhanced are the enhanced status codes (RFC 3463) that fit, where an x
	// stands for any number: "4.7.0", "x.7.1", "4.7.x". One of them is enough. As
	// the first digit of the code and that of the enhanced code may contradict
	// each other, "x.7.1" is mostly meant.
	Enhanced []string

	// Contains are fragments of text, one of which must be there. Letters and
	// digits are compared, regardless of case, and nothing else: punctuation and
	// blanks of any length are one blank, apostrophes are left out, and dots,
	// colons and slashes count only within a word, as in "192.0.2.1" or
	// "12:30:00". A blank at either end of a fragment is the edge of a word. An
	// asterisk stands for any text between two fragments, in this order: "too
	// many*connections". The text is that of all lines of the reply, without the
	// codes.
	Contains []string

	// Pattern is a regular expression in the syntax of package regexp, to be
	// used instead of Contains. It is matched, regardless of case, against the
	// reply on one line as [Reply.Error] returns it, "421 4.7.0 text", so that
	// "^421" fits a code. Fragments cost less than patterns, and patterns without
	// a literal of three letters cost most.
	Pattern string

	// Class is what such replies mean. It must be set: neither Unknown nor OK.
	Class Class

	// Limit is the limit that such replies name. Left zero, it is that of the
	// class: connections for TooManyConnections, messages-per-connection for
	// ConnectionMessageLimit, message-rate for RateLimited, mailbox-rate for
	// RecipientRateLimited, recipients-per-message for TooManyRecipients, and
	// none for the other classes.
	Limit Limit

	// Scope is what such replies speak of. Left zero, it follows from the
	// class and the stage.
	Scope Scope

	// Later says that such a 5yz does not refuse anybody for good. What names
	// a limit never does, so that it needs no Later. That a 4yz does cannot be
	// said: the first digit forbids it (RFC 5321 4.2.1).
	Later bool

	// RetryAfter is the delay to keep where the reply itself names none, from
	// 1 s to 24 h; 0 for none.
	RetryAfter time.Duration

	// Matches are replies that the rule must decide, "421 4.7.0 text", and
	// Rejects such that it must not fit; at least one each. They are checked in
	// [New], with the rule's provider, at the first of its stages.
	Matches, Rejects []string

	// vague says of a built-in rule that such replies give no reason, so that
	// the stage tells more than they do.
	vague bool
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

// limit returns the limit that the rule names, that of its class by default.
func (r *Rule) limit() Limit {
	if r.Limit == LimitNone && int(r.Class) < Classes {
		return limitOfClass[r.Class]
	}
	return r.Limit
}

// limitOfClass is what a class of refusals speaks of when nothing more is said.
var limitOfClass = [Classes]Limit{
	TooManyConnections:     LimitConnections,
	ConnectionMessageLimit: LimitMessagesPerConnection,
	RateLimited:            LimitMessageRate,
	RecipientRateLimited:   LimitMailboxRate,
	TooManyRecipients:      LimitRecipientsPerMessage,
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

// clone returns a copy that shares nothing that may change.
func (r Rule) clone() Rule {
	r.Stages, r.Codes, r.Enhanced = slices.Clone(r.Stages), slices.Clone(r.Codes), slices.Clone(r.Enhanced)
	r.Contains, r.Matches, r.Rejects = slices.Clone(r.Contains), slices.Clone(r.Matches), slices.Clone(r.Rejects)
	return r
}
