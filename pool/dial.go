package pool

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/wneessen/go-mail/smtp"
)

// openSession opens a session over a connection, ready for MAIL. Every error is an
// *Error, also that of the end of ctx. A session that is returned with an error must
// still be closed.
func openSession(ctx context.Context, e Endpoint, conn net.Conn, t Timeouts, l *logins, asked *credentials, onReply replyHook) (*session, error) {
	if e.HELO == "" {
		e.HELO = heloName(conn.LocalAddr())
	}
	o := &opening{endpoint: e, logins: l, asked: asked, session: &session{
		name: e.name(), wire: newWire(conn), timeouts: t, onReply: onReply, born: time.Now(),
	}}
	stop := context.AfterFunc(ctx, func() { o.wire.interrupt(context.Cause(ctx)) })
	err := o.run(ctx)
	if !stop() && err == nil {
		err = &Error{o.name, classify.StageEHLO, context.Cause(ctx)}
	}
	return o.session, err
}

// opening is a session that is being opened. go-mail's client takes the steps up
// to TLS. It reads lines without bound, so that the wire bounds each step.
type opening struct {
	*session
	endpoint Endpoint
	logins   *logins
	asked    *credentials // nil if they were not asked for yet
	client   *smtp.Client
	outer    net.Conn // the connection of go-mail's client: the wire, or TLS over it
	heloOnly bool     // the server does not know EHLO
	refusal  error    // of the last EHLO that go-mail sent
}

// run takes the steps in order. Each has its own time and its own bound on the
// bytes that are read.
func (o *opening) run(ctx context.Context) error {
	t := o.timeouts
	steps := []struct {
		stage   classify.Stage
		timeout time.Duration
		do      func(context.Context) error
	}{
		{classify.StageBanner, t.TLS, o.handshake},
		{classify.StageBanner, t.Greeting, o.greet},
		{classify.StageEHLO, t.Hello, o.hello},
		{classify.StageStartTLS, t.StartTLS, o.startTLS},
		{classify.StageAuth, t.Auth, o.login},
		{classify.StageEHLO, t.Hello, o.extend},
	}
	for _, step := range steps {
		o.wire.budget = maxReply
		err := o.wire.arm(step.timeout)
		if err == nil {
			err = step.do(ctx)
		}
		if err == nil {
			// net/textproto takes part of a line for a line when reading fails.
			err = o.wire.lost
		}
		if err != nil {
			return o.failed(step.stage, err)
		}
	}
	o.features = newFeatures(o.extensions)
	o.wire.budget = -1
	o.out, o.w = through{o.w}, nil
	return nil
}

// through writes through the buffer of go-mail's client and flushes it, as the
// writer below that buffer is not exported.
type through struct{ w *bufio.Writer }

func (t through) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	if err == nil {
		err = t.w.Flush()
	}
	return n, err
}

// failed returns the error of a step as an *Error. It turns an SMTP refusal into a
// *classify.Reply and calls the reply hook.
func (o *opening) failed(stage classify.Stage, err error) error {
	if e, ok := err.(*Error); ok {
		return e // the step knew its stage better
	}
	err = o.readable(err)
	if r, ok := errors.AsType[*classify.Reply](err); ok {
		if o.onReply != nil {
			o.onReply(stage, r)
		}
	}
	return &Error{o.name, stage, withCause(o.wire.aborted(), err)}
}

// readable returns err with the errors of net/textproto turned into those of this
// package.
func (o *opening) readable(err error) error {
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		if e.Code < 400 || e.Code > 599 {
			return fmt.Errorf("%w: unexpected reply %d", ErrProtocol, e.Code)
		}
		return classify.NewReply(e.Code, o.secrets.redact(e.Msg))
	}
	if e, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return fmt.Errorf("%w: %s", ErrProtocol, printable(string(e)))
	}
	return err
}

// handshake performs the TLS handshake where TLS is implicit.
func (o *opening) handshake(context.Context) error {
	o.outer = o.wire
	if o.endpoint.mode() != TLSImplicit {
		return nil
	}
	conn := tls.Client(o.wire, o.endpoint.tlsConfig())
	if err := conn.Handshake(); err != nil {
		return err
	}
	o.outer = conn
	o.setTLS(conn.ConnectionState())
	return nil
}

// greet reads the banner.
func (o *opening) greet(context.Context) error {
	client, err := smtp.NewClient(o.outer, o.endpoint.host())
	if err != nil {
		return err
	}
	client.ErrorHandlerRegistry.RegisterHandler(o.endpoint.host(), "ehlo", ehloHandler{o})
	o.client = client
	o.attach()
	return nil
}

// attach takes over the reader and writer of go-mail's client.
func (o *opening) attach() { o.r, o.w = o.client.Text.R, o.client.Text.W }

// hello sends EHLO, or HELO where mayHELO allows it.
func (o *opening) hello(context.Context) error {
	if o.tls == nil { // else the bytes of the wire are encrypted
		o.wire.record = new(bytes.Buffer)
	}
	err := o.client.Hello(o.endpoint.helo())
	said := o.wire.record
	o.wire.record = nil
	if o.refusal != nil && !o.heloOnly {
		return o.refusal
	}
	if err == nil && o.refusal == nil && said != nil {
		// A copy, for go-mail does not hand out the whole list.
		if code, text, err := readReply(bufio.NewReader(said), o.secrets, nil); code != 0 && err == nil {
			o.extensions = parseExtensions(string(text))
		}
	}
	return err
}

// mayHELO reports whether HELO may follow a refused EHLO. The server must not know
// EHLO at all (RFC 5321 3.2), and the endpoint must need no extension.
func (o *opening) mayHELO(err error) bool {
	e, ok := errors.AsType[*textproto.Error](err)
	if !ok || o.endpoint.logsIn() || o.endpoint.mode() == TLSMandatory {
		return false
	}
	return e.Code == 500 || e.Code == 502 || e.Code == 504
}

// ehloHandler is called for an EHLO that failed, before go-mail falls back to HELO.
type ehloHandler struct{ o *opening }

// HandleError keeps the error, and fails further writes where no HELO may follow.
func (h ehloHandler) HandleError(_, _ string, _ *textproto.Conn, err error) error {
	h.o.refusal = err
	h.o.heloOnly = h.o.mayHELO(err)
	if !h.o.heloOnly {
		h.o.wire.failWrites = errors.New("pool: EHLO failed")
	}
	return err
}

// startTLS secures the connection as the endpoint demands.
func (o *opening) startTLS(context.Context) error {
	mode := o.endpoint.mode()
	if mode == TLSImplicit || mode == TLSNone {
		return nil
	}
	clearText := mode == TLSOpportunistic && (!o.endpoint.logsIn() || o.endpoint.AllowInsecureLogin)
	_, offered, err := o.offers("STARTTLS")
	switch {
	case err != nil:
		return err
	case !offered && clearText:
		return nil
	case !offered:
		return ErrNoTLS
	}
	before := o.client.Text
	err = o.client.StartTLS(o.endpoint.tlsConfig())
	if before.R.Buffered() > 0 {
		return ErrInjected
	}
	refused, isReply := errors.AsType[*textproto.Error](err)
	if o.client.Text == before {
		if isReply && clearText && refused.Code != codeShutdown {
			return nil
		}
		return err
	}
	return o.secured(err)
}

// secured takes over the encrypted connection after STARTTLS. err comes from the
// handshake or from the EHLO behind it.
func (o *opening) secured(err error) error {
	if _, refused := errors.AsType[*textproto.Error](err); refused {
		return o.failed(classify.StageEHLO, err)
	}
	if err != nil {
		return err
	}
	state, _ := o.client.TLSConnectionState()
	o.setTLS(state)
	o.attach()
	o.extensions = nil // RFC 3207 4.2: what was said in clear text does not count
	return nil
}

// offers returns the parameters of an EHLO keyword. go-mail compares keywords with
// their case, so that offers sends an EHLO of its own for one that go-mail does
// not find. The error is an *Error.
func (o *opening) offers(keyword string) (params string, ok bool, err error) {
	if ok, params = o.client.Extension(keyword); ok {
		return params, true, nil
	}
	if o.extensions == nil {
		if err := o.ehlo(); err != nil {
			return "", false, o.failed(classify.StageEHLO, err)
		}
	}
	params, ok = o.extensions[keyword]
	return params, ok, nil
}

// extend asks for the extensions again after a login, which may change them.
func (o *opening) extend(context.Context) error {
	if o.extensions != nil && !o.endpoint.logsIn() {
		return nil
	}
	return o.ehlo()
}

// ehlo sends EHLO and keeps the extensions; none if the server refuses it.
func (o *opening) ehlo() error {
	o.extensions = make(map[string]string)
	if o.heloOnly {
		return nil
	}
	code, text, err := o.exchange("EHLO " + o.endpoint.helo())
	switch {
	case err != nil:
		return err
	case code >= 500:
		return nil
	case code >= 300:
		return classify.NewReply(code, o.secrets.redact(text))
	}
	o.extensions = parseExtensions(text)
	return nil
}
