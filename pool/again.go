package pool

import (
	"errors"
	"io"

	"github.com/smtpace/smtpace/classify"
)

// ending holds the facts about a transaction that ended at MAIL.
type ending struct {
	behind  bool // whether its envelope rode behind a dot: the session ended with that message, or the server takes nothing there
	reused  bool // whether the connection had been at work before, or idle
	aborted bool // whether we broke the connection off
	resets  bool // whether the RSET in front of MAIL was not accepted
	forgot  bool // whether the server has forgotten the login at our EHLO

	reply   *classify.Reply  // the refusal; nil when there was none
	verdict classify.Verdict // on the reply, also on one that did not end
	blamed  Params           // parameters that the refusal may have meant
	err     error            // the I/O or protocol error, when there was no refusal
}

// mayRepeat reports whether the delivery may be sent again at once, because the
// server has judged no recipient.
func (e ending) mayRepeat() bool {
	switch {
	case e.behind:
		return true // lost with the message in front, or sent too soon
	case e.blamed != 0:
		return true // the command was refused, and not the message
	case e.forgot:
		return true // the session was refused, and the next one is another
	case !e.reused:
		return false // a new connection that fails is no coincidence
	case e.reply != nil && leaves(e.reply.Code):
		return !e.verdict.Throttled() // the end of the connection, but for one that names a limit
	case e.reply != nil:
		return false // a judgement
	case e.aborted:
		return false // our own doing
	case e.resets:
		return true // lost before MAIL counted
	case e.verdict.Class == classify.ClassOK:
		return false // an answer had begun that accepts
	case timedOut(e.err):
		return false // the server may be at work on it
	case errors.Is(e.err, ErrProtocol), errors.Is(e.err, io.ErrUnexpectedEOF):
		return false // the server is there, and answers nonsense or half a reply
	default:
		return e.err != nil // the server had left
	}
}

// repeat sets NotAttempted and NoParams of the report.
func (t *transaction) repeat(e ending) {
	e.reused, e.aborted = t.reused, t.wire.aborted() != nil
	t.report.NotAttempted = e.mayRepeat()
	t.report.NoParams = e.blamed
}

// refusedMail notes whether the next MAIL needs fewer parameters or another
// connection. sendmail replies 4yz to everything on a connection beyond its limit,
// so that the second refusal with the same code ends the connection.
func (t *transaction) refusedMail(r *classify.Reply, v classify.Verdict) {
	t.refused(t.envelope.given, r, v)
	if t.rode && (v.Class == classify.ClassProtocol || certainlyRefusesParams(r)) && t.report.NoParams == 0 {
		t.quirks.riding.refused()
		t.repeat(ending{behind: true})
		t.report.TooSoon = true
		return
	}
	if v.Recipient != classify.RecipientLater {
		t.lastMail = 0
		return
	}
	if r.Code == t.lastMail {
		t.fate = max(t.fate, classify.ConnQuit)
	}
	t.lastMail = r.Code
}

// refused notes a refusal of all that asked for given parameters. It may have meant
// these, or the session.
func (t *transaction) refused(given Params, r *classify.Reply, v classify.Verdict) {
	e := ending{reply: r, verdict: v}
	left := t.leftOut()
	mayBlame := func(p Params) bool { return t.quirks.suspected(left) || t.quirks.mayBlame(p) }
	if given != 0 && (certainlyRefusesParams(r) && !t.mayBeTooSoon(r) || t.mayMeanParams(given, r, v) && mayBlame(given)) {
		e.blamed = blamed(given, r)
	} else if t.envelope.contradictsSize(r) && !t.open && mayBlame(paramSize) {
		e.blamed = paramSize
	}
	if e.blamed != 0 {
		t.quirks.suspect(e.blamed)
	} else if given == 0 {
		t.quirks.bareRefused(left)
	}
	if r.Code == codeUnknownParameter {
		t.noParams |= e.blamed // for the next message too: the code means nothing else
	}
	e.forgot = t.forgotLogin(v)
	t.repeat(e)
}

// leftOut returns the parameters that the refused command could have had, and had not.
func (t *transaction) leftOut() Params {
	if t.open { // RCPT
		return t.envelope.left & paramDSN
	}
	return t.envelope.left
}

// mayMeanParams reports whether a refusal can be one of given parameters: by its code or
// words, or because it speaks of the command and nothing else explains that.
func (t *transaction) mayMeanParams(given Params, r *classify.Reply, v classify.Verdict) bool {
	switch {
	case refusesParams(r):
		return true
	case v.Class != classify.ClassProtocol || r.Code < 400 || leaves(r.Code) || t.mayBeTooSoon(r):
		return false
	}
	return r.Code != codeSequence || !t.mayBeOutOfStep(given)
}

// mayBeOutOfStep reports whether a 503 to a command with parameters can have another reason
// than these: RCPT was written ahead, or an earlier transaction is still open at the server.
// The latter can be on a connection in use, and not if a parameter was never accepted.
func (t *transaction) mayBeOutOfStep(given Params) bool {
	return t.open && t.pipelines() || t.report.Ordinal > 1 && t.quirks.took(given)
}

// mayBeTooSoon reports whether a refusal may mean that MAIL came behind the dot of
// another message, rather than its parameters.
func (t *transaction) mayBeTooSoon(r *classify.Reply) bool {
	return t.rode && !t.open && r.Code != codeUnknownParameter
}

// nobody ends a transaction in which no recipient was accepted. If all were refused
// alike, the cause may be the parameter of RCPT, or the session.
func (t *transaction) nobody() {
	if t.drain() != nil || t.fate == classify.ConnDrop {
		return
	}
	first := t.report.Recipients[0]
	for _, a := range t.report.Recipients {
		if a.Reply == nil || a.Reply.Code != first.Reply.Code || a.Verdict.Class != first.Verdict.Class {
			return
		}
	}
	t.refused(t.rcptParams(first.Reply, first.Verdict), first.Reply, first.Verdict)
}

// rcptParams returns the parameters of RCPT that a refusal can mean: none if it speaks of
// the recipient.
func (t *transaction) rcptParams(r *classify.Reply, v classify.Verdict) Params {
	if len(t.delivery.DSN.Notify) == 0 || r.Code != codeUnknownParameter && isAboutRecipient(v.Class) {
		return 0
	}
	return t.envelope.given & paramDSN
}

// isAboutRecipient reports whether a class speaks of a recipient.
func isAboutRecipient(c classify.Class) bool {
	switch c {
	case classify.ClassBadMailbox, classify.ClassBadDomain, classify.ClassMailboxDisabled, classify.ClassMailboxFull:
		return true
	}
	return false
}
