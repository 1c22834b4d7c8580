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
