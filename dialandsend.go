package smtpace

import (
	"context"
	"errors"

	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// DialAndSend is DialAndSendWithContext with the background context.
func (s *Sender) DialAndSend(messages ...*mail.Msg) error {
	return s.DialAndSendWithContext(context.Background(), messages...)
}

// DialAndSendWithContext has the signature of the method of go-mail's Client,
// so that code which holds one behind an interface needs to change one line. It
// sends all messages at once, as Send does, and returns when all are settled.
//
// It differs from go-mail's in this: it waits for limits and tries again what
// is temporary, for up to Config.DialAndSendTimeout or until ctx ends, whichever
// is first; a refused recipient does not keep the others from getting the
// message; its errors are this package's, a *SendError for each message that
// was not delivered to everyone, joined; and Msg.IsDelivered, Msg.ServerResponse
// and Msg.SendError are left alone.
func (s *Sender) DialAndSendWithContext(ctx context.Context, messages ...*mail.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DialAndSendTimeout)
	defer cancel()
	subs := make([]*Submission, len(messages))
	errs := make([]error, len(messages))
	for i, m := range messages {
		if m == nil {
			errs[i] = errNilMsg
			continue
		}
		subs[i], errs[i] = s.accept(ctx, Message{Msg: m}, throttle.Single, nil, ignore)
	}
	for i, sub := range subs {
		if sub != nil {
			errs[i] = await(ctx, sub).Err()
		}
	}
	return errors.Join(errs...)
}

// await waits until a letter is settled, and withdraws it when ctx ends.
func await(ctx context.Context, sub *Submission) *Result {
	settled := sub.doneChannel()
	select {
	case <-settled:
	case <-ctx.Done():
		sub.withdraw(context.Cause(ctx), true)
		<-settled
	}
	return sub.result
}
