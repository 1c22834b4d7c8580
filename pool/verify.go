package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/smtpace/smtpace/classify"
)

// Verify connects to the endpoint, secures the connection, logs in and quits. For each
// of the senders it sends MAIL in between, and RSET behind it, as some servers say
// only there that a login is missing or a sender is not theirs; "" is the null sender.
//
// It returns nil or an *[Error] that names the stage and holds the cause, or
// several, joined, one for each sender that was refused. It returns
// within 100 ms when ctx ends, and with [ErrClosed] when the pool is shut down. Close
// of the pool waits until the connection of a Verify is closed.
func (p *Pool) Verify(ctx context.Context, e Endpoint, senders ...string) error {
	if err := e.Validate(); err != nil {
		return err
	}
	for _, from := range senders {
		if err := checkAddress(from); from != "" && err != nil {
			return fmt.Errorf("pool: bad sender address %q: %w", from, err)
		}
	}
	if err := p.join(); err != nil {
		return err
	}
	defer p.wg.Done()
	q := p.quirksOf(e)
	defer p.forgo(q)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.dialing, func() { cancel(ErrClosed) })()
	left, forgot, err := p.verify(ctx, e, q, senders)
	if forgot {
		left, _, err = p.verify(ctx, e, q, senders)
	}
	errs := []error{err}
	for len(left) > 0 {
		left, _, err = p.verify(ctx, e, q, left)
		errs = append(errs, err)
	}
	return joined(errs)
}

// joined joins errors without nesting those of a single one.
func joined(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// verify does the work of Verify on one connection. It returns the senders that are left
// for another one, because the server could not take back the MAIL of the last one. forgot
// says that the server has forgotten the login at an EHLO, which the next connection does
// not send.
func (p *Pool) verify(ctx context.Context, e Endpoint, q *quirks, senders []string) (left []string, forgot bool, err error) {
	t := p.transcribe(e.name(), p.ids.Add(1))
	defer func() { t.close(err) }()
	s, err := p.dial(ctx, e, q, nil, t)
	if s != nil {
		defer p.closeWithin(ctx, s.wire)
	}
	if err != nil {
		return nil, false, err
	}
	defer s.freeBuffer()
	defer context.AfterFunc(ctx, func() { s.wire.interrupt(context.Cause(ctx)) })()
	var errs []error
	for i, from := range senders {
		err := s.verifySender(from)
		if err != nil {
			errs = append(errs, err)
			forgot = s.forgotLogin(s.of(classify.StageMail, err.Err))
		}
		if forgot || !s.usable() {
			if err == nil && ctx.Err() == nil {
				left = senders[i+1:]
			}
			break
		}
	}
	if s.fate != classify.ConnDrop {
		s.quit()
	}
	return left, forgot, errors.Join(errs...)
}

// verifySender sends MAIL and RSET for a sender.
func (s *session) verifySender(from string) *Error {
	line := "MAIL FROM:<" + from + ">"
	if !isASCII(from) {
		if err := s.offerUTF8(); err != nil {
			return s.newError(classify.StageMail, err)
		}
		line += " SMTPUTF8"
	}
	r, err := s.command(classify.StageMail, s.timeouts.Command, line)
	if err != nil {
		return s.fault
	}
	if v := s.of(classify.StageMail, r); v.Class != classify.ClassOK {
		s.noteVerdict(classify.StageMail, v, r)
		return s.newError(classify.StageMail, r)
	}
	s.open = true
	s.reset()
	return nil
}

// offerUTF8 returns nil if the server offers SMTPUTF8. It asks again where that may help.
func (s *session) offerUTF8() error {
	if !s.features.smtpUTF8 && s.mayAskAgain() {
		err := s.wire.arm(s.timeouts.Command)
		if err == nil {
			err = s.askAgain()
		}
		if err != nil {
			return s.fail(classify.StageEHLO, err)
		}
	}
	if !s.features.smtpUTF8 {
		return needsUTF8("sender")
	}
	return nil
}

// closeWithin closes a connection and returns when that is done, or when ctx has
// ended: the connection may be the user's own, and slow to close.
func (p *Pool) closeWithin(ctx context.Context, w *wire) {
	closed := make(chan struct{})
	p.wg.Go(func() {
		defer close(closed)
		w.close()
	})
	select {
	case <-closed:
	case <-ctx.Done():
	}
}
