package classify

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
