package pool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/redact"
	"github.com/wneessen/go-mail"
)

// preferred are the mechanisms to choose from by default, best first.
var preferred = []mail.SMTPAuthType{
	mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthSCRAMSHA256,
	mail.SMTPAuthSCRAMSHA1PLUS, mail.SMTPAuthSCRAMSHA1,
	mail.SMTPAuthCramMD5, mail.SMTPAuthPlain, mail.SMTPAuthLogin,
}

// login logs in (RFC 4954). If the best mechanism turns out to be broken, it goes on
// with the next. A refusal of the secret ends it.
func (o *opening) login(ctx context.Context) error {
	if !o.endpoint.logsIn() {
		return nil
	}
	if !o.mayLogin() {
		return ErrNoTLS
	}
	if o.logins == nil {
		o.logins = new(logins)
	}
	params, offered := o.extensions["AUTH"]
	ctx, cancel := context.WithTimeout(ctx, o.timeouts.Command)
	defer cancel()
	if o.endpoint.SASL != nil {
		return o.loginBySASL(ctx, params)
	}
	mechanisms := o.choose(params)
	if !offered || len(mechanisms) == 0 {
		return fmt.Errorf("%w: want %s, offered: %s", ErrNoAuth, o.wanted(), quoted(params))
	}
	asked := o.asked
	if asked == nil {
		var err error
		if asked, err = o.endpoint.askCredentials(ctx, o.timeouts.Command); err != nil {
			return err
		}
	}
	o.secrets = redact.New(asked.user, asked.secret)
	if err := o.wire.arm(o.timeouts.Command); err != nil {
		return err
	}
	return o.loginByAny(ctx, mechanisms, asked.user, asked.secret)
}

// loginByAny tries mechanisms until one works or the secret is refused.
func (o *opening) loginByAny(ctx context.Context, mechanisms []mail.SMTPAuthType, user, secret string) (err error) {
	id := newIdentity(user, secret)
	if err := o.logins.mayOffer(time.Now(), id); err != nil {
		return err
	}
	var m mail.SMTPAuthType
	judged := false
	for _, m = range o.logins.rank(time.Now(), id, mechanisms) {
		err = o.authenticate(ctx, o.newMechanism(m, user, secret, ctx.Done()))
		reply, refused := errors.AsType[*classify.Reply](err)
		switch {
		case errors.Is(err, errLoginEnded) || refused && isBroken(reply):
			o.logins.broke(time.Now(), m)
			judged = judged || refused && !isUnknown(reply.Code)
			continue
		case err == nil:
			o.logins.accepted(m)
			o.loggedInNow()
		case refused && reply.Code >= 500:
			o.logins.refuse(time.Now(), id, m, mechanisms, err)
		case ctx.Err() == nil:
			o.logins.tripped(time.Now(), id, m)
		}
		return err
	}
	o.logins.acquit(mechanisms)
	if judged {
		o.logins.refuse(time.Now(), id, m, []mail.SMTPAuthType{m}, err)
	}
	return err
}

// loggedInNow notes that the login worked. What the server says behind the reply to it
// answers nothing, as nothing is due, and is dropped, unless it refuses or says farewell.
func (o *opening) loggedInNow() {
	o.loggedIn = true
	for o.spoken() {
		line := bufferedLine(o.r)
		if code, _, _, ok := parseLine(bytes.TrimRight(line, "\r\n")); len(line) == 0 || ok && (code >= 400 || code == codeClosing) {
			return
		}
		o.r.Discard(len(line))
	}
}

// loginBySASL logs in by the user's own mechanism.
func (o *opening) loginBySASL(ctx context.Context, params string) error {
	auth, err := called("Endpoint.SASL", func() (SASL, error) { return o.endpoint.SASL(ctx) })
	if err == nil && auth == nil {
		err = errors.New("SASL returned nil")
	}
	if err != nil {
		return fmt.Errorf("pool: no login mechanism: %w", err)
	}
	own := &ownSASL{SASL: auth, ctx: ctx}
	name, initial, err := own.Start()
	if err != nil {
		return o.unable(err)
	}
	if !offersMechanism(params, name) {
		return fmt.Errorf("%w: want %s, offered: %s", ErrNoAuth, quoted(name), quoted(params))
	}
	id := newIdentity(name, string(initial))
	if err := o.logins.mayOffer(time.Now(), id); err != nil {
		return err
	}
	if err := o.wire.arm(o.timeouts.Command); err != nil {
		return err
	}
	if err = o.converse(own, name, initial); err != nil {
		err = withCause(context.Cause(ctx), err)
	}
	m := mail.SMTPAuthType(name)
	if reply, refused := errors.AsType[*classify.Reply](err); refused && reply.Code >= 500 {
		o.logins.refuse(time.Now(), id, m, []mail.SMTPAuthType{m}, err)
	} else if err == nil {
		o.logins.accepted(m)
		o.loggedInNow()
	}
	return err
}

// mayLogin reports whether a secret may be sent: over TLS, to the own machine if the
// endpoint has TLSNone, or where the user allows it in clear text.
func (o *opening) mayLogin() bool {
	t, err := parseTarget(o.endpoint.Addr)
	return o.tls != nil || o.endpoint.AllowInsecureLogin || o.endpoint.mode() == TLSNone && err == nil && t.isLocal()
}

// wanted returns the name of the mechanism, or of all, for an error.
func (o *opening) wanted() string {
	if o.named() {
		return string(o.endpoint.Auth)
	}
	return "any of SCRAM, CRAM-MD5, PLAIN, LOGIN"
}

// named reports whether the endpoint names its mechanism.
func (o *opening) named() bool {
	return o.endpoint.Auth != "" && o.endpoint.Auth != mail.SMTPAuthAutoDiscover
}

// choose returns the mechanisms that are offered in params and may be used, best
// first.
func (o *opening) choose(params string) (chosen []mail.SMTPAuthType) {
	candidates := preferred
	if o.named() {
		candidates = []mail.SMTPAuthType{o.endpoint.Auth}
	}
	for _, m := range candidates {
		if o.tls == nil && strings.HasSuffix(string(m), "-PLUS") {
			continue // binds to the TLS channel
		}
		if offersMechanism(params, string(m)) {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// offersMechanism reports whether a mechanism is among the parameters of AUTH.
func offersMechanism(params, name string) bool {
	return slices.ContainsFunc(fields(params), func(offered string) bool { return strings.EqualFold(offered, name) })
}

// isBroken reports whether a refusal means that the server cannot do the mechanism,
// rather than a wrong secret.
func isBroken(r *classify.Reply) bool {
	return isUnknown(r.Code) || r.Code >= 500 && hasOneOf(r.Text, brokenTexts)
}

// isUnknown reports whether a code says that the server does not do what it was asked for.
func isUnknown(code int) bool {
	switch code {
	case 500, 501, 502, 503, 504, 538: // 538: needs encryption (RFC 4954 6)
		return true
	}
	return false
}

// brokenTexts are parts of the texts of servers that cannot do a mechanism.
var brokenTexts = []string{
	"mechanism", "authentication type", "auth type", "authentication method", "auth method", "unrecognized auth", "unknown auth",
	"not supported", "unsupported", "not implemented", "unimplemented",
}

// ownSASL is the user's own mechanism. A call that does not return is left behind when
// the login ends.
type ownSASL struct {
	SASL
	ctx context.Context // of the login
}

// Start calls Start of the user's mechanism.
func (s *ownSASL) Start() (mechanism string, initial []byte, err error) {
	type started struct {
		mechanism string
		initial   []byte
	}
	out, err := within(s.ctx, "SASL.Start", func() (out started, err error) {
		out.mechanism, out.initial, err = s.SASL.Start()
		return out, err
	})
	if err == nil && (out.mechanism == "" || strings.ContainsFunc(out.mechanism, isControlOrSpace)) {
		err = fmt.Errorf("the mechanism %q is not a name (RFC 4422 3.1)", out.mechanism)
	}
	return out.mechanism, out.initial, err
}

// Next calls Next of the user's mechanism.
func (s *ownSASL) Next(challenge []byte) ([]byte, error) {
	return within(s.ctx, "SASL.Next", func() ([]byte, error) { return s.SASL.Next(challenge) })
}
