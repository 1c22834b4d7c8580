package classify

import (
	"crypto/tls"
	"errors"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
)

// replyIn returns the reply that err is or wraps, of any client's type; nil for
// none.
func replyIn(err error) *Reply {
	if r, ok := errors.AsType[*Reply](err); ok && r != nil {
		return r
	}
	if e, ok := errors.AsType[*textproto.Error](err); ok && e != nil {
		return NewReply(e.Code, e.Msg)
	}
	if e, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return shortReply(string(e))
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return clearTextReply(e)
	}
	if e, ok := errors.AsType[temporary](err); ok {
		if text, found := strings.CutPrefix(e.Error(), "SMTP error "); found {
			return parseReply(text)
		}
	}
	return nil
}

// temporary is the method set of emersion/go-smtp's SMTPError. Its fields cannot be
// reached without importing it, but it prints as "SMTP error 550: text".
type temporary interface {
	error
	Temporary() bool
}

// shortReply reads a reply without text, "250", from the error that textproto makes
// of it. The text is optional (RFC 5321 4.2), and a sender that takes "250" after
// the dot for an error delivers the mail twice.
func shortReply(protocolError string) *Reply {
	code, found := strings.CutPrefix(protocolError, "short response: ")
	code = strings.Trim(code, `"`) // newer versions of Go quote it
	if !found || len(code) != 3 {
		return nil
	}
	return parseReply(code)
}

// clearTextReply reads a refusal in clear text on a port with implicit TLS, which
// some servers send when they are full. The record header has five bytes of it, of
// which the first three are the code. Any other clear text means that the port
// does not speak TLS.
func clearTextReply(e tls.RecordHeaderError) *Reply {
	header := string(e.RecordHeader[:])
	if (header[0] != '4' && header[0] != '5') || (header[3] != ' ' && header[3] != '-') {
		return nil
	}
	return parseReply(header[:3])
}

// ofSendError judges go-mail's error by its reason, which implies the stage. The
// error wraps nothing, and its IsTemp calls every I/O error permanent, so that
// only its code and its text are of use.
func (c *Classifier) ofSendError(in Input, err error) (Verdict, bool) {
	e, ok := errors.AsType[*mail.SendError](err)
	if !ok || e == nil {
		return Verdict{}, false
	}
	stage := in.Stage
	switch e.Reason {
	case mail.ErrSMTPReset: // the RSET failed that follows an accepted message
		return Verdict{Class: ClassOK, Recipient: RecipientDelivered, Connection: ConnDrop}, true
	case mail.ErrGetSender, mail.ErrGetRcpts, mail.ErrNoUnencoded: // a check before MAIL
		return Verdict{Class: ClassContentRejected, Recipient: RecipientRefused, Scope: ScopeMessage}, true
	case mail.ErrWriteContent:
		// Its code may be digits of any error of the body's writer. The dot
		// must not follow: only closing the socket prevents that.
		return unanswered(StageBody, ClassNetwork), true
	case mail.ErrConnCheck:
		return unanswered(StageIdle, ClassNetwork), true
	case mail.ErrSMTPMailFrom, mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose:
		stage = stageOfReason(e.Reason)
	}
	if r := sendErrorReply(e); r != nil {
		in.Stage = stage
		return c.ofReply(in, r), true
	}
	return unanswered(stage, ClassNetwork), true
}

// sendErrorReply recovers the reply from the text of a SendError: its reason, a
// colon, the errors of the server, then the addresses. After several refused
// recipients, the code belongs to the last one.
func sendErrorReply(e *mail.SendError) *Reply {
	text := strings.TrimPrefix(e.Error(), e.Reason.String()+": ")
	text, _, _ = strings.Cut(text, ", affected recipient(s): ")
	text, _, _ = strings.Cut(text, ", affected message ID: ")
	if code := e.ErrorCode(); code != 0 {
		last := ", " + strconv.Itoa(code) + " "
		i := strings.LastIndex(text, last+`"`) // no text in quotes has this
		if i < 0 {
			i = strings.LastIndex(text, last)
		}
		if i >= 0 {
			text = text[i+len(", "):]
		}
	}
	if r := parseReply(text); r != nil {
		return r
	}
	return shortReply(text)
}
