package main

import (
	"context"
	"iter"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// spareMsgs is the number of messages of go-mail in the hands of a Sender at
// once: enough for all connections to be busy.
const spareMsgs = 512

// paced sends with smtpace, in bulk.
type paced struct {
	sender   *smtpace.Sender
	rendered smtpace.Message
	spare    chan *mail.Msg // nil: rendered is sent
}

func openRendered(addr string, l *letter) (mailer, error) {
	p, err := newPaced(addr)
	if err != nil {
		return nil, err
	}
	p.rendered = smtpace.Message{From: from, To: l.to, Data: l.data}
	return p, nil
}

func openMsg(addr string, l *letter) (mailer, error) {
	p, err := newPaced(addr)
	if err != nil {
		return nil, err
	}
	p.spare = make(chan *mail.Msg, spareMsgs)
	for range spareMsgs {
		m, err := l.msg()
		if err != nil {
			return nil, err
		}
		p.spare <- m
	}
	return p, nil
}

// newPaced sets what the peers have: no more connections than the others, and
// those for any number of messages.
func newPaced(addr string) (*paced, error) {
	limits := throttle.Limits{Connections: connections, MessagesPerConnection: throttle.Unlimited}
	sender, err := smtpace.New(smtpace.Config{
		Relays:      []smtpace.Relay{{Addr: addr, TLS: pool.TLSNone, Limits: limits}},
		Process:     limits,
		Destination: limits,
	})
	return &paced{sender: sender}, err
}

func (p *paced) send(n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var failed error
	err := p.sender.SendAll(ctx, p.messages(n), func(r *smtpace.Result) {
		if err := r.Err(); err != nil && failed == nil {
			failed = err
		}
		if p.spare != nil {
			p.spare <- r.ID.(*mail.Msg)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// messages gives the same rendered message n times, or messages of go-mail,
// each of which comes again when it has been settled.
func (p *paced) messages(n int) iter.Seq[smtpace.Message] {
	return func(yield func(smtpace.Message) bool) {
		for range n {
			m := p.rendered
			if p.spare != nil {
				msg := <-p.spare
				m = smtpace.Message{Msg: msg, ID: msg}
			}
			if !yield(m) {
				return
			}
		}
	}
}

func (p *paced) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return p.sender.Shutdown(ctx)
}
