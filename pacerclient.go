package smtpace

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync/atomic"

	"github.com/smtpace/smtpace/classify"
	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// Client is a client of go-mail whose mail a Pacer paces. Unlike the client alone, any
// number of goroutines may share it.
type Client struct {
	pacer  *Pacer
	client *mail.Client
	dials  chan struct{} // holds a value while the first dial is under way
	dialed atomic.Bool   // whether a dial has succeeded
}

// Client returns a client that sends through c. Messages go as the options of c say,
// signed if they say so; nothing else may use c meanwhile. Every message has a
// connection of its own, for each destination among its recipients.
func (p *Pacer) Client(c *mail.Client) *Client {
	return &Client{pacer: p, client: c, dials: make(chan struct{}, 1)}
}

// DialAndSend calls DialAndSendWithContext with the background context.
func (c *Client) DialAndSend(messages ...*mail.Msg) error {
	return c.DialAndSendWithContext(context.Background(), messages...)
}

// DialAndSendWithContext sends messages one after the other, as DoRequest does, and
// returns when all are settled. A recipient who is refused does not stop the others.
// The error joins a [*SendError] for each message that was not delivered to all of its
// recipients.
func (c *Client) DialAndSendWithContext(ctx context.Context, messages ...*mail.Msg) error {
	var errs []error
	for _, m := range messages {
		errs = append(errs, c.send(ctx, m))
	}
	return errors.Join(errs...)
}

// send sends one message.
func (c *Client) send(ctx context.Context, m *mail.Msg) error {
	if m == nil {
		return errNilMsg
	}
	made, err := c.record(m)
	if err != nil {
		return errors.Join(ErrInvalid, err)
	}
	r := PaceRequest{To: made.to, From: made.from, Relay: c.client.ServerAddr(), Connect: true, Bytes: len(made.text), ID: m.GetMessageID()}
	return c.pacer.DoRequest(ctx, r, func(ctx context.Context, to []string) error {
		s, err := c.dial(ctx)
		if err != nil {
			return err
		}
		s.SetDSNMailReturnOption(made.ret)
		s.SetDSNRcptNotifyOption(made.notify)
		if ok, _ := s.Extension("8BITMIME"); !ok && m.Encoding() == mail.NoEncoding.String() {
			_ = s.Quit()
			return &mail.SendError{Reason: mail.ErrNoUnencoded}
		}
		return transmit(bracketed{s}, made.from, to, made.text)
	})
}

// dial opens a session. The first goes alone: go-mail notes the login mechanism that it
// has found, without a lock.
func (c *Client) dial(ctx context.Context) (*smtp.Client, error) {
	if !c.dialed.Load() {
		select {
		case c.dials <- struct{}{}:
			defer func() { <-c.dials }()
		case <-ctx.Done():
			return nil, NotSent(context.Cause(ctx))
		}
	}
	s, err := c.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		stage := classify.StageOf(err)
		if stage == classify.StageUnknown {
			stage = classify.StageEHLO // or the login behind it
		}
		return nil, AtStage(stage, err)
	}
	c.dialed.Store(true)
	return s, nil
}

// bracketed is a session of go-mail's client, which is given paths with their brackets.
type bracketed struct{ *smtp.Client }

// Mail begins a transaction.
func (b bracketed) Mail(from string) error { return b.Client.Mail("<" + from + ">") }

// Rcpt adds a recipient.
func (b bracketed) Rcpt(to string) error { return b.Client.Rcpt("<" + to + ">") }

// recorded is a message as go-mail sends it.
type recorded struct {
	from        string
	to          []string
	ret, notify string // parameters of DSN
	text        []byte
}

// record returns the session of go-mail with a server that only records it. So the
// options of the client apply that only its own Send knows.
func (c *Client) record(m *mail.Msg) (recorded, error) {
	ours, theirs := net.Pipe()
	result := make(chan recorded, 1)
	go func() { result <- recordSession(ours) }()
	err := c.sendTo(theirs, m)
	_ = theirs.Close()
	made := <-result
	if err == nil && len(made.text) == 0 {
		err = errors.New("smtpace: go-mail has sent no message")
	}
	return made, err
}

// sendTo has go-mail send a message on a connection.
func (c *Client) sendTo(conn net.Conn, m *mail.Msg) error {
	s, err := smtp.NewClient(conn, "recorder.invalid")
	if err != nil {
		return err
	}
	if err := s.Hello("recorder.invalid"); err != nil {
		return err
	}
	return c.client.SendWithSMTPClient(s, m)
}

// recordSession answers the commands of a client, and returns what it has sent.
func recordSession(conn net.Conn) (r recorded) {
	defer func() { _ = conn.Close() }()
	text := textproto.NewConn(conn)
	answer := text.PrintfLine("220 recorder.invalid")
	for answer == nil {
		line, err := text.ReadLine()
		if err != nil {
			break
		}
		verb, _, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			answer = text.PrintfLine("250-recorder.invalid\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN")
			continue
		case "MAIL":
			r.from, r.ret = pathIn(line), parameter(line, "RET=")
		case "RCPT":
			r.to, r.notify = append(r.to, pathIn(line)), parameter(line, "NOTIFY=")
		case "DATA":
			if err := text.PrintfLine("354 go on"); err != nil {
				return r
			}
			var b bytes.Buffer
			if _, err := io.Copy(&b, text.DotReader()); err != nil {
				return r
			}
			r.text = bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte("\r\n")) // the reader has dropped the CRs
		}
		answer = text.PrintfLine("250 ok")
	}
	return r
}

// pathIn returns the address of a MAIL or RCPT.
func pathIn(line string) string {
	_, rest, _ := strings.Cut(line, "<")
	if end := strings.LastIndexByte(rest, '>'); end >= 0 {
		return rest[:end]
	}
	return ""
}

// parameter returns the value of a parameter of MAIL or RCPT; "" when it has none.
func parameter(line, name string) string {
	_, value, _ := strings.Cut(line, " "+name)
	value, _, _ = strings.Cut(value, " ")
	return value
}
