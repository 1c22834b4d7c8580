package pool

import (
	"crypto/hmac"
	"crypto/md5"
	"fmt"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// SASL is the client's side of one login (RFC 4422), the value of [Endpoint].SASL.
// The connection's goroutine makes all calls. They may take time, but a connection
// that ends does not wait for them.
type SASL interface {
	// Start returns the name of the mechanism and the initial response, which is
	// nil for a mechanism without one. An empty response that is not nil is sent
	// as such.
	Start() (mechanism string, initial []byte, err error)

	// Next returns the response to a challenge. An error cancels the login.
	Next(challenge []byte) (response []byte, err error)
}

// prover is a SASL that demands proof of the secret from the server.
type prover interface {
	// proved returns nil if the server has given the proof.
	proved() error
}

// challenged is a SASL that reads its challenges. Those of other mechanisms of ours
// are ignored, so that they need not be base64.
type challenged interface{ readsChallenges() }

// newMechanism returns the login by a mechanism. It does not look whether the
// connection is encrypted, which mayLogin has decided.
func (o *opening) newMechanism(m mail.SMTPAuthType, user, secret string, stop <-chan struct{}) SASL {
	switch m {
	case mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1PLUS, mail.SMTPAuthSCRAMSHA1:
		return newSCRAM(m, user, secret, o.tls, stop)
	case mail.SMTPAuthCramMD5:
		return &cramMD5{user, secret}
	case mail.SMTPAuthXOAUTH2:
		return &bearer{name: string(m), initial: "user=" + user + "\x01auth=Bearer " + secret + "\x01\x01"}
	case AuthOAuthBearer:
		return &bearer{name: string(m), initial: oauthBearer(user, secret, o.endpoint), farewell: "\x01"}
	case AuthExternal:
		return &response{name: string(m), text: user}
	case mail.SMTPAuthNTLM:
		return &ntlm{smtp.NTLMAuth(user, secret, "")}
	case mail.SMTPAuthLogin:
		return &login{answers: []string{user, secret}}
	default:
		return &response{name: string(mail.SMTPAuthPlain), text: "\x00" + user + "\x00" + secret}
	}
}

// response is a mechanism of one response, which some servers want only when they
// have asked for it: PLAIN (RFC 4616), EXTERNAL (RFC 4422 A).
type response struct {
	name, text string
	asked      bool
}

// Start implements SASL.
func (r *response) Start() (string, []byte, error) { return r.name, []byte(r.text), nil }

// Next implements SASL.
func (r *response) Next([]byte) ([]byte, error) {
	if r.asked {
		return nil, fmt.Errorf("%w: a second challenge to %s", ErrProtocol, r.name)
	}
	r.asked = true
	return []byte(r.text), nil
}

// login is LOGIN (draft-murchison-sasl-login): the first challenge asks for the user
// and the second for the secret, whatever their texts are.
type login struct{ answers []string }

// Start implements SASL.
func (l *login) Start() (string, []byte, error) { return string(mail.SMTPAuthLogin), nil, nil }

// Next implements SASL.
func (l *login) Next([]byte) ([]byte, error) {
	if len(l.answers) == 0 {
		return nil, fmt.Errorf("%w: a third challenge to LOGIN", ErrProtocol)
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}

// cramMD5 is CRAM-MD5 (RFC 2195).
type cramMD5 struct{ user, secret string }

// Start implements SASL.
func (c *cramMD5) Start() (string, []byte, error) { return string(mail.SMTPAuthCramMD5), nil, nil }

// Next implements SASL.
func (c *cramMD5) Next(challenge []byte) ([]byte, error) {
	mac := hmac.New(md5.New, []byte(c.secret))
	mac.Write(challenge)
	return fmt.Appendf(nil, "%s %x", c.user, mac.Sum(nil)), nil
}

func (c *cramMD5) readsChallenges() {}

// bearer is a mechanism that sends a token: XOAUTH2, OAUTHBEARER (RFC 7628). A
// challenge holds the reason for a refusal and must be answered before that comes.
type bearer struct{ name, initial, farewell string }

// Start implements SASL.
func (b *bearer) Start() (string, []byte, error) { return b.name, []byte(b.initial), nil }

// Next implements SASL.
func (b *bearer) Next([]byte) ([]byte, error) { return []byte(b.farewell), nil }

// oauthBearer returns the initial response of OAUTHBEARER (RFC 7628 3.1).
func oauthBearer(user, token string, e Endpoint) string {
	t, _ := parseTarget(e.Addr)
	return fmt.Sprintf("n,%s,\x01host=%s\x01port=%d\x01auth=Bearer %s\x01\x01", authzid(user), e.host(), t.port, token)
}

// authzid returns the part of a GS2 header that names the identity to act as (RFC 5801
// 4); "" for none.
func authzid(user string) string {
	if user == "" {
		return ""
	}
	return "a=" + scramName.Replace(user)
}

// ntlm adapts the NTLM of go-mail.
type ntlm struct{ auth smtp.Auth }

// Start implements SASL.
func (n *ntlm) Start() (string, []byte, error) { return n.auth.Start(&smtp.ServerInfo{}) }

// Next implements SASL.
func (n *ntlm) Next(challenge []byte) ([]byte, error) { return n.auth.Next(challenge, true) }

func (n *ntlm) readsChallenges() {}
