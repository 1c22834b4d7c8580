package pool

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// maxChallenges bounds the challenges of a login; no mechanism needs as many.
const maxChallenges = 8

// authenticate performs the login by a mechanism of ours.
func (o *opening) authenticate(ctx context.Context, auth SASL) error {
	name, initial, err := auth.Start()
	if err != nil {
		return fmt.Errorf("%w: %w", errLoginEnded, o.unable(err)) // nothing was sent
	}
	if err := o.converse(auth, name, initial); err != nil {
		return withCause(context.Cause(ctx), err)
	}
	if p, ok := auth.(prover); ok {
		return p.proved()
	}
	return nil
}

// converse performs the dialogue of a login. Some servers want the initial response
// only when they have asked for it; it is sent again then.
func (o *opening) converse(auth SASL, name string, initial []byte) error {
	o.conceal(auth, initial)
	o.tap.beginLogin()
	defer o.tap.endLogin()
	code, text, err := o.exchange("AUTH " + name + initialArgument(initial))
	alone := initial != nil && err == nil && (code == 500 || code == 501)
	if alone {
		code, text, err = o.exchange("AUTH " + name)
	}
	for i := range maxChallenges {
		switch {
		case err != nil:
			return err
		case code >= 400:
			return o.refusalOf(auth, code, text)
		case code < 300 && code != codeClosing:
			return nil
		case code != codeContinue:
			return fmt.Errorf("%w: reply %d to a login", ErrProtocol, code)
		}
		var response []byte
		if i == 0 && initial != nil && (alone || strings.TrimSpace(text) == "") {
			response = initial
		} else if response, err = o.respond(auth, text); err != nil {
			return o.cancelLogin(err)
		}
		o.conceal(auth, response)
		code, text, err = o.exchange(base64.StdEncoding.EncodeToString(response))
	}
	return fmt.Errorf("%w: more than %d challenges in one login", ErrProtocol, maxChallenges)
}

// Replies to a login.
const (
	codeContinue = 334 // RFC 4954 4
	codeSequence = 503 // also of a client that is logged in already
)

// initialArgument returns the argument of AUTH that holds an initial response; "=" is
// an empty one (RFC 4954 4).
func initialArgument(initial []byte) string {
	switch {
	case initial == nil:
		return ""
	case len(initial) == 0:
		return " ="
	}
	return " " + base64.StdEncoding.EncodeToString(initial)
}

// respond returns the response to a challenge.
func (o *opening) respond(auth SASL, text string) ([]byte, error) {
	_, ours := auth.(challenged)
	_, theirs := auth.(*ownSASL)
	challenge, ok := decodeChallenge(text)
	if !ok && (ours || theirs) {
		return nil, fmt.Errorf("%w: a login challenge is not base64", ErrProtocol)
	}
	return auth.Next(challenge)
}

// decodeChallenge decodes the last line of a challenge. Blanks around it and a lack of
// padding do not matter.
func decodeChallenge(text string) ([]byte, bool) {
	text = strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	challenge, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	return challenge, err == nil
}

// refusalOf returns the error of a reply to a login; nil if the reply says that the
// client is logged in already.
func (o *opening) refusalOf(auth SASL, code int, text string) error {
	said := strings.ToLower(text)
	_, proves := auth.(prover)
	if code == codeSequence && !proves && strings.Contains(said, "already") && hasOneOf(said, alreadyTexts) {
		return nil
	}
	return o.newReply(classify.StageAuth, code, text)
}

// alreadyTexts are parts of the texts for a client that is logged in already.
var alreadyTexts = []string{"auth", "logged", "login", "identif", "signed"}

// cancelLogin ends the dialogue of a mechanism that cannot go on (RFC 4954 4). If the
// server takes that, the error matches errLoginEnded.
func (o *opening) cancelLogin(why error) error {
	if errors.Is(why, errNoProof) || errors.Is(why, context.Canceled) || errors.Is(why, context.DeadlineExceeded) {
		return o.unable(why)
	}
	code, _, err := o.exchange("*")
	if err != nil || code < 500 {
		return o.unable(why)
	}
	return fmt.Errorf("%w: %w", errLoginEnded, o.unable(why))
}

// unable returns the error of a mechanism that cannot go on. Unless it is one of ours,
// only its text is kept, made printable, as that may quote the server.
func (o *opening) unable(err error) error {
	if errors.Is(err, ErrProtocol) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("pool: login cannot go on: %s", quoted(o.secrets.Redact(err.Error())))
}

// conceal has a response removed from what is told, and of the user's own mechanism,
// whose secret is not known, also its parts.
func (o *opening) conceal(auth SASL, response []byte) {
	if _, theirs := auth.(*ownSASL); !theirs {
		o.secrets = o.secrets.AndResponse(string(response))
		return
	}
	o.secrets = o.secrets.AndUnknown(string(response))
}
