package smtpace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// Submit accepts a message and returns a handle of it. It calls done exactly once, when
// every recipient is settled. It waits only while its destination has as many messages
// waiting as it may (Config.MaxQueued), and while a Msg is rendered. ctx bounds these
// waits alone; the Expiry bounds the life of the message after them. The error wraps
// ErrInvalid, or is ErrClosed or the cause of ctx. Then done is not called.
//
// done runs on the goroutine that settled the last recipient, such as that of a
// connection. Once the Sender is ending, one goroutine calls the functions of all
// messages. It must be quick and must not wait for this Sender. It may be nil.
func (s *Sender) Submit(ctx context.Context, m Message, done func(*Result)) (*Submission, error) {
	return s.accept(ctx, &incoming{message: m, lane: throttle.Single, onSettled: done})
}

// Send sends one message and waits until every recipient is settled. If ctx ends first,
// the message is withdrawn within 100 ms: waiting recipients are not tried, and a
// connection sending the message is interrupted. A recipient is Unknown if the final dot
// was sent and not answered.
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
		select {
		case <-done:
		case <-time.After(abandonAfter): // an Observer hangs
		}
	}
	return sub.Result()
}

// DialAndSend calls DialAndSendWithContext with the background context.
func (s *Sender) DialAndSend(messages ...*mail.Msg) error {
	return s.DialAndSendWithContext(context.Background(), messages...)
}

// DialAndSendWithContext sends all messages at once, as Send does, and returns when all
// are settled. It has the signature of the method of go-mail's Client: code that uses
// an interface for it changes in one line.
//
// It differs from go-mail's in four ways. It waits for limits and repeats tries that
// failed temporarily, until Config.DialAndSendTimeout has passed or ctx ends. A refused
// recipient does not keep the others from getting the message. The error joins a
// *SendError for each message that was not delivered to everyone. Msg.IsDelivered,
// Msg.ServerResponse and Msg.SendError are left alone.
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
