package adapters

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"slices"
	"strings"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/jordan-wright/email"
	"github.com/knadh/smtppool/v2"
	"github.com/smtpace/smtpace"
	"gopkg.in/gomail.v2"
)

// gomailSender returns a gomail.Sender: gomail.Send(gomailSender(p, dialer),
// messages...).
func gomailSender(p *smtpace.Pacer, d *gomail.Dialer) gomail.Sender {
	return gomail.SendFunc(func(from string, to []string, msg io.WriterTo) error {
		r := smtpace.PaceRequest{To: to, From: from, Relay: d.Host, Connect: true}
		return p.DoRequest(context.Background(), r, func(_ context.Context, to []string) error {
			s, err := d.Dial()
			if err != nil {
				return smtpace.NotSent(err)
			}
			defer s.Close()
			return s.Send(from, to, msg)
		})
	})
}

// throughPool sends an e-mail to one recipient through a pool of smtppool, which opens
// the connections.
func throughPool(p *smtpace.Pacer, pool *smtppool.Pool, relay string, e smtppool.Email) error {
	r := smtpace.PaceRequest{To: e.To, From: e.From, Relay: relay}
	return p.DoRequest(context.Background(), r, func(_ context.Context, to []string) error {
		e.To = to
		return pool.Send(e)
	})
}

// throughGoSMTP sends a message with the client of emersion/go-smtp.
func throughGoSMTP(p *smtpace.Pacer, addr, from string, to []string, text string) error {
	r := smtpace.PaceRequest{To: to, From: from, Relay: addr, Connect: true}
	return p.DoRequest(context.Background(), r, func(_ context.Context, to []string) error {
		c, err := gosmtp.Dial(addr)
		if err != nil {
			return smtpace.NotSent(err)
		}
		defer c.Close()
		return c.SendMail(from, to, strings.NewReader(text))
	})
}

// sendEmail sends an e-mail of jordan-wright/email, as its Send does with smtp.SendMail.
func sendEmail(p *smtpace.Pacer, addr string, e *email.Email) error {
	text, err := e.Bytes()
	if err != nil {
		return err
	}
	return p.SendMail(addr, nil, e.From, slices.Concat(e.To, e.Cc, e.Bcc), text)
}

// work does a job of a queue such as asynq, River or SQS. It returns the time after which
// the queue is to give the job again; 0 when it is done, for good or for bad.
func work(ctx context.Context, p *smtpace.Pacer, to string, send func(context.Context) error) (again time.Duration, err error) {
	err = p.Try(ctx, to, send)
	if e, ok := errors.AsType[*smtpace.TryError](err); ok && !e.RetryAt.IsZero() {
		return time.Until(e.RetryAt), nil
	}
	return 0, err
}

// textReply returns a refusal as gomail.Send passes it on: text alone is left of it.
func textReply(code int, text string) error {
	return fmt.Errorf("gomail: could not send email 1: %v", &textproto.Error{Code: code, Msg: text})
}

// message returns a message of gomail.
func message(to, subject string) *gomail.Message {
	m := gomail.NewMessage()
	m.SetHeader("From", "from@sender.example")
	m.SetHeader("To", to)
	m.SetHeader("Subject", subject)
	m.SetBody("text/plain", "hello")
	return m
}

// subjectOf returns the subject of a message as a receiver has stored it.
func subjectOf(data []byte) string {
	_, rest, _ := bytes.Cut(data, []byte("Subject: "))
	subject, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(subject)
}
