package smtptest

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// offersAuth reports whether AUTH is available now.
func (s *session) offersAuth() bool {
	return s.cfg.Users != nil && (s.tls || !s.cfg.RequireTLS)
}

// auth answers AUTH (RFC 4954) once the exchange of its mechanism is complete.
func (s *session) auth(line, arg string) bool {
	if refusal := s.refuseAuth(arg); refusal != "" {
		return s.simple(StageAuth, line, refusal, func(given) {})
	}
	name, initial, _ := strings.Cut(arg, " ")
	x := &exchange{session: s, initial: strings.TrimSpace(initial)}
	user, ok := x.run(strings.ToUpper(name))
	if x.lost {
		return false
	}
	ev := s.event(StageAuth, line)
	ev.User = user
	return s.answer(ev, func() string {
		switch {
		case x.bad:
			return s.cfg.line(501, "5.5.2", "Cannot decode response, or cancelled")
		case !ok:
			return s.cfg.line(535, "5.7.8", "Error: authentication failed")
		}
		return s.cfg.line(235, "2.7.0", "Authentication successful")
	}, func(g given) {
		if g.code == 235 {
			s.user = user
		}
	})
}

// refuseAuth returns the reply to an AUTH that may not begin, else "".
func (s *session) refuseAuth(arg string) string {
	name, _, _ := strings.Cut(arg, " ")
	switch {
	case !s.offersAuth():
		return s.cfg.line(503, "5.5.1", "Error: authentication not enabled")
	case s.helo == "":
		return s.cfg.line(503, "5.5.1", "Error: send HELO/EHLO first")
	case s.user != "":
		return s.cfg.line(503, "5.5.1", "Error: already authenticated")
	case s.tx != nil:
		return s.cfg.line(503, "5.5.1", "Error: MAIL transaction in progress")
	case arg == "":
		return s.cfg.line(501, "5.5.4", "Syntax: AUTH mechanism")
	case !containsFold(s.cfg.Mechanisms, name):
		return s.cfg.line(504, "5.5.4", "Unrecognized authentication type")
	}
	return s.alone("")
}

// exchange is the dialogue of one AUTH command.
type exchange struct {
	session *session
	initial string // the initial response, "" if there is none
	bad     bool   // a response that is not base64, or "*" (RFC 4954, 4)
	lost    bool   // whether the connection ended
}

// run holds the dialogue of a mechanism and returns the user it is about, and
// whether the secret is right.
func (x *exchange) run(mechanism string) (user string, ok bool) {
	switch mechanism {
	case "PLAIN":
		return x.plain()
	case "LOGIN":
		return x.login()
	case "CRAM-MD5":
		return x.cram()
	default:
		return x.xoauth2()
	}
}

// ask sends a challenge and reads the response; an initial response is taken
// first.
func (x *exchange) ask(challenge string) string {
	if x.bad || x.lost {
		return ""
	}
	line := x.initial
	x.initial = ""
	if line == "" {
		s := x.session
		s.reply("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))
		var ok bool
		if !s.flush() {
			x.lost = true
			return ""
		}
		if line, ok = s.readLine(); !ok {
			x.lost = true
			return ""
		}
	}
	if line == "=" { // an empty initial response
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(line)
	x.bad = err != nil
	return string(b)
}

// check compares a secret with that of user.
func (x *exchange) check(user, secret string) bool {
	want, ok := x.session.cfg.Users[user]
	return ok && !x.bad && !x.lost && secret == want
}

// plain carries out PLAIN (RFC 4616): authorization identity, user and secret between
// NULs.
func (x *exchange) plain() (string, bool) {
	parts := strings.Split(x.ask(""), "\x00")
	if len(parts) != 3 {
		return "", false
	}
	return parts[1], x.check(parts[1], parts[2])
}

// login carries out LOGIN (draft-murchison-sasl-login).
func (x *exchange) login() (string, bool) {
	user := x.ask("Username:")
	secret := x.ask("Password:")
	return user, x.check(user, secret)
}

// cram carries out CRAM-MD5 (RFC 2195).
func (x *exchange) cram() (string, bool) {
	s := x.session
	x.initial = "" // not allowed here
	challenge := fmt.Sprintf("<%d.%d@%s>", s.id, s.messages, s.cfg.Hostname)
	user, digest, _ := strings.Cut(x.ask(challenge), " ")
	secret, ok := s.cfg.Users[user]
	mac := hmac.New(md5.New, []byte(secret))
	mac.Write([]byte(challenge))
	return user, ok && !x.bad && !x.lost && digest == hex.EncodeToString(mac.Sum(nil))
}

// xoauth2 carries out XOAUTH2, the mechanism of Google and Microsoft: after a wrong
// token the server explains itself in one more challenge.
func (x *exchange) xoauth2() (string, bool) {
	var user, token string
	for field := range bytes.SplitSeq([]byte(x.ask("")), []byte{1}) {
		if v, ok := strings.CutPrefix(string(field), "user="); ok {
			user = v
		}
		if v, ok := strings.CutPrefix(string(field), "auth=Bearer "); ok {
			token = v
		}
	}
	if x.check(user, token) {
		return user, true
	}
	x.ask(`{"status":"401","schemes":"bearer"}`)
	return user, false
}
