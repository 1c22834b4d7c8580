package smtpace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// Submit accepts a message and returns a handle of it. It calls done exactly
// once, when every recipient is settled. It waits only while its destination has
// as many messages waiting as it may (Config.MaxQueued), and while a Msg is
// rendered. ctx bounds these waits alone: how long the message may wait after them
// is its Expiry.
// It fails with an error that wraps ErrInvalid, with ErrClosed, or with the
// cause of ctx; then done is not called.
//
// done runs on the goroutine that settled the last recipient, such as that of a
// connection; once the Sender is ending, on one for all messages. It must be quick
// and must not wait for this Sender. It may be nil.
func (s *Sender) Submit(ctx context.Context, m Message, done func(*Result)) (*Submission, error) {
	return s.accept(ctx, &incoming{message: m, lane: throttle.Single, onSettled: done})
}

// Send sends one message and waits until every recipient is settled. When ctx
// ends first, the message is withdrawn within 100 ms: what waits is not sent, a
// connection that is sending it is interrupted, and a recipient whose final
// dot was sent without a reply is Unknown.
//
// The error is nil only if all recipients were delivered; else it is a
// [*SendError], or, with a nil Result, one of those of Submit.
func (s *Sender) Send(ctx context.Context, m Message) (*Result, error) {
	sub, err := s.accept(ctx, &incoming{message: m, lane: throttle.Single, awaited: true})
	if err != nil {
		return nil, err
	}
	r := await(ctx, sub)
	return r, r.Err()
}

var errNilMsg = fmt.Errorf("%w: Msg is nil", ErrInvalid)

// SendMail sends a message of go-mail as Send does.
func (s *Sender) SendMail(ctx context.Context, m *mail.Msg) (*Result, error) {
	if m == nil {
		return nil, errNilMsg
	}
	return s.Send(ctx, Message{Msg: m})
}

// await waits until a message is settled, and withdraws it when ctx ends.
func await(ctx context.Context, sub *Submission) *Result {
	done := sub.Done()
	select {
	case <-done:
	case <-ctx.Done():
		sub.withdraw(context.Cause(ctx), true)
		t := time.NewTimer(abandonAfter)
		defer t.Stop()
		select {
		case <-done:
		case <-t.C: // an Observer hangs
		}
	}
	return sub.Result()
}

// DialAndSend is DialAndSendWithContext with the background context.
func (s *Sender) DialAndSend(messages ...*mail.Msg) error {
	return s.DialAndSendWithContext(context.Background(), messages...)
}

// DialAndSendWithContext sends all messages at once, as Send does, and returns
// when all are settled. It has the signature of the method of go-mail's Client,
// so that code which holds one behind an interface needs to change one line.
//
// It differs from go-mail's in this: it waits for limits and repeats tries that
// failed temporarily, for up to Config.DialAndSendTimeout or until ctx ends,
// whichever is first; a refused recipient does not keep the others from getting
// the message; its errors are this package's, a *SendError for each message that
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
		subs[i], errs[i] = s.accept(ctx, &incoming{message: Message{Msg: m}, lane: throttle.Single, awaited: true})
	}
	for i, sub := range subs {
		if sub != nil {
			errs[i] = await(ctx, sub).Err()
		}
	}
	return errors.Join(errs...)
}
