package smtptest

import (
	"strings"
	"testing"
)

// opened is a dialogue up to an accepted recipient.
const opened = `
	< 220 mx.test ESMTP
	> EHLO client.test
	< 250
	> MAIL FROM:<a@example.com>
	< 250 2.1.0
	> RCPT TO:<b@example.org>
	< 250 2.1.5
`

func TestDialogues(t *testing.T) {
	login := Config{Users: map[string]string{"u": "p"}, RequireAuth: true}
	tests := []struct {
		name   string
		cfg    Config
		script string
	}{
		{"one message", Config{}, opened + "> DATA\n< 354\n> Subject: x||text|.\n< 250 2.0.0 Ok: queued as 1-1\n> QUIT\n< 221\n< EOF"},
		{"pipelined, the next envelope behind the dot", Config{}, `
			< 220
			> EHLO c
			< 250
			> MAIL FROM:<a@b.c>|RCPT TO:<d@e.f>|DATA
			< 250 2.1.0
			< 250 2.1.5
			< 354
			> x|.|MAIL FROM:<a@b.c>|RCPT TO:<d@e.f>|DATA
			< 250 2.0.0
			< 250 2.1.0
			< 250 2.1.5
			< 354
			> y|.|QUIT
			< 250 2.0.0 Ok: queued as 1-2
			< 221
			< EOF`},
		{"MAIL before EHLO", Config{}, "< 220\n> MAIL FROM:<a@b.c>\n< 503 5.5.1 Error: send HELO"},
		{"EHLO without a name", Config{}, "< 220\n> EHLO\n< 501"},
		{"HELO", Config{}, "< 220\n> HELO c\n< 250 mx.test\n> MAIL FROM:<>\n< 250"},
		{"nested MAIL", Config{}, opened + "> MAIL FROM:<a@b.c>\n< 503 5.5.1 Error: nested\n> DATA\n< 354\n> .\n< 250 2.0.0 Ok: queued as 1-1"},
		{"RSET ends a transaction", Config{}, opened + "> RSET\n< 250\n> RCPT TO:<b@c.d>\n< 503\n> MAIL FROM:<a@b.c>\n< 250"},
		{"EHLO ends a transaction", Config{}, opened + "> EHLO c\n< 250\n> DATA\n< 503"},
		{"RCPT before MAIL", Config{}, "< 220\n> EHLO c\n< 250\n> RCPT TO:<b@c.d>\n< 503 5.5.1 Error: need MAIL"},
		{"DATA without a recipient", Config{}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<>\n< 250\n> DATA\n< 554 5.5.1"},
		{"DATA with an argument", Config{}, opened + "> DATA now\n< 501"},
		{"a message in the group of its DATA", Config{}, opened + "> DATA|text\n< 503 5.5.0 Improper"},
		{"NOOP within a group", Config{}, "< 220\n> EHLO c\n< 250\n> NOOP|NOOP\n< 503 5.5.0\n< 250"},
		{"bad sender", Config{}, "< 220\n> EHLO c\n< 250\n> MAIL FROM: a@b.c\n< 501 5.5.4"},
		{"bad recipient", Config{}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<>\n< 250\n> RCPT TO:<>\n< 501 5.5.4"},
		{"postmaster needs no domain", Config{}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<>\n< 250\n> RCPT TO:<Postmaster>\n< 250"},
		{"unknown command", Config{}, "< 220\n> FOO\n< 502\n> |\n< 500"},
		{"VRFY", Config{}, "< 220\n> VRFY x\n< 252"},
		{"line too long", Config{}, "< 220\n> NOOP " + strings.Repeat("x", 20000) + "\n< 500\n> NOOP\n< 250"},
		{"unknown parameter of MAIL", Config{}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<> FOO=1\n< 555 5.5.4 Unsupported option: FOO=1"},
		{"parameters of MAIL", Config{}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<ä@b.c> SIZE=1 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x\n< 250\n> RCPT TO:<ö@b.c> NOTIFY=NEVER ORCPT=rfc822;x\n< 250"},
		{"unknown parameter of RCPT", Config{}, opened + "> RCPT TO:<x@b.c> FOO\n< 555"},
		{"AUTH= without logins", Config{}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<> AUTH=<>\n< 555"},
		{"AUTH= with logins", Config{Users: login.Users}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<> AUTH=<>\n< 250"},
		{"UTF-8 sender without SMTPUTF8", Config{}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<ä@b.c>\n< 553 5.6.7"},
		{"UTF-8 recipient without SMTPUTF8", Config{}, opened + "> RCPT TO:<ä@b.c>\n< 553 5.6.7"},
		{"declared size too large", Config{MaxSize: 10}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<> SIZE=11\n< 552 5.3.4"},
		{"declared size unreadable", Config{}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<> SIZE=-1\n< 501"},
		{"size too large", Config{MaxSize: 10}, opened + "> DATA\n< 354\n> 123456789|.\n< 552 5.3.4"},
		{"size just right", Config{MaxSize: 10}, opened + "> DATA\n< 354\n> 12345678|.\n< 250"},
		{"an extension left out is refused", Config{Omit: []string{"size"}}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<> SIZE=1\n< 555"},
		{"no DSN", Config{Omit: []string{"DSN"}}, opened + "> RCPT TO:<x@b.c> NOTIFY=NEVER\n< 555"},
		{"no enhanced codes", Config{Omit: []string{"ENHANCEDSTATUSCODES"}}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<>\n< 250 Ok"},
		{"no pipelining", Config{Omit: []string{"PIPELINING"}}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<>|RCPT TO:<a@b.c>\n< 503 5.5.0"},
		{"login required", login, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<>\n< 530 5.7.0 Auth"},
		{"TLS required", Config{StartTLS: true, RequireTLS: true}, "< 220\n> EHLO c\n< 250\n> MAIL FROM:<>\n< 530 5.7.0 Must"},
		{"STARTTLS not offered", Config{}, "< 220\n> STARTTLS\n< 502"},
		{"STARTTLS with an argument", Config{StartTLS: true}, "< 220\n> STARTTLS x\n< 501"},
		{"STARTTLS within a group", Config{StartTLS: true}, "< 220\n> STARTTLS|NOOP\n< 503 5.5.0\n< 250"},
		{"no handshake after STARTTLS", Config{StartTLS: true}, "< 220\n> STARTTLS\n< 220\nhangup"},
		{"another name", Config{Hostname: "mail.example"}, "< 220 mail.example ESMTP"},
		{"idle client", Config{}, "< 220\nwait 4m59s\n> NOOP\n< 250\nwait 5m\n< 421 4.4.2 mx.test Error: timeout\n< EOF"},
		{"idle within a message", Config{}, opened + "> DATA\n< 354\n> x\nwait 5m\n< 421 4.4.2\n< EOF"},
		{"the next session starts anew", Config{}, opened + "redial\n< 220\n> MAIL FROM:<>\n< 503"},
		{"too many errors", Config{Limits: Limits{Errors: Cap{Max: 2}}}, opened + "> FOO\n< 502\n> FOO\n< 502\n> DATA\n< 421 4.7.0 mx.test Error: too many errors\n< EOF"},
		{"refused for now is an error too", Config{Limits: Limits{Errors: Cap{Max: 1}, RecipientsPerMessage: Cap{Max: 1}}}, opened + "> RCPT TO:<x@example.org>\n< 452\n> NOOP\n< 421"},
		{"a message forgives errors", Config{Limits: Limits{Errors: Cap{Max: 2}}}, opened + "> FOO\n< 502\n> DATA\n< 354\n> .\n< 250\n> FOO\n< 502\n> NOOP\n< 250"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.cfg, func(t *testing.T, srv *Server) { play(t, srv, tt.script) })
		})
	}
}

func TestCapabilities(t *testing.T) {
	users := map[string]string{"u": "p"}
	tests := []struct {
		name string
		cfg  Config
		tls  bool
		want string
	}{
		{"default", Config{}, false, "250-mx.test 250-PIPELINING 250-SIZE 26214400 250-8BITMIME 250-ENHANCEDSTATUSCODES 250-DSN 250 SMTPUTF8"},
		{"left out and added", Config{Omit: []string{"DSN", "SMTPUTF8", "8BITMIME"}, Offer: []string{"LIMITS MAILMAX=2"}, MaxSize: 7}, false,
			"250-mx.test 250-PIPELINING 250-SIZE 7 250-ENHANCEDSTATUSCODES 250 LIMITS MAILMAX=2"},
		{"nothing", Config{Omit: extensions}, false, "250 mx.test"},
		{"clear text", Config{Omit: extensions, StartTLS: true, Users: users}, false, "250-mx.test 250-STARTTLS 250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2"},
		{"clear text with TLS required", Config{Omit: extensions, StartTLS: true, RequireTLS: true, Users: users}, false, "250-mx.test 250 STARTTLS"},
		{"TLS", Config{Omit: extensions, StartTLS: true, RequireTLS: true, Users: users, Mechanisms: []string{"PLAIN"}}, true, "250-mx.test 250 AUTH PLAIN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := tt.cfg.withDefaults()
			s := &session{cfg: &cfg, tls: tt.tls}
			if got := strings.ReplaceAll(s.capabilities(), "\n", " "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
