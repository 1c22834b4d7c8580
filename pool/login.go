package pool

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/classify"
	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// preferred are the mechanisms to choose from by default, best first.
var preferred = []mail.SMTPAuthType{
	mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthSCRAMSHA256,
	mail.SMTPAuthSCRAMSHA1PLUS, mail.SMTPAuthSCRAMSHA1,
	mail.SMTPAuthCramMD5, mail.SMTPAuthPlain, mail.SMTPAuthLogin,
}

// maxChallenges bounds the challenges of a login; no mechanism needs as many.
const maxChallenges = 8

// login logs in with a mechanism of go-mail, made for this connection as it keeps
// state. It does not use go-mail's dialogue (RFC 4954), which sends two more
// commands after a refusal and puts the server's echo of a secret into errors.
func (o *opening) login(ctx context.Context) error {
	if o.endpoint.Credentials == nil {
		return nil
	}
	if !o.mayLogin() {
		return ErrNoTLS
	}
	params, offered := o.extensions["AUTH"]
	mechanism, err := o.choose(params)
	if !offered || err != nil {
		return fmt.Errorf("%w: want %s, offered: %s", ErrNoAuth, o.wanted(), quoted(params))
	}
	user, secret, err := o.askCredentials(ctx)
	if err != nil {
		return err
	}
	o.secrets = newRedactor(user, secret)
	if err := o.wire.arm(o.timeouts.Auth); err != nil {
		return err
	}
	err = o.authenticate(o.mechanism(mechanism, user, secret), params)
	o.loggedIn = err == nil
	return err
}

// mayLogin reports whether a secret may be sent: over TLS, or in clear text to the
// loopback if the endpoint has TLSNone.
func (o *opening) mayLogin() bool {
	return o.tls != nil || o.endpoint.TLS == TLSNone && isLoopback(o.endpoint.host())
}

// askCredentials calls Endpoint.Credentials, within Timeouts.Auth.
func (o *opening) askCredentials(ctx context.Context) (user, secret string, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeouts.Auth)
	defer cancel()
	user, secret, err = o.endpoint.Credentials(ctx)
	if err != nil {
		return "", "", fmt.Errorf("pool: no credentials: %w", newRedactor(user, secret).clean(err))
	}
	return user, secret, nil
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

// choose returns the best mechanism that is offered in params.
func (o *opening) choose(params string) (mail.SMTPAuthType, error) {
	candidates := preferred
	if o.named() {
		candidates = []mail.SMTPAuthType{o.endpoint.Auth}
	}
	offered := strings.Fields(strings.ToUpper(params))
	for _, m := range candidates {
		if o.tls == nil && strings.HasSuffix(string(m), "-PLUS") {
			continue // binds to the TLS channel
		}
		if slices.Contains(offered, string(m)) {
			return m, nil
		}
	}
	return "", ErrNoAuth
}

// mechanism returns the login of go-mail for m. It lets PLAIN and LOGIN go over
// clear text, which mayLogin has decided.
func (o *opening) mechanism(m mail.SMTPAuthType, user, secret string) smtp.Auth {
	switch m {
	case mail.SMTPAuthSCRAMSHA256PLUS:
		return smtp.ScramSHA256PlusAuth(user, secret, o.tls)
	case mail.SMTPAuthSCRAMSHA256:
		return smtp.ScramSHA256Auth(user, secret)
	case mail.SMTPAuthSCRAMSHA1PLUS:
		return smtp.ScramSHA1PlusAuth(user, secret, o.tls)
	case mail.SMTPAuthSCRAMSHA1:
		return smtp.ScramSHA1Auth(user, secret)
	case mail.SMTPAuthCramMD5:
		return smtp.CRAMMD5Auth(user, secret)
	case mail.SMTPAuthXOAUTH2:
		return smtp.XOAuth2Auth(user, secret)
	case mail.SMTPAuthNTLM:
		return smtp.NTLMAuth(user, secret, "")
	case mail.SMTPAuthLogin:
		return smtp.LoginAuth(user, secret, o.endpoint.host(), true)
	default:
		return smtp.PlainAuth("", user, secret, o.endpoint.host(), true)
	}
}

// authenticate performs the dialogue of a login.
func (o *opening) authenticate(auth smtp.Auth, params string) error {
	server := &smtp.ServerInfo{Name: o.endpoint.host(), TLS: o.tls != nil, Auth: strings.Fields(params)}
	mechanism, initial, err := auth.Start(server)
	if err != nil {
		return o.unable(err)
	}
	line := "AUTH " + mechanism
	if len(initial) > 0 {
		line += " " + base64.StdEncoding.EncodeToString(initial)
	}
	for range maxChallenges {
		code, text, err := o.exchange(line)
		switch {
		case err != nil:
			return err
		case code >= 400:
			return o.newReply(classify.StageAuth, code, text)
		case code < 300:
			_, err := auth.Next([]byte(text), false)
			return o.unable(err)
		}
		challenge, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("%w: a login challenge is not base64", ErrProtocol)
		}
		response, err := auth.Next(challenge, true)
		if err != nil {
			return o.unable(err)
		}
		line = base64.StdEncoding.EncodeToString(response)
	}
	return fmt.Errorf("%w: more than %d challenges in one login", ErrProtocol, maxChallenges)
}

// unable returns the error of a mechanism that cannot go on, nil for nil. It keeps
// only the text, made printable, as that may quote the server.
func (o *opening) unable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("pool: login cannot go on: %s", quoted(o.secrets.redact(err.Error())))
}
