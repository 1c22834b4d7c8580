package classify

// Of says what err means when it is met at the given stage. It is total: every
// error, also one of a type it never heard of, has a verdict, and what it does
// not understand is [Later], or [Ambiguous] at [StageDot].
//
// A nil error means that the command of the stage was accepted: [OK], and
// [Delivered] if it was the final dot. Before the dot nothing is decided about
// a recipient yet, which is Later as well.
//
// Of looks behind err for a reply: a [*Reply] of any code, a *textproto.Error,
// go-mail's *mail.SendError (which knows its own stage, so the argument does not
// count), an error that prints as emersion/go-smtp's SMTPError does, or the
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
func Of(stage Stage, err error) Verdict {
	if stage > StageQuit {
		stage = StageIdle // an unknown stage has no recipient at stake
	}
	if err == nil {
		return accepted(stage)
	}
	if v, ok := ofSendError(stage, err); ok {
		return v
	}
	if r := replyIn(err); r != nil {
		return ofReply(stage, r)
	}
	return unanswered(stage, classOfFault(stage, err))
}

// ofReply judges a reply by its first digit (RFC 5321 4.2.1), and a refusal by
// the rules as well.
func ofReply(stage Stage, r *Reply) Verdict {
	switch r.Code / 100 {
	case 2, 3:
		if expected(stage) == r.Code/100 || stage == StageAuth {
			return accepted(stage)
		}
	case 4, 5:
		return refused(stage, r)
	}
	return unanswered(stage, Protocol)
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
	v := Verdict{Class: class, Connection: Drop}
	if stage == StageDot {
		v.Recipient = Ambiguous
	}
	return v
}

func refused(stage Stage, r *Reply) Verdict {
	folded := fold(r.Text)
	rule := find(stage, r, folded)
	v := Verdict{
		Class:      rule.class,
		Limit:      rule.limit,
		Recipient:  recipientAfter(stage, r, rule),
		Connection: connectionAfter(stage, r, rule.limit),
	}
	if v.Recipient == Later {
		v.RetryAfter = delayHint(folded)
	}
	return v
}

// recipientAfter is the fate of the recipients after a 4yz or 5yz. Only a
// transaction has any: what is said before MAIL is about us, and what is said
// to RSET or QUIT about nobody.
func recipientAfter(stage Stage, r *Reply, rule *rule) Recipient {
	inTransaction := stage >= StageMail && stage <= StageDot
	switch {
	case r.Code/100 != 5 || !inTransaction || rule.later || rule.limit != LimitNone:
		return Later
	case r.Code == 503 || r.Code == 535: // the fault is in the dialogue or the login
		return Later
	case rule.class == SMTPAuth || rule.class == TLS:
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
	case stage < StageMail || stage == StageBody || stage > StageDot:
		return Drop
	case limit == LimitConnections || limit == LimitConnectionRate || limit == LimitMessagesPerConnection:
		return Quit
	case stage == StageData: // the transaction is still open
		return Reset
	}
	return Keep
}
