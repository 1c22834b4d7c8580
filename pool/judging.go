package pool

import (
	"errors"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/printable"
)

// of returns the verdict on a reply or an error at a stage.
func (s *session) of(stage classify.Stage, err error) classify.Verdict {
	s.about.Stage = stage
	return s.judge(s.about, err)
}

// judge returns the verdict on a reply or an error. That on a reply without its
// secrets is the one on its text as it came.
func (s *session) judge(in classify.Input, err error) classify.Verdict {
	if s.masked != nil {
		if r, _ := errors.AsType[*classify.Reply](err); r == s.masked {
			return s.maskedVerdict
		}
	}
	return s.classifier.Of(in, err)
}

// newError returns the error that ends the connection.
func (s *session) newError(stage classify.Stage, err error) *Error {
	err = printable.Error(err)
	return &Error{s.name, stage, err, s.judge(classify.Input{Stage: stage, Provider: s.provider}, err)}
}

// noteVerdict notes the fate of the connection after a verdict.
func (s *session) noteVerdict(stage classify.Stage, v classify.Verdict, err error) {
	s.fate = max(s.fate, v.Connection)
	if v.Connection == classify.ConnDrop && s.fault == nil {
		s.fault = s.newError(stage, err)
	}
}

// fail notes that the connection is lost. It returns the error, behind the cause
// if the connection was aborted.
func (s *session) fail(stage classify.Stage, err error) error {
	s.fate = classify.ConnDrop
	if cause := s.wire.aborted(); errors.Is(cause, ErrCancelled) {
		err = ErrCancelled // the I/O error is only its shadow
	} else {
		err = printable.Error(withCause(cause, err))
	}
	if s.fault == nil {
		s.fault = s.newError(stage, err)
	}
	return err
}

// newReply makes a reply of what was read, without secrets, and reports it.
func (s *session) newReply(stage classify.Stage, code int, text string) *classify.Reply {
	clean := s.secrets.Redact(text)
	r := classify.NewReply(code, clean)
	if clean != text {
		in := s.about
		in.Stage = stage
		s.masked, s.maskedVerdict = r, s.classifier.Of(in, classify.NewReply(code, text))
	}
	if s.onReply != nil {
		s.told = r
		s.onReply(stage, r)
		s.told = nil
	}
	return r
}
