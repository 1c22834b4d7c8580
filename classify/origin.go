package classify

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/wneessen/go-mail"

	"github.com/smtpace/smtpace/internal/finite"
)

// StageOf returns the stage of an error, as far as the error itself shows it. Errors
// that only occur before the first command have [StageConnect] or [StageBanner];
// go-mail's *mail.SendError has the stage of its reason. All others have
// [StageUnknown].
func StageOf(err error) Stage {
	err = finite.Error(err)
	if e, ok := errors.AsType[*mail.SendError](err); ok && e != nil {
		return stageOfReason(e.Reason)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return StageConnect
	}
	if is[*net.DNSError](err) || is[*tls.CertificateVerificationError](err) {
		return StageConnect
	}
	if is[tls.RecordHeaderError](err) {
		return StageBanner
	}
	return StageUnknown
}

// stageOfReason returns the stage of a reason of go-mail's; StageUnknown for those that
// name none.
func stageOfReason(r mail.SendErrReason) Stage {
	switch r {
	case mail.ErrConnCheck:
		return StageIdle
	case mail.ErrSMTPMailFrom:
		return StageMail
	case mail.ErrSMTPRcptTo:
		return StageRcpt
	case mail.ErrSMTPData:
		return StageData
	case mail.ErrWriteContent:
		return StageBody
	case mail.ErrSMTPDataClose:
		return StageDot
	case mail.ErrSMTPReset:
		return StageRset
	}
	return StageUnknown
}

// ReplyIn returns the reply in an error: a [*Reply], a *textproto.Error, go-mail's
// *mail.SendError, or an error that prints as emersion/go-smtp's does. It is nil when
// there is none.
func ReplyIn(err error) *Reply {
	err = finite.Error(err)
	if e, ok := errors.AsType[*mail.SendError](err); ok && e != nil {
		if e.Reason == mail.ErrWriteContent { // its code may be digits of any error
			return nil
		}
		return sendErrorReply(e)
	}
	if err == nil {
		return nil
	}
	return replyIn(err)
}
