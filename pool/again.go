package pool

import (
	"errors"
	"io"

	"github.com/smtpace/smtpace/classify"
)

// codeUnknownParameter is the refusal of a parameter of MAIL (RFC 5321 4.1.1.11).
const codeUnknownParameter = 555

// ending holds the facts about a transaction that ended at MAIL.
type ending struct {
	behind   bool // its envelope rode behind a dot, and the session ended with that message
	reused   bool // the connection had been at work before, or idle
	aborted  bool // we broke the connection off
	resets   bool // the RSET in front of MAIL was not accepted
	optional bool // MAIL had parameters that can be left out

	reply   *classify.Reply  // the refusal; nil when there was none
	verdict classify.Verdict // on the reply, also on one that did not end
	err     error            // the I/O or protocol error, when there was no refusal
}

// mayRepeat reports whether the delivery may be sent again at once, because the
// server has judged no recipient, and whether the next try must leave the optional
// parameters of MAIL out.
func (e ending) mayRepeat() (again, noParams bool) {
	switch {
	case e.behind:
		return true, false // lost with the message in front
	case e.reply != nil && e.reply.Code == codeUnknownParameter && e.optional:
		return true, true // the command was refused, and not the message
	case !e.reused:
		return false, false // a new connection that fails is no coincidence
	case e.reply != nil && e.reply.Code == codeShutdown:
		return !e.verdict.Throttled(), false // the end of the connection, but for one that names a limit
	case e.reply != nil:
		return false, false // a judgement
	case e.aborted:
		return false, false // our own doing
	case e.resets:
		return true, false // lost before MAIL counted
	case e.verdict.Class == classify.ClassOK:
		return false, false // an answer had begun that accepts
	case timedOut(e.err):
		return false, false // the server may be at work on it
	case errors.Is(e.err, ErrProtocol), errors.Is(e.err, io.ErrUnexpectedEOF):
		return false, false // the server is there, and answers nonsense or half a reply
	case e.err != nil:
		return true, false // the server had left
	default:
		return false, false
	}
}
