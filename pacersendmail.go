package smtpace

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/redact"
)

// SendMail does what smtp.SendMail of net/smtp does, at the pace that the server and
// the receivers allow: replace smtp.SendMail by it. It is SendMailContext with the
// background context.
func (p *Pacer) SendMail(addr string, a smtp.Auth, from string, to []string, msg []byte) error {
	return p.SendMailContext(context.Background(), addr, a, from, to, msg)
}

// SendMailContext connects to the server at addr, uses STARTTLS where it is offered,
// logs in if a is not nil, and sends a message, once for each destination among its
// recipients. It waits and tries again as Do does, with the server as the relay. A
// recipient who is refused does not stop the others, and neither does the answer to
// QUIT. msg is as for smtp.SendMail, which gives no time to a step; here a session has
// 15 minutes. The error is as that of Do.
func (p *Pacer) SendMailContext(ctx context.Context, addr string, a smtp.Auth, from string, to []string, msg []byte) error {
	return p.sendMail(ctx, new(net.Dialer).DialContext, addr, a, from, to, msg)
}

// dialer opens the connection of a session.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// sendMail does what SendMailContext does, over connections of a dialer.
func (p *Pacer) sendMail(ctx context.Context, dial dialer, addr string, a smtp.Auth, from string, to []string, msg []byte) error {
	r := PaceRequest{To: to, From: from, Relay: addr, Connect: true, Bytes: len(msg)}
	return p.DoRequest(ctx, r, func(ctx context.Context, to []string) error {
		s, err := dialPlain(ctx, dial, addr, a)
		if err != nil {
			return err
		}
		defer context.AfterFunc(ctx, func() { _ = s.Close() })()
		return transmit(s, from, to, msg)
	})
}

// session is an SMTP client that is ready for a message. The clients of net/smtp and of
// go-mail are ones.
type session interface {
	Mail(from string) error
	Rcpt(to string) error
	Data() (io.WriteCloser, error)
	Quit() error
	Close() error
}

// sessionTime bounds a session of SendMail.
const sessionTime = 15 * time.Minute

// dialPlain opens a session as smtp.SendMail does.
func dialPlain(ctx context.Context, dial dialer, addr string, a smtp.Auth) (session, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, AtStage(classify.StageConnect, err)
	}
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, AtStage(classify.StageConnect, err)
	}
	_ = conn.SetDeadline(time.Now().Add(sessionTime)) // it fails only for a closed one
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return nil, AtStage(classify.StageBanner, errors.Join(err, conn.Close()))
	}
	if err := prepare(c, host, a); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// prepare brings a session as far as MAIL.
func prepare(c *smtp.Client, host string, a smtp.Auth) error {
	if err := c.Hello("localhost"); err != nil { // as smtp.SendMail says
		return AtStage(classify.StageEHLO, err)
	}
	if ok, _ := c.Extension("STARTTLS"); ok {
		if err := c.StartTLS(&tls.Config{ServerName: host}); err != nil {
			return AtStage(classify.StageStartTLS, err)
		}
	}
	if a == nil {
		return nil
	}
	if ok, _ := c.Extension("AUTH"); !ok {
		return AtStage(classify.StageAuth, errors.New("smtpace: the server does not offer AUTH"))
	}
	o := &overheard{Auth: a}
	return AtStage(classify.StageAuth, o.clean(c.Auth(o)))
}

// overheard is the Auth of a login whose responses are removed from what the server says
// of them: errors go into logs.
type overheard struct {
	smtp.Auth
	secrets redact.Redactor
}

// Start begins the login.
func (o *overheard) Start(server *smtp.ServerInfo) (mechanism string, response []byte, err error) {
	mechanism, response, err = o.Auth.Start(server)
	o.secrets = o.secrets.AndUnknown(string(response))
	return mechanism, response, err
}

// Next answers a challenge.
func (o *overheard) Next(challenge []byte, more bool) (response []byte, err error) {
	response, err = o.Auth.Next(challenge, more)
	o.secrets = o.secrets.AndUnknown(string(response))
	return response, err
}

// clean returns an error of the server without the responses.
func (o *overheard) clean(err error) error {
	switch e := err.(type) {
	case *textproto.Error:
		return &textproto.Error{Code: e.Code, Msg: o.secrets.Redact(e.Msg)}
	case textproto.ProtocolError:
		return textproto.ProtocolError(o.secrets.Redact(string(e)))
	}
	return err
}

// transmit sends a message on a session of its own, and ends it. Its error tells the
// recipients that were not accepted.
func transmit(s session, from string, to []string, msg []byte) error {
	failed, err := transaction(s, from, to, msg)
	if err != nil {
		var reply bool
		if r := classify.ReplyIn(err); r != nil && r.Code != 421 {
			reply = s.Quit() == nil
		}
		if !reply {
			_ = s.Close()
		}
		return err
	}
	if s.Quit() != nil { // the message was accepted
		_ = s.Close()
	}
	if len(failed) > 0 {
		return failed
	}
	return nil
}

// transaction sends a message to those recipients whom the server accepts, and returns
// the errors of the others. Its own error concerns all.
func transaction(s session, from string, to []string, msg []byte) (RecipientErrors, error) {
	if err := s.Mail(from); err != nil {
		return nil, AtStage(classify.StageMail, err)
	}
	var failed RecipientErrors
	for _, one := range to {
		err := s.Rcpt(one)
		switch {
		case err == nil:
		case classify.ReplyIn(err) == nil: // the session is lost, and nothing was sent
			return nil, AtStage(classify.StageRcpt, err)
		default:
			if failed == nil {
				failed = RecipientErrors{}
			}
			failed[one] = AtStage(classify.StageRcpt, err)
		}
	}
	if len(failed) == len(to) {
		return failed, nil
	}
	w, err := s.Data()
	if err != nil {
		return nil, AtStage(classify.StageData, err)
	}
	if _, err := w.Write(msg); err != nil { // the dot must not follow
		return nil, AtStage(classify.StageBody, errors.Join(err, s.Close()))
	}
	return failed, AtStage(classify.StageDot, w.Close())
}
