package smtptest

import (
	"strconv"
	"strings"
	"time"
)

// dispatch answers one command.
func (s *session) dispatch(line string) bool {
	verb, arg := splitCommand(line)
	if r := s.alone(""); r != "" && !s.cfg.offers("PIPELINING") {
		return s.simple(StageOther, line, r, func(given) {})
	}
	switch verb {
	case "EHLO", "HELO":
		return s.hello(line, verb, arg)
	case "STARTTLS":
		return s.startTLS(line, arg)
	case "AUTH":
		return s.auth(line, arg)
	case "MAIL":
		return s.mail(line, arg)
	case "RCPT":
		return s.rcpt(line, arg)
	case "DATA":
		return s.data(line, arg)
	case "RSET":
		return s.simple(StageRset, line, s.cfg.line(250, "2.0.0", "Ok"), func(given) { s.endTransaction(given{}, false) })
	case "NOOP":
		return s.simple(StageNoop, line, s.alone(s.cfg.line(250, "2.0.0", "Ok")), func(given) {})
	case "QUIT":
		return s.quit(line)
	case "VRFY":
		return s.simple(StageOther, line, s.cfg.line(252, "2.0.0", "Cannot verify, but will take mail"), func(given) {})
	case "":
		return s.simple(StageOther, line, s.cfg.line(500, "5.5.2", "Error: empty line, or line too long"), func(given) {})
	default:
		return s.simple(StageOther, line, s.cfg.line(502, "5.5.2", "Error: command not recognized"), func(given) {})
	}
}

// simple answers a command whose reply does not depend on the state. Only a
// positive reply has the effect.
func (s *session) simple(stage Stage, line, due string, effect func(given)) bool {
	return s.answer(s.event(stage, line), func() string { return due }, func(g given) {
		if g.code/100 == 2 {
			effect(g)
		}
	})
}

// alone returns due for a command that is the last of its group, as RFC 2920,
// 3.1 asks of EHLO, DATA, QUIT and NOOP, and RFC 3207 and 4954 of the others;
// else the reply to a client that did not wait.
func (s *session) alone(due string) string {
	if s.r.Buffered() > 0 {
		return s.cfg.line(503, "5.5.0", "Improper use of SMTP command pipelining")
	}
	return due
}

// quit answers QUIT and ends the session.
func (s *session) quit(line string) bool {
	s.simple(StageQuit, line, s.cfg.line(221, "2.0.0", "Bye"), func(given) { s.endTransaction(given{}, false) })
	return false
}

// mail answers MAIL.
func (s *session) mail(line, arg string) bool {
	nested := s.tx != nil
	if !nested {
		s.messages++
	}
	from, params, err := parsePath(arg, "FROM:")
	ev := s.event(StageMail, line)
	ev.From = from
	return s.answer(ev, func() string {
		if refusal := s.refuseMail(nested, from, params, err); refusal != "" {
			return refusal
		}
		if refusal := s.srv.gate.mail(time.Now(), s.client, s.mails); refusal != "" {
			return s.throttle(refusal)
		}
		return s.cfg.line(250, "2.1.0", "Ok")
	}, func(g given) {
		if !nested {
			s.begin(from, params, g)
		}
	})
}

// refuseMail returns the reply to a MAIL that is wrong in itself, else "".
func (s *session) refuseMail(nested bool, from string, params []string, err error) string {
	switch {
	case nested:
		return s.cfg.line(503, "5.5.1", "Error: nested MAIL command")
	case s.helo == "":
		return s.cfg.line(503, "5.5.1", "Error: send HELO/EHLO first")
	case s.cfg.RequireTLS && !s.tls:
		return s.cfg.line(530, "5.7.0", "Must issue a STARTTLS command first")
	case s.cfg.RequireAuth && s.user == "":
		return s.cfg.line(530, "5.7.0", "Authentication required")
	case err != nil:
		return s.cfg.line(501, "5.5.4", "Syntax: MAIL FROM:<address>")
	}
	return s.checkMailParams(from, params)
}

// checkMailParams returns the reply to parameters that cannot be accepted.
func (s *session) checkMailParams(from string, params []string) string {
	utf8 := false
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		extension := ""
		switch strings.ToUpper(name) {
		case "SIZE":
			extension = "SIZE"
			if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < 0 {
				return s.cfg.line(501, "5.5.4", "Bad message size syntax")
			} else if n > s.cfg.MaxSize {
				return s.cfg.line(552, "5.3.4", "Message size exceeds fixed limit")
			}
		case "BODY":
			extension = "8BITMIME"
		case "SMTPUTF8":
			extension, utf8 = "SMTPUTF8", true
		case "RET", "ENVID":
			extension = "DSN"
		case "AUTH":
			if s.cfg.Users == nil {
				return s.unsupported(p)
			}
		default:
			return s.unsupported(p)
		}
		if extension != "" && !s.cfg.offers(extension) {
			return s.unsupported(p)
		}
	}
	if !ascii(from) && !utf8 {
		return s.cfg.line(553, "5.6.7", "Address needs SMTPUTF8")
	}
	return ""
}

func (s *session) unsupported(param string) string {
	return s.cfg.line(555, "5.5.4", "Unsupported option: "+param)
}

// rcpt answers RCPT.
func (s *session) rcpt(line, arg string) bool {
	to, params, err := parsePath(arg, "TO:")
	ev := s.event(StageRcpt, line)
	ev.Recipient = to
	if s.tx != nil {
		ev.Rcpt = len(s.tx.Recipients) + 1
	}
	return s.answer(ev, func() string {
		if refusal := s.refuseRcpt(to, params, err); refusal != "" {
			return refusal
		}
		n, in := s.tx.accepted, s.tx.domains[domainOf(to)]
		if refusal := s.srv.gate.rcpt(time.Now(), triple{s.client, s.tx.From, to}, n, in); refusal != "" {
			return s.throttle(refusal)
		}
		s.tx.domains[domainOf(to)]++
		return s.cfg.line(250, "2.1.5", "Ok")
	}, func(g given) {
		if s.tx != nil {
			s.tx.add(to, params, g)
		}
	})
}

// refuseRcpt returns the reply to a RCPT that is wrong in itself, else "".
func (s *session) refuseRcpt(to string, params []string, err error) string {
	switch {
	case s.tx == nil:
		return s.cfg.line(503, "5.5.1", "Error: need MAIL command")
	case err != nil:
		return s.cfg.line(501, "5.5.4", "Syntax: RCPT TO:<address>")
	case !ascii(to) && !s.tx.utf8():
		return s.cfg.line(553, "5.6.7", "Address needs SMTPUTF8")
	}
	for _, p := range params {
		name, _, _ := strings.Cut(strings.ToUpper(p), "=")
		if name != "NOTIFY" && name != "ORCPT" || !s.cfg.offers("DSN") {
			return s.unsupported(p)
		}
	}
	return ""
}
