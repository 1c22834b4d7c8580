package classify

import (
	"cmp"

	"github.com/smtpace/smtpace/internal/finite"
)

// Of judges err, met at the given stage, by the built-in rules, as
// [Classifier.Of] of a zero Classifier does.
func Of(stage Stage, err error) Verdict {
	return (&Classifier{}).Of(Input{Stage: stage}, err)
}

// Of judges err. Every error has a verdict, whatever its type. One that is not
// understood means [RecipientLater], or [RecipientAmbiguous] at [StageDot].
//
// A nil error means that the command of the stage was accepted: its class is
// [ClassOK], and the recipient is [RecipientDelivered] at StageDot. At an earlier stage nothing
// is decided yet, so that the recipient is [RecipientLater].
//
// Of unwraps err to find a reply. A reply is a [*Reply] of any code, a
// *textproto.Error, go-mail's *mail.SendError, or an error that prints as
// emersion/go-smtp's SMTPError does. The clear text of a server in place of a TLS
// record is one too. A SendError has a stage of its own, which replaces that of the
// input. An error without a reply is judged by its type: network, names, TLS or
// contexts.
//
// An error without a reply never refuses a recipient, except for the checks that
// go-mail makes before it sends. Nor does a reply outside a transaction, a reply that
// names a limit, a 503, or a 535. Nor does a reply about our session: one of
// [ClassSMTPAuth], [ClassTLS] or [ClassIPReputation], or one about our HELO name, the
// DNS of our address or our account. A 221 accepts nothing but QUIT: elsewhere it is
// the end of the connection without an answer.
//
// Of joined errors the first one counts. Judge the errors of several messages one
// by one.
func (c *Classifier) Of(in Input, err error) Verdict {
	if in.Stage > StageUnknown {
		in.Stage = StageIdle // no recipient is at stake
	}
	if err == nil {
		return accepted(in.Stage)
	}
	if r, ok := err.(*Reply); ok && r != nil { // the usual case, and a Reply wraps nothing
		return c.ofReply(in, r)
	}
	err = finite.Error(err)
	if v, ok := c.ofSendError(in, err); ok {
		return v
	}
	if r := replyIn(err); r != nil {
		return c.ofReply(in, r)
	}
	return unanswered(in.Stage, classOfFault(in.Stage, err))
}

// codeClosing is the reply to QUIT. To anything else it says that the server leaves
// (RFC 5321 4.2.2).
const codeClosing = 221

// ofReply judges a reply by its first digit (RFC 5321 4.2.1), and a refusal by
// the rules as well.
func (c *Classifier) ofReply(in Input, r *Reply) Verdict {
	if r.Code == codeClosing && in.Stage != StageQuit {
		return unanswered(in.Stage, ClassNetwork)
	}
	switch r.Code / 100 {
	case 2, 3:
		if expected(in.Stage) == r.Code/100 || in.Stage == StageAuth {
			return accepted(in.Stage)
		}
	case 4, 5:
		return c.refused(in, r)
	}
	return unanswered(in.Stage, ClassProtocol)
}

// expected returns the first digit of the positive reply at a stage: 3 after DATA,
// 0 where no reply is due, else 2.
func expected(stage Stage) int {
	switch stage {
	case StageData:
		return 3
	case StageBody, StageIdle:
		return 0
	}
	return 2
}

func accepted(stage Stage) Verdict {
	v := Verdict{Class: ClassOK}
	switch stage {
	case StageDot:
		v.Recipient = RecipientDelivered
	case StageQuit:
		v.Connection = ConnDrop
	}
	return v
}

// unanswered returns the verdict without a readable reply. The two sides are out
// of step, and after the dot the outcome is unknown (RFC 1047).
func unanswered(stage Stage, class Class) Verdict {
	v := Verdict{Class: class, Connection: ConnDrop, Scope: scopeOf(class, stage)}
	if stage == StageDot {
		v.Recipient = RecipientAmbiguous
	}
	return v
}

// notUnderstood is the rule behind all others: only the first digit counts.
var notUnderstood = Rule{Name: "code-first-digit", weak: true}

// shortText is the length of a text for which less room is taken, as most are: a
// folded text is at most half as long again, and two blanks.
const shortText = 300

// refused judges a 4yz or 5yz.
func (c *Classifier) refused(in Input, r *Reply) Verdict {
	if len(r.Text) <= shortText {
		var room [shortText + shortText/2 + 2]byte
		return c.judged(in, r, room[:])
	}
	var room [maxText + 8]byte
	return c.judged(in, r, room[:])
}

// judged judges a 4yz or 5yz in the given room for its folded text.
func (c *Classifier) judged(in Input, r *Reply, room []byte) Verdict {
	var names names
	folded := foldNames(room[:0], r.Text, &names)
	var s scan
	rule := c.decide(in, r, folded, &names, &s)
	class, limit := in.refine(r, rule)
	v := Verdict{
		Class:      class,
		Limit:      limit,
		Recipient:  recipientAfter(in.Stage, r, rule, limit),
		Connection: connectionAfter(in.Stage, r, limit),
		Scope:      rule.Scope,
		Rule:       rule.Name,
	}
	if rule.weak && limit == LimitNone && len(folded) >= fewestLetters {
		c.guessed(in, r, folded, &v)
	}
	if v.Scope == ScopeNone {
		v.Scope = scopeOf(class, in.Stage)
		if limit.isOfSender() && v.Scope == ScopeSource {
			v.Scope = s.whose(folded)
		}
	}
	if v.Recipient != RecipientLater {
		return v
	}
	v.RetryAfter = rule.RetryAfter
	v.Stated = s.stated(folded, limit)
	v.Octets = s.countsOctets(limit, v.Stated)
	if s.asked < 0 {
		return v
	}
	if delay := delayHint(folded[s.asked:]); delay > 0 {
		v.RetryAfter = delay
	}
	return v
}

// guessed puts the class that the fallback guesses into a verdict by a weak rule. The
// fate stays that of the code: words not understood neither refuse nor spare.
func (c *Classifier) guessed(in Input, r *Reply, folded []byte, v *Verdict) {
	weights := c.weights
	if weights == nil {
		weights = fallbackWeights
	}
	class, sure := guess(weights, in, r, folded)
	if !sure {
		return
	}
	v.Class, v.Scope, v.Rule = class, scopeOf(class, in.Stage), guessName
}

// decide returns the first rule that fits, of the given ones and then of the
// built-in ones, and leaves in s what the text says.
func (c *Classifier) decide(in Input, r *Reply, folded []byte, names *names, s *scan) *Rule {
	var given *Rule
	if c.given != nil {
		if given = c.given.decide(in, r, folded, s); given != nil && given.limit() == LimitNone {
			return given
		}
	}
	names.hide(folded)
	base := c.base
	if base == nil {
		base = standard()
	}
	rule := base.decide(in, r, folded, s) // also for the numbers that a limit states
	return cmp.Or(given, rule, &notUnderstood)
}

// refine returns the rule's class and limit, corrected by the circumstances,
// which no text tells.
func (in Input) refine(r *Reply, rule *Rule) (Class, Limit) {
	switch {
	case rule.vague && r.Code == 421 && in.Stage == StageMail && in.Ordinal > 1:
		return ClassConnectionMessageLimit, LimitMessagesPerConnection
	}
	return rule.Class, rule.limit()
}

// inTransaction are the stages at which a recipient may be meant.
var inTransaction = []Stage{StageRcpt, StageData, StageBody, StageDot, StageUnknown}

// isTransaction reports whether recipients are at stake, as they are for a reply
// at an unknown stage.
func isTransaction(stage Stage) bool {
	return stage >= StageMail && stage <= StageDot || stage == StageUnknown
}

// recipientAfter returns the fate of the recipients after a 4yz or 5yz. Only a
// transaction has recipients: a reply before MAIL concerns the client, and a reply
// to RSET or QUIT nobody.
func recipientAfter(stage Stage, r *Reply, rule *Rule, limit Limit) Recipient {
	switch {
	case r.Code/100 != 5 || !isTransaction(stage) || rule.Later || limit != LimitNone:
		return RecipientLater
	case isOurs(r.Code, rule.Class):
		return RecipientLater
	}
	return RecipientRefused
}

// isOurs reports whether a refusal is about our session, which would be the same
// for any recipient: the dialogue (503), the login (RFC 4954 6), TLS or our address.
func isOurs(code int, class Class) bool {
	switch class {
	case ClassSMTPAuth, ClassTLS, ClassIPReputation:
		return true
	case ClassPolicy, ClassProtocol: // words that say little, so that the code counts
		return code == 503 || code == 530 || code == 534 || code == 535 || code == 538
	}
	return code == 503 || code == 535
}

// connectionAfter returns the fate of the connection after a 4yz or 5yz.
func connectionAfter(stage Stage, r *Reply, limit Limit) Connection {
	switch {
	case r.Code == 421: // the server closes, or should (RFC 5321 3.8)
		return ConnDrop
	case r.Code == 503: // the two sides disagree on where they are
		return ConnDrop
	case stage == StageEHLO && (r.Code == 500 || r.Code == 502 || r.Code == 504):
		return ConnKeep // HELO may follow (RFC 5321 3.2)
	case !isTransaction(stage) || stage == StageBody:
		return ConnDrop
	case limit == LimitConnections || limit == LimitConnectionRate || limit == LimitMessagesPerConnection:
		return ConnQuit
	case stage == StageData: // the transaction is still open
		return ConnReset
	}
	return ConnKeep
}
