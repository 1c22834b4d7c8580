package classify

// Of says what err means when it is met at the given stage, by the built-in
// rules: it is the method [Classifier.Of] of a zero Classifier.
func Of(stage Stage, err error) Verdict {
	return (&Classifier{}).Of(Input{Stage: stage}, err)
}

// Of says what err means. It is total: every error, also one of a type it never
// heard of, has a verdict, and what it does not understand is [Later], or
// [Ambiguous] at [StageDot].
//
// A nil error means that the command of the stage was accepted: [OK], and
// [Delivered] if it was the final dot. Before the dot nothing is decided about
// a recipient yet, which is Later as well.
//
// Of looks behind err for a reply: a [*Reply] of any code, a *textproto.Error,
// go-mail's *mail.SendError (which knows its own stage, so that of the input does
// not count), an error that prints as emersion/go-smtp's SMTPError does, or the
// clear text that a server without TLS sent where a TLS record was expected.
// Otherwise it tells errors of the network, of names, of TLS and of contexts
// apart.
//
// No recipient is ever refused by an error that is not a reply (but for
// go-mail's own checks before it sends anything), by a reply to anything before
// MAIL or outside a transaction, by a reply that names a limit, by 503 or 535,
// or by a 530, 534 or 538 that asks for a login or TLS.
//
// Of joined errors the first counts: judge the errors of several messages one
// by one.
func (c *Classifier) Of(in Input, err error) Verdict {
	if in.Stage > StageUnknown {
		in.Stage = StageIdle // what is no stage has no recipient at stake
	}
	if err == nil {
		return accepted(in.Stage)
	}
	if r, ok := err.(*Reply); ok && r != nil { // mostly; nothing stands behind a Reply
		return c.ofReply(in, r)
	}
	if v, ok := c.ofSendError(in, err); ok {
		return v
	}
	if r := replyIn(err); r != nil {
		return c.ofReply(in, r)
	}
	return unanswered(in.Stage, classOfFault(in.Stage, err))
}

// ofReply judges a reply by its first digit (RFC 5321 4.2.1), and a refusal by
// the rules as well.
func (c *Classifier) ofReply(in Input, r *Reply) Verdict {
	switch r.Code / 100 {
	case 2, 3:
		if expected(in.Stage) == r.Code/100 || in.Stage == StageAuth {
			return accepted(in.Stage)
		}
	case 4, 5:
		return c.refused(in, r)
	}
	return unanswered(in.Stage, Protocol)
}

// expected is the first digit of the only good reply at a stage: 354 to DATA,
// else 2yz, and none where no reply is due.
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
	v := Verdict{Class: OK}
	switch stage {
	case StageDot:
		v.Recipient = Delivered
	case StageQuit:
		v.Connection = Drop
	}
	return v
}

// unanswered is the verdict where no reply came, or none that can be read: the
// connection is out of step, and after the dot nobody knows (RFC 1047).
func unanswered(stage Stage, class Class) Verdict {
	v := Verdict{Class: class, Connection: Drop, Scope: scopeOf(class, stage)}
	if stage == StageDot {
		v.Recipient = Ambiguous
	}
	return v
}

// notUnderstood stands behind all rules: nothing but the first digit counts.
var notUnderstood = Rule{Name: "code-first-digit"}

// refused judges a 4yz or 5yz.
func (c *Classifier) refused(in Input, r *Reply) Verdict {
	var room [maxText + 8]byte
	folded := fold(room[:0], r.Text)
	rule, asked := c.decide(in, r, folded)
	class, limit := in.refine(r, rule)
	v := Verdict{
		Class:      class,
		Limit:      limit,
		Recipient:  recipientAfter(in.Stage, r, rule, limit),
		Connection: connectionAfter(in.Stage, r, limit),
		Scope:      rule.Scope,
		Rule:       rule.Name,
	}
	if v.Scope == ScopeNone {
		v.Scope = scopeOf(class, in.Stage)
	}
	if v.Recipient != Later {
		return v
	}
	v.RetryAfter = rule.RetryAfter
	if asked < 0 {
		return v
	}
	if delay := delayHint(folded[asked:]); delay > 0 {
		v.RetryAfter = delay
	}
	return v
}

// decide returns the first rule that fits, of the given ones and then of the
// built-in ones, and the offset of the first word that asks to wait, -1 for none.
func (c *Classifier) decide(in Input, r *Reply, folded []byte) (rule *Rule, asked int) {
	if c.given != nil {
		if rule, asked = c.given.decide(in, r, folded); rule != nil {
			return rule, asked
		}
	}
	if rule, asked = standard().decide(in, r, folded); rule == nil {
		rule = &notUnderstood
	}
	return rule, asked
}

// refine returns the rule's class and limit, corrected by the circumstances,
// which no text tells.
func (in Input) refine(r *Reply, rule *Rule) (Class, Limit) {
	switch {
	case rule.vague && r.Code == 421 && in.Stage == StageMail && in.Ordinal > 1:
		return ConnectionMessageLimit, LimitMessagesPerConnection
	case rule.vague && r.Code == 421 && in.Stage == StageDot: // nothing but the message is left to be judged
		return SpamContent, LimitNone
	}
	return rule.Class, rule.limit()
}

// isTransaction reports whether recipients are at stake. Those of a reply out of
// a log are.
func isTransaction(stage Stage) bool {
	return stage >= StageMail && stage <= StageDot || stage == StageUnknown
}

// recipientAfter is the fate of the recipients after a 4yz or 5yz. Only a
// transaction has any: what is said before MAIL is about us, and what is said
// to RSET or QUIT about nobody.
func recipientAfter(stage Stage, r *Reply, rule *Rule, limit Limit) Recipient {
	switch {
	case r.Code/100 != 5 || !isTransaction(stage) || rule.Later || limit != LimitNone:
		return Later
	case r.Code == 503 || r.Code == 535: // the fault is in the dialogue or the login
		return Later
	case rule.Class == SMTPAuth || rule.Class == TLS:
		if r.Code == 530 || r.Code == 534 || r.Code == 538 { // our set-up lacks something
			return Later
		}
	}
	return Refused
}

// connectionAfter is what is left of the connection after a 4yz or 5yz.
func connectionAfter(stage Stage, r *Reply, limit Limit) Connection {
	switch {
	case r.Code == 421: // the server closes, or should (RFC 5321 3.8)
		return Drop
	case r.Code == 503: // the two sides disagree on where they are
		return Drop
	case stage == StageEHLO && (r.Code == 500 || r.Code == 502 || r.Code == 504):
		return Keep // HELO may follow (RFC 5321 3.2)
	case !isTransaction(stage) || stage == StageBody:
		return Drop
	case limit == LimitConnections || limit == LimitConnectionRate || limit == LimitMessagesPerConnection:
		return Quit
	case stage == StageData: // the transaction is still open
		return Reset
	}
	return Keep
}
